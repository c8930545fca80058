"""IETF draft: Upload-Offset, Upload-Length and Upload-Complete are structured fields (RFC 9651)."""

from conformance.checks import Section
from conformance.draft import LAST, MORE, PARTIAL, append, begin, create, finish, named, want_small_uploads
from conformance.offer import DRAFT
from conformance.probe import Probe
from conformance.specification import Specification
from conformance.verdict import Failed, Level
from conformance.want import want_no_success, want_offset, want_refusal, want_success
from conformance.want_draft import (
    want_complete,
    want_goes_on,
    want_incomplete,
    want_not_announced,
    want_not_complete,
)

SECTION = Section("Offset, Completeness and Length", specification=Specification.IETF)

NEEDS = (DRAFT,)

_NO_INTEGERS = ("0.0", '"0"', "+0", "0, 0", "-1", "zero", "0x0", "0;", "?0", "0" * 16, "")
"""None of these is a non-negative Integer (RFC 9651, 3.3.1)."""


@SECTION.check(
    "RUFH-SF-1",
    level=Level.MUST,
    wants="Upload-Offset is an Item: an Integer of up to 15 digits, with or without parameters.",
    needs=NEEDS,
)
async def an_offset_is_a_structured_integer(probe: Probe) -> None:
    for spelled in ("0", "000000000000000", "-0", "0;a", '0;a=1;b="x, y"'):
        upload = await create(probe)
        want_success(await append(probe, upload, spelled, b"hello"))
        await want_offset(probe, upload, 5, f"because Upload-Offset: {spelled} is 0")


@SECTION.check(
    "RUFH-SF-1",
    level=Level.MUST,
    wants="An Upload-Offset of any other form is ignored, so that the append says no offset.",
    needs=NEEDS,
)
async def what_is_no_integer_is_no_offset(probe: Probe) -> None:
    upload = await create(probe)
    for spelled in _NO_INTEGERS:
        refused = await append(probe, upload, spelled, b"hello")
        want_no_success(refused, f"Upload-Offset: {spelled}")
        want_refusal(refused)
    want_no_success(await append(probe, upload, 0, b"hello", "Upload-Offset: 0"), "Upload-Offset, said twice")
    await want_offset(probe, upload, 0, "because no append said an offset")


@SECTION.check(
    "RUFH-SF-1",
    level=Level.MUST,
    wants="Upload-Length is an Item: an Integer of up to 15 digits, with or without parameters.",
    needs=NEEDS,
)
async def a_length_is_a_structured_integer(probe: Probe) -> None:
    for spelled in ("5", "000000000000005", "5;a", '5;a=1;b="x, y"'):
        upload = await create(probe, f"Upload-Length: {spelled}")
        short = await finish(probe, upload, 0, b"hell")
        want_no_success(short, f"an end after 4 bytes of Upload-Length: {spelled}")


@SECTION.check(
    "RUFH-SF-1",
    level=Level.MUST,
    wants="An Upload-Length of any other form is ignored, as if it had not been said.",
    needs=NEEDS,
)
async def what_is_no_integer_is_no_length(probe: Probe) -> None:
    # Where no length at all is refused, this says nothing of malformed ones.
    await create(probe)
    for spelled in _NO_INTEGERS:
        made = await begin(probe, f"Upload-Length: {spelled}")
        want_success(made)
        last = await finish(probe, probe.created(made), 0, b"hello")
        want_success(last)
        want_complete(last)


@SECTION.check(
    "RUFH-SF-2",
    level=Level.MUST,
    wants="Upload-Complete is an Item: a Boolean, ?0 or ?1, with or without parameters.",
    needs=NEEDS,
)
async def completeness_is_a_structured_boolean(probe: Probe) -> None:
    want_small_uploads(probe)
    for more, last in (("?0;a", "?1;a"), ('?0;a="?1"', '?1;a="?0"')):
        begun = (f"Upload-Complete: {more}", *named(()))
        made = await probe.ask("POST", probe.base, probe.greeting, *begun, body=b"hello")
        want_success(made)
        upload = probe.created(made)
        await want_goes_on(probe, upload, 5)
        ended = (PARTIAL, f"Upload-Complete: {last}", "Upload-Offset: 6")
        want_complete(await probe.ask("PATCH", upload, probe.greeting, *ended, body=b"world"))


_NO_BOOLEANS = ("true", "1", "?2", "?01", '"?1"', "?1, ?1", "?T", "")


@SECTION.check(
    "RUFH-SF-2",
    level=Level.MUST,
    wants="An Upload-Complete of any other form is ignored: the POST is an ordinary one.",
    needs=NEEDS,
)
async def what_is_no_boolean_begins_no_upload(probe: Probe) -> None:
    for spelled in _NO_BOOLEANS:
        line = f"Upload-Complete: {spelled}"
        ordinary = await probe.ask("POST", probe.base, probe.greeting, line, *named(()), body=b"hello")
        want_not_announced(ordinary)
        if ordinary.succeeded and ordinary.every("Upload-Complete"):
            raise Failed(f"a POST with {line} began a resumable upload", ordinary)


@SECTION.check(
    "RUFH-SF-2",
    level=Level.MUST,
    wants="An Upload-Complete of any other form is ignored, so that the append completes nothing.",
    needs=NEEDS,
)
async def what_is_no_boolean_completes_nothing(probe: Probe) -> None:
    for spelled in _NO_BOOLEANS:
        upload = await create(probe, body=b"hello")
        lines = (PARTIAL, "Upload-Offset: 5", f"Upload-Complete: {spelled}")
        want_not_complete(await probe.ask("PATCH", upload, probe.greeting, *lines))
        await want_goes_on(probe, upload, 5)
    upload = await create(probe, body=b"hello")
    want_not_complete(
        await probe.ask("PATCH", upload, probe.greeting, PARTIAL, "Upload-Offset: 5", LAST, MORE)
    )
    await want_goes_on(probe, upload, 5)


@SECTION.check(
    "RUFH-SF-2",
    level=Level.SHOULD,
    wants="Answers say by Upload-Complete whose they are: ?0 where the protocol refuses.",
    needs=NEEDS,
)
async def refusals_say_that_nothing_is_complete(probe: Probe) -> None:
    upload = await create(probe)
    for refused in (
        await append(probe, upload, "zero", b"hello"),
        await append(probe, upload, 3, b"hello"),
        await probe.ask("PATCH", upload, probe.greeting, PARTIAL, "Upload-Offset: 0", body=b"hello"),
    ):
        want_refusal(refused)
        want_incomplete(refused)
