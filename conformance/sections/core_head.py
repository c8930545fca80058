"""Core: HEAD."""

from conformance.checks import Section
from conformance.probe import TUS, Probe
from conformance.verdict import Failed, Level
from conformance.want import want_header, want_no_header, want_status, want_value

SECTION = Section("Core Protocol, HEAD")


@SECTION.check(
    "CORE-HEAD-1",
    level=Level.MUST,
    wants="HEAD says Upload-Offset always, even if the offset is 0 or the upload is already complete.",
)
async def head_says_the_offset(probe: Probe) -> None:
    upload = await probe.create(10)
    want_value(await probe.head(upload), "Upload-Offset", 0)
    await probe.patch(upload, 0, b"hello")
    want_value(await probe.head(upload), "Upload-Offset", 5)
    await probe.patch(upload, 5, b"world")
    want_value(await probe.head_when_free(upload), "Upload-Offset", 10)


@SECTION.check(
    "CORE-HEAD-2",
    level=Level.MUST,
    wants="If the size of the upload is known, HEAD says Upload-Length.",
)
async def head_says_the_length(probe: Probe) -> None:
    upload = await probe.create(5)
    want_value(await probe.head(upload), "Upload-Length", 5)
    await probe.patch(upload, 0, b"hello")
    want_value(await probe.head_when_free(upload), "Upload-Length", 5)


@SECTION.check(
    "CORE-HEAD-3",
    level=Level.MUST,
    wants="HEAD carries Cache-Control: no-store, so that no cache tells an old offset.",
)
async def head_is_not_cached(probe: Probe) -> None:
    response = await probe.head(await probe.create(10))
    want_header(response, "Cache-Control")
    directives = [directive.lower() for directive in response.listed("Cache-Control")]
    if "no-store" not in directives:
        raise Failed(f"wanted no-store in Cache-Control, found {directives}")


@SECTION.check(
    "CORE-HEAD-4",
    level=Level.MUST,
    wants="If the upload is not found, HEAD does not say Upload-Offset.",
)
async def an_unknown_upload_has_no_offset(probe: Probe) -> None:
    for name in ("00000000000000000000000000000000", "non-existent-id"):
        response = await probe.head(probe.base.beside(name))
        want_no_header(response, "Upload-Offset")
        if response.succeeded:
            raise Failed(f"wanted a refusal of an unknown upload, found {response.status}")


@SECTION.check(
    "CORE-HEAD-4",
    level=Level.SHOULD,
    wants="If the upload is not found, HEAD is answered 404, 410 or 403.",
)
async def an_unknown_upload_is_not_found(probe: Probe) -> None:
    names = ("00000000000000000000000000000000", "non-existent-id", "a%00b", "x" * 300)
    for name in names:
        want_status(await probe.head(probe.base.beside(name)), 404, 410, 403)


@SECTION.check(
    "CORE-HEAD-5",
    level=Level.SHOULD,
    wants="A successful HEAD is answered 200 or 204.",
)
async def head_succeeds_plainly(probe: Probe) -> None:
    want_status(await probe.head(await probe.create(10)), 200, 204)


@SECTION.check(
    "CORE-HEAD-5",
    level=Level.HABIT,
    wants="A successful HEAD is answered 200: tus-js-client and Uppy take nothing else.",
)
async def head_succeeds_with_200(probe: Probe) -> None:
    want_status(await probe.head(await probe.create(10)), 200)


@SECTION.check(
    "CORE-HEAD-5",
    level=Level.MUST,
    wants="HEAD has no body: the next response on the connection begins at once (RFC 9110, 9.3.2).",
)
async def head_has_no_body(probe: Probe) -> None:
    upload = await probe.create(10)
    sent = probe.head_bytes("HEAD", upload, TUS)
    async with probe.connect(upload) as connection:
        await connection.write(sent)
        first = await probe.answer(connection, sent, "HEAD")
        if "close" in [token.lower() for token in first.listed("Connection")]:
            return
        await connection.write(sent)
        second = await probe.answer(connection, sent, "HEAD")
        want_value(second, "Upload-Offset", 0)
