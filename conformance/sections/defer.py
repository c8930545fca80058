"""Extension: Creation, Upload-Defer-Length."""

from conformance.checks import Section
from conformance.probe import OCTETS, TUS, Probe
from conformance.verdict import Failed, Level, NotOffered
from conformance.want import (
    want_content,
    want_no_header,
    want_no_success,
    want_offset,
    want_refusal,
    want_status,
    want_success,
    want_value,
)

SECTION = Section("Creation, Upload-Defer-Length")

NEEDS = ("creation-defer-length",)
DEFERRED = "Upload-Defer-Length: 1"


@SECTION.check(
    "DEFER-1",
    level=Level.MUST,
    wants="A server that lets the length be deferred adds creation-defer-length to Tus-Extension.",
)
async def deferring_is_announced(probe: Probe) -> None:
    response = await probe.ask("POST", probe.base, TUS, DEFERRED)
    if probe.announces("creation-defer-length"):
        want_status(response, 201)
    elif response.status == 201:
        raise Failed("a length was deferred, but creation-defer-length is not in Tus-Extension")
    else:
        raise NotOffered("creation-defer-length is not in Tus-Extension")


@SECTION.check(
    "DEFER-2",
    level=Level.MUST,
    wants="The value of Upload-Defer-Length is 1; any other is refused.",
    needs=NEEDS,
)
async def the_only_value_is_one(probe: Probe) -> None:
    for text in ("0", "2", "true", "-1", "01", "1 1", ""):
        response = await probe.ask("POST", probe.base, TUS, f"Upload-Defer-Length: {text}")
        want_no_success(response, f"Upload-Defer-Length: {text!r}")


@SECTION.check(
    "DEFER-2",
    level=Level.SHOULD,
    wants="Another value of Upload-Defer-Length is answered 400.",
    needs=NEEDS,
)
async def other_values_are_answered_400(probe: Probe) -> None:
    for text in ("0", "2", "true"):
        want_status(await probe.ask("POST", probe.base, TUS, f"Upload-Defer-Length: {text}"), 400)


@SECTION.check(
    "DEFER-3",
    level=Level.MUST,
    wants="While the length is unknown, HEAD says Upload-Defer-Length: 1 and no Upload-Length.",
    needs=NEEDS,
)
async def head_says_that_the_length_is_deferred(probe: Probe) -> None:
    head = await probe.head(await probe.create_by(DEFERRED))
    want_value(head, "Upload-Defer-Length", 1)
    want_no_header(head, "Upload-Length")
    want_value(head, "Upload-Offset", 0)


@SECTION.check(
    "DEFER-3",
    level=Level.MUST,
    wants="Once the length is known, HEAD says Upload-Length and no Upload-Defer-Length.",
    needs=NEEDS,
)
async def head_says_the_late_length(probe: Probe) -> None:
    upload = await probe.create_by(DEFERRED)
    want_status(await probe.patch(upload, 0, b"hello", "Upload-Length: 10"), 204)
    head = await probe.head(upload)
    want_value(head, "Upload-Length", 10)
    want_no_header(head, "Upload-Defer-Length")


@SECTION.check(
    "DEFER-4",
    level=Level.MUST,
    wants="The length may come with any PATCH, once it is known; PATCHes before it are taken.",
    needs=NEEDS,
)
async def the_length_may_come_last(probe: Probe) -> None:
    upload = await probe.create_by(DEFERRED)
    want_status(await probe.patch(upload, 0, b"hello"), 204)
    want_status(await probe.patch(upload, 5, b" wor"), 204)
    want_status(await probe.patch(upload, 9, b"ld", "Upload-Length: 11"), 204)
    head = await probe.head_when_free(upload)
    want_value(head, "Upload-Length", 11)
    want_value(head, "Upload-Offset", 11)
    await want_content(probe, upload, b"hello world")


