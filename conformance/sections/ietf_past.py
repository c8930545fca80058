"""IETF draft: bytes past the length, and past the end."""

from conformance.checks import Section
from conformance.draft import append, begin, create, finish, finished
from conformance.offer import DRAFT
from conformance.probe import Probe
from conformance.request import Chunked
from conformance.specification import Specification
from conformance.verdict import Failed, Level, NotOffered
from conformance.want import want_no_success, want_refusal
from conformance.want_draft import want_complete, want_incomplete

# Bodies that end too late bring weak servers down.
SECTION = Section("Upload Append, Completeness and Length", specification=Specification.IETF, rough=True)

NEEDS = (DRAFT,)

_TOO_LONG = (b"hello world", Chunked((b"hello", b" world")))


@SECTION.check(
    "RUFH-PAT-4",
    level=Level.MUST,
    wants="Content that goes past the length is refused, whether its size is said before or not.",
    needs=NEEDS,
)
async def content_past_the_length_is_refused(probe: Probe) -> None:
    for content in _TOO_LONG:
        upload = await create(probe, "Upload-Length: 8")
        refused = await append(probe, upload, 0, content)
        want_no_success(refused, "11 bytes for a length of 8")
        want_refusal(refused)
        _want_at_most(await probe.offset(upload), 8)
        want_no_success(await begin(probe, "Upload-Length: 8", body=content), "11 bytes for a length of 8")


def _want_at_most(offset: int | None, length: int) -> None:
    if offset is not None and offset > length:
        raise Failed(f"wanted an offset of at most {length}, the length; found {offset}")


@SECTION.check(
    "RUFH-PAT-4",
    level=Level.MUST,
    wants="An upload whose content went past its length is invalid: whatever comes then is refused.",
    needs=NEEDS,
)
async def an_upload_past_its_length_is_invalid(probe: Probe) -> None:
    upload = await create(probe, "Upload-Length: 8", body=b"hello")
    want_no_success(await append(probe, upload, 5, Chunked((b" w", b"orld"))), "11 bytes for a length of 8")
    for later in (
        await probe.head_when_free(upload),
        await append(probe, upload, 5, b" wo"),
        await append(probe, upload, 8, b""),
        await finish(probe, upload, 8, b""),
    ):
        want_no_success(later, "a request to an invalid upload")
        want_refusal(later)


@SECTION.check(
    "RUFH-PAT-5",
    level=Level.MUST,
    wants="A complete upload takes no more.",
    needs=NEEDS,
)
async def a_complete_upload_takes_nothing_more(probe: Probe) -> None:
    upload = await finished(probe, b"hello")
    for refused in (
        await append(probe, upload, 5, b"more"),
        await finish(probe, upload, 5, b"more"),
        await append(probe, upload, 0, b"HELLO"),
    ):
        want_no_success(refused, "more bytes for a complete upload")
        want_refusal(refused)
    _want_at_most(await probe.offset(upload), 5)


@SECTION.check(
    "RUFH-PAT-5",
    level=Level.SHOULD,
    wants="A last append that comes again, its answer being lost, is answered as at first, or refused.",
    needs=NEEDS,
)
async def an_end_that_comes_again_is_not_taken_for_another(probe: Probe) -> None:
    again = await finish(probe, await finished(probe, b"hello"), 5, b"")
    if again.succeeded:
        want_complete(again)
        return
    want_refusal(again)
    if again.status in (404, 410):
        raise NotOffered("the upload is gone when it is complete, which it may be")
    want_incomplete(again)
