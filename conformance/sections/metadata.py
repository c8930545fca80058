"""Extension: Creation, Upload-Metadata."""

from conformance.checks import Section
from conformance.probe import TUS, Probe
from conformance.verdict import Failed, Level
from conformance.want import (
    want_no_header,
    want_no_success,
    want_pairs,
    want_refusal,
    want_status,
    want_success,
    want_value,
)

SECTION = Section("Creation, Upload-Metadata")

NEEDS = ("creation",)


@SECTION.check(
    "META-1",
    level=Level.MUST,
    wants="Upload-Metadata is one or more comma-separated pairs of a key and a Base64 value.",
    needs=NEEDS,
)
async def pairs_are_taken(probe: Probe) -> None:
    for raw in ("filename aGVsbG8udHh0,filetype dGV4dC9wbGFpbg==", "filename YQ==,filetype Yg==,k-1_.~ Pz8/"):
        await _want_taken(probe, raw)


async def _want_taken(probe: Probe, raw: str) -> None:
    """The metadata is accepted, and HEAD says the same pairs."""
    response = await probe.ask("POST", probe.base, TUS, "Upload-Length: 5", f"Upload-Metadata: {raw}")
    want_status(response, 201)
    head = await probe.head(probe.created(response))
    want_success(head)
    want_pairs(head, raw)


@SECTION.check(
    "META-3",
    level=Level.HABIT,
    wants="A value may be any bytes, not only UTF-8.",
    needs=NEEDS,
)
async def values_may_be_binary(probe: Probe) -> None:
    await _want_taken(probe, "filename YQ==,filetype Yg==,k /+8=")


@SECTION.check(
    "META-2",
    level=Level.MUST,
    wants="A key must not be empty, and contains no spaces or commas.",
    needs=NEEDS,
)
async def keys_are_not_empty(probe: Probe) -> None:
    for raw in (",", "a YQ==,,b Yg=="):
        await _want_refused(probe, raw)


@SECTION.check(
    "META-2",
    level=Level.SHOULD,
    wants="A key is ASCII.",
    needs=NEEDS,
)
async def keys_are_ascii(probe: Probe) -> None:
    response = await probe.ask("POST", probe.base, TUS, "Upload-Length: 5", "Upload-Metadata: cl\u00e9 YQ==")
    want_refusal(response)


@SECTION.check(
    "META-3",
    level=Level.MUST,
    wants="A value is Base64 (RFC 4648, 4: standard alphabet, padded).",
    needs=NEEDS,
)
async def values_are_base64(probe: Probe) -> None:
    for raw in ("filename !!!", "k YQ", "k YQ==x", "k Y Q==", "k -_8=", "a YQ==,k ?"):
        await _want_refused(probe, raw)


@SECTION.check(
    "META-4",
    level=Level.MUST,
    wants="All keys are unique.",
    needs=NEEDS,
)
async def keys_are_unique(probe: Probe) -> None:
    await _want_refused(probe, "a YQ==,a Yg==")


async def _want_refused(probe: Probe, raw: str) -> None:
    response = await probe.ask("POST", probe.base, TUS, "Upload-Length: 5", f"Upload-Metadata: {raw}")
    want_no_success(response, f"Upload-Metadata: {raw}")
    want_refusal(response)


@SECTION.check(
    "META-5",
    level=Level.HABIT,
    wants="A key may stand alone, with or without the space after it.",
    needs=NEEDS,
)
async def values_may_be_empty(probe: Probe) -> None:
    for raw in ("k", "a YQ==,k", "k ,a YQ==", "k,a YQ=="):
        response = await probe.ask("POST", probe.base, TUS, "Upload-Length: 5", f"Upload-Metadata: {raw}")
        want_status(response, 201)
        await probe.head(probe.created(response))


@SECTION.check(
    "META-6",
    level=Level.MUST,
    wants="HEAD says Upload-Metadata as the client specified it during the creation.",
    needs=NEEDS,
)
async def metadata_comes_back(probe: Probe) -> None:
    raw = "zeta eg==,filename w6QudHh0,filetype Yg==,alpha YQ=="
    await _want_taken(probe, raw)