@SECTION.check(
    "DEFER-5",
    level=Level.MUST,
    wants="Once it is set, the length does not change.",
    needs=NEEDS,
)
async def the_length_never_changes(probe: Probe) -> None:
    upload = await probe.create_by(DEFERRED)
    await probe.patch(upload, 0, b"hello", "Upload-Length: 10")
    await probe.patch(upload, 5, b"w", "Upload-Length: 20")
    want_value(await probe.head(upload), "Upload-Length", 10)
    fixed = await probe.create(10)
    await probe.patch(fixed, 0, b"hello", "Upload-Length: 20")
    want_value(await probe.head(fixed), "Upload-Length", 10)


@SECTION.check(
    "DEFER-5",
    level=Level.HABIT,
    wants="A PATCH that would change the length is refused as a whole.",
    needs=NEEDS,
)
async def another_length_is_refused(probe: Probe) -> None:
    upload = await probe.create_by(DEFERRED)
    await probe.patch(upload, 0, b"hello", "Upload-Length: 10")
    want_refusal(await probe.patch(upload, 5, b"w", "Upload-Length: 20"))
    await want_offset(probe, upload, 5, "because the PATCH was refused")
    want_status(await probe.patch(upload, 5, b"w", "Upload-Length: 10"), 204)


@SECTION.check(
    "DEFER-6",
    level=Level.HABIT,
    wants="A length below the offset is refused.",
    needs=NEEDS,
)
async def a_length_below_the_offset_is_refused(probe: Probe) -> None:
    upload = await probe.create_by(DEFERRED)
    await probe.patch(upload, 0, b"hello")
    want_refusal(await probe.patch(upload, 5, b"", "Upload-Length: 3"))
    want_value(await probe.head(upload), "Upload-Offset", 5)


@SECTION.check(
    "DEFER-7",
    level=Level.HABIT,
    wants="An empty PATCH with Upload-Length completes the upload: tus-js-client ends streams like that.",
    needs=NEEDS,
)
async def an_empty_patch_may_bring_the_length(probe: Probe) -> None:
    upload = await probe.create_by(DEFERRED)
    await probe.patch(upload, 0, b"hello")
    want_status(await probe.patch(upload, 5, b"", "Upload-Length: 5"), 204)
    head = await probe.head_when_free(upload)
    want_value(head, "Upload-Length", 5)
    want_value(head, "Upload-Offset", 5)


@SECTION.check(
    "DEFER-8",
    level=Level.HABIT,
    wants="A length may be deferred in a POST that has a body.",
    needs=("creation-defer-length", "creation-with-upload"),
)
async def a_deferred_upload_may_begin_in_its_post(probe: Probe) -> None:
    response = await probe.ask("POST", probe.base, TUS, OCTETS, DEFERRED, body=b"hello")
    want_success(response)
    upload = probe.created(response)
    await want_offset(probe, upload, 5, "the bytes in the POST")
    want_status(await probe.patch(upload, 5, b"!", "Upload-Length: 6"), 204)


@SECTION.check(
    "DEFER-8",
    level=Level.HABIT,
    wants="A partial upload may defer its length.",
    needs=("creation-defer-length", "concatenation"),
)
async def a_partial_may_defer_its_length(probe: Probe) -> None:
    response = await probe.ask("POST", probe.base, TUS, DEFERRED, "Upload-Concat: partial")
    want_status(response, 201)


@SECTION.check(
    "DEFER-9",
    level=Level.HABIT,
    wants="The length in a PATCH that is refused does not stick.",
    needs=NEEDS,
)
async def the_length_of_a_refused_patch_does_not_stick(probe: Probe) -> None:
    upload = await probe.create_by(DEFERRED)
    want_status(await probe.patch(upload, 7, b"hello", "Upload-Length: 10"), 409)
    refused = await probe.ask("PATCH", upload, TUS, "Upload-Offset: 0", "Upload-Length: 10", body=b"hello")
    want_no_success(refused, "a PATCH without Content-Type")
    head = await probe.head(upload)
    want_no_header(head, "Upload-Length")
    want_value(head, "Upload-Defer-Length", 1)
