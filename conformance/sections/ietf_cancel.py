"""IETF draft: cancelling an upload."""

from conformance.checks import Section
from conformance.draft import append, create, finish
from conformance.offer import DRAFT
from conformance.probe import Probe
from conformance.specification import Specification
from conformance.verdict import Level
from conformance.want import want_no_header, want_status, want_success

SECTION = Section("Upload Cancellation", specification=Specification.IETF)

NEEDS = (DRAFT,)


@SECTION.check(
    "RUFH-DEL-1",
    level=Level.SHOULD,
    wants="DELETE cancels an upload, at its beginning and later.",
    needs=NEEDS,
)
async def an_upload_can_be_cancelled(probe: Probe) -> None:
    for content in (b"", b"hello"):
        want_success(await probe.delete(await create(probe, body=content)))


@SECTION.check(
    "RUFH-DEL-1",
    level=Level.SHOULD,
    wants="A cancelled upload is gone: whatever comes then is answered 404 or 410, without an offset.",
    needs=NEEDS,
)
async def a_cancelled_upload_is_gone(probe: Probe) -> None:
    upload = await create(probe, body=b"hello")
    want_success(await probe.delete(upload))
    for later in (
        await probe.head(upload),
        await append(probe, upload, 5, b" worl"),
        await finish(probe, upload, 5, b""),
        await probe.delete(upload),
    ):
        want_status(later, 404, 410)
        want_no_header(later, "Upload-Offset")
