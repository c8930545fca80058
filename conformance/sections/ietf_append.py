"""IETF draft: appending, one request at a time."""

from conformance.checks import Section
from conformance.draft import LAST, MORE, PARTIAL, append, create, finish, post
from conformance.offer import DRAFT
from conformance.probe import Probe
from conformance.specification import Specification
from conformance.verdict import Failed, Level, NotOffered
from conformance.want import (
    want_no_success,
    want_offset,
    want_refusal,
    want_status,
    want_success,
)
from conformance.want_draft import (
    problem,
    want_complete,
    want_goes_on,
    want_incomplete,
    want_said_offset,
)

SECTION = Section("Upload Append", specification=Specification.IETF)

NEEDS = (DRAFT,)

MISMATCHING = "https://iana.org/assignments/http-problem-types#mismatching-upload-offset"

_TYPED_FROM = 6
_BY_LENGTH = (5, 6)

_OTHER_TYPES = (
    ("Content-Type: application/octet-stream",),
    ("Content-Type: application/offset+octet-stream",),
    ("Content-Type: application/partial-uploads",),
    (),
)


@SECTION.check(
    "RUFH-PAT-1",
    level=Level.MUST,
    wants="What is appended is of the media type application/partial-upload; nothing else is.",
    needs=NEEDS,
)
async def other_media_types_are_not_appended(probe: Probe) -> None:
    _want_typed(probe)
    upload = await create(probe)
    for line in _OTHER_TYPES:
        patched = await probe.ask(
            "PATCH", upload, probe.greeting, *line, "Upload-Offset: 0", MORE, body=b"hello"
        )
        want_no_success(patched, f"the header {line or 'missing Content-Type'}")
        await want_offset(probe, upload, 0, "because the media type was wrong")


@SECTION.check(
    "RUFH-PAT-1",
    level=Level.SHOULD,
    wants="A PATCH of another media type is answered 415 (RFC 5789, 2.2).",
    needs=NEEDS,
)
async def other_media_types_are_answered_415(probe: Probe) -> None:
    _want_typed(probe)
    upload = await create(probe)
    for line in _OTHER_TYPES:
        patched = await probe.ask(
            "PATCH", upload, probe.greeting, *line, "Upload-Offset: 0", MORE, body=b"hello"
        )
        want_status(patched, 415)


def _want_typed(probe: Probe) -> None:
    """Raises NotOffered in a version whose appends have no media type of their own."""
    if probe.subject.interop < _TYPED_FROM:
        raise NotOffered(f"appends may be of any media type before interop version {_TYPED_FROM}")


@SECTION.check(
    "RUFH-PAT-1",
    level=Level.HABIT,
    wants="Media types are compared without regard to case (RFC 9110, 8.3.1).",
    needs=NEEDS,
)
async def the_media_type_may_have_capitals(probe: Probe) -> None:
    upload = await create(probe)
    shouted = PARTIAL.replace("application/partial", "Application/Partial")
    want_success(
        await probe.ask("PATCH", upload, probe.greeting, shouted, "Upload-Offset: 0", MORE, body=b"hello")
    )


@SECTION.check(
    "RUFH-PAT-1",
    level=Level.MUST,
    wants="An append without Upload-Offset is not applied: nobody knows where its bytes belong.",
    needs=NEEDS,
)
async def an_append_says_its_offset(probe: Probe) -> None:
    upload = await create(probe)
    for complete in (MORE, LAST):
        refused = await probe.ask("PATCH", upload, probe.greeting, PARTIAL, complete, body=b"hello")
        want_no_success(refused, "an append without Upload-Offset")
        want_refusal(refused)
    await want_goes_on(probe, upload, 0)


@SECTION.check(
    "RUFH-PAT-1",
    level=Level.HABIT,
    wants="An append without Upload-Offset or Upload-Complete is answered 400.",
    needs=NEEDS,
)
async def what_an_append_lacks_is_answered_400(probe: Probe) -> None:
    upload = await create(probe)
    for line in (MORE, "Upload-Offset: 0"):
        want_status(await probe.ask("PATCH", upload, probe.greeting, PARTIAL, line, body=b"hello"), 400)
    await want_offset(probe, upload, 0, "because both appends were refused")