@SECTION.check(
    "META-6",
    level=Level.SHOULD,
    wants="HEAD says Upload-Metadata byte for byte: the same order, bare keys bare.",
    needs=NEEDS,
)
async def metadata_comes_back_byte_for_byte(probe: Probe) -> None:
    raw = "zeta eg==,is_confidential,filename w6QudHh0,filetype Yg=="
    upload = await probe.create(5, f"Upload-Metadata: {raw}")
    want_value(await probe.head(upload), "Upload-Metadata", raw)


@SECTION.check(
    "META-6",
    level=Level.MUST,
    wants="HEAD still says Upload-Metadata when the upload is complete.",
    needs=NEEDS,
)
async def metadata_outlives_the_transfer(probe: Probe) -> None:
    raw = "filename aGVsbG8udHh0,filetype dGV4dC9wbGFpbg=="
    upload = await probe.uploaded(b"hello", f"Upload-Metadata: {raw}")
    want_pairs(await probe.head_when_free(upload), raw)


@SECTION.check(
    "META-7",
    level=Level.HABIT,
    wants="An empty Upload-Metadata counts as none: tuspy always sends the header.",
    needs=NEEDS,
)
async def empty_metadata_is_none(probe: Probe) -> None:
    response = await probe.ask("POST", probe.base, TUS, "Upload-Length: 5", "Upload-Metadata: ")
    want_status(response, 201)
    head = await probe.head(probe.created(response))
    if head.header("Upload-Metadata"):
        want_no_header(head, "Upload-Metadata")


@SECTION.check(
    "META-8",
    level=Level.HABIT,
    wants="Spaces after the commas are tolerated: older aiotus sends them.",
    needs=NEEDS,
)
async def spaces_after_commas_are_tolerated(probe: Probe) -> None:
    line = "Upload-Metadata: a YQ==, b Yg=="
    want_status(await probe.ask("POST", probe.base, TUS, "Upload-Length: 5", line), 201)


@SECTION.check(
    "META-8",
    level=Level.HABIT,
    wants="An empty element at the end is refused.",
    needs=NEEDS,
)
async def an_empty_last_element_is_refused(probe: Probe) -> None:
    await _want_refused(probe, "a YQ==,")


@SECTION.check(
    "META-9",
    level=Level.SHOULD,
    wants="Values are sanitised before they are used: what a client names never becomes a header or a path.",
    needs=NEEDS,
)
async def hostile_values_stay_values(probe: Probe) -> None:
    for raw in (
        "filename YQ0KWC1JbmplY3RlZDogeWVz",  # "a\r\nX-Injected: yes"
        "filename Li4vLi4vLi4vZXRjL3Bhc3N3ZA==",  # "../../../etc/passwd"
        # "a\0b" and "text/html\r\nX-Injected: yes"
        "filename YQBi,filetype dGV4dC9odG1sDQpYLUluamVjdGVkOiB5ZXM=",
    ):
        response = await probe.ask("POST", probe.base, TUS, "Upload-Length: 5", f"Upload-Metadata: {raw}")
        if not response.succeeded:
            want_refusal(response)
            continue
        upload = probe.created(response)
        await probe.patch(upload, 0, b"hello")
        for answer in (await probe.head_when_free(upload), await probe.ask("GET", upload, TUS)):
            want_no_header(answer, "X-Injected")
            if answer.status >= 500:
                raise Failed(f"wanted no server error for hostile metadata, found {answer.status}")


_LARGE = "A" * 12_000


@SECTION.check(
    "META-10",
    level=Level.HABIT,
    wants="Large metadata is taken, or refused with 4xx in tus's own form (Tus-Resumable).",
    needs=NEEDS,
)
async def large_metadata_is_answered(probe: Probe) -> None:
    raw = f"filename YQ==,filetype Yg==,k {_LARGE}"
    response = await probe.ask("POST", probe.base, TUS, "Upload-Length: 5", f"Upload-Metadata: {raw}")
    if response.succeeded:
        want_value(await probe.head(probe.created(response)), "Upload-Metadata", raw)
        return
    want_refusal(response)
    want_value(response, "Tus-Resumable", "1.0.0")