@SECTION.check(
    "RUFH-PAT-2",
    level=Level.MUST,
    wants="An append at another offset is answered 409 with Upload-Complete: ?0 and the right Upload-Offset.",
    needs=NEEDS,
)
async def a_mismatching_offset_changes_nothing(probe: Probe) -> None:
    upload = await create(probe, body=b"hello")
    for wrong in (0, 3, 6, 100):
        for conflict in (
            await append(probe, upload, wrong, b"XXXXX"),
            await finish(probe, upload, wrong, b"XXXXX"),
        ):
            want_status(conflict, 409)
            want_incomplete(conflict)
            want_said_offset(conflict, 5)
    await want_goes_on(probe, upload, 5)


@SECTION.check(
    "RUFH-PAT-2",
    level=Level.SHOULD,
    wants="A problem document about a mismatching offset says expected-offset and provided-offset.",
    needs=NEEDS,
)
async def the_problem_of_a_mismatch_says_both_offsets(probe: Probe) -> None:
    upload = await create(probe, body=b"hello")
    conflict = await append(probe, upload, 9, b"world")
    want_status(conflict, 409)
    found = {name: problem(conflict).get(name) for name in ("type", "expected-offset", "provided-offset")}
    wanted = {"type": MISMATCHING, "expected-offset": 5, "provided-offset": 9}
    if found != wanted:
        raise Failed(f"wanted {wanted}, found {found}", conflict)


@SECTION.check(
    "RUFH-PAT-3",
    level=Level.MUST,
    wants="An append that is not the last is answered 2xx with Upload-Complete: ?0.",
    needs=NEEDS,
)
async def an_append_is_acknowledged(probe: Probe) -> None:
    upload = await create(probe)
    for offset, piece in ((0, b"hello "), (6, b"wor"), (9, b"ld!")):
        appended = await append(probe, upload, offset, piece)
        want_success(appended)
        want_incomplete(appended)
        await want_offset(probe, upload, offset + len(piece), f"after {len(piece)} bytes at {offset}")


@SECTION.check(
    "RUFH-PAT-3",
    level=Level.MUST,
    wants="The answer to the last append says Upload-Complete: ?1.",
    needs=NEEDS,
)
async def the_last_append_completes(probe: Probe) -> None:
    for length in ((), ("Upload-Length: 10",)):
        last = await finish(probe, await create(probe, *length, body=b"hello"), 5, b" worl")
        want_success(last)
        want_complete(last)


@SECTION.check(
    "RUFH-PAT-3",
    level=Level.SHOULD,
    wants="The last append is answered as the target answers a representation that came whole.",
    needs=NEEDS,
)
async def the_last_append_is_answered_as_a_whole(probe: Probe) -> None:
    whole = await post(probe, b"hello worl")
    want_success(whole)
    last = await finish(probe, await create(probe, body=b"hello"), 5, b" worl")
    want_status(last, whole.status)


@SECTION.check(
    "RUFH-PAT-3",
    level=Level.MUST,
    wants="An append without content may complete the upload.",
    needs=NEEDS,
)
async def an_empty_append_completes(probe: Probe) -> None:
    for content in (b"hello", b""):
        last = await finish(probe, await create(probe, body=content), len(content), b"")
        want_success(last)
        want_complete(last)


@SECTION.check(
    "RUFH-PAT-3",
    level=Level.MUST,
    wants="An upload with all its bytes is not complete before a request says so.",
    needs=NEEDS,
)
async def the_length_alone_completes_nothing(probe: Probe) -> None:
    if probe.subject.interop in _BY_LENGTH:
        raise NotOffered("clients of interop versions 5 and 6 leave it to the length, and servers take it so")
    begun = await create(probe, "Upload-Length: 5", body=b"hello")
    appended = await create(probe, "Upload-Length: 5")
    want_incomplete(await append(probe, appended, 0, b"hello"))
    for upload in (begun, appended):
        await want_offset(probe, upload, 5, "all bytes of an upload that is not complete")
        want_complete(await finish(probe, upload, 5, b""))
