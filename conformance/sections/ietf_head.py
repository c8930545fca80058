"""IETF draft: retrieving the offset."""

from conformance.checks import Section
from conformance.draft import append, create, finish
from conformance.offer import DRAFT
from conformance.probe import TUS, Probe
from conformance.specification import Specification
from conformance.verdict import Failed, Level, NotOffered, Unclear
from conformance.want import (
    want_header,
    want_no_header,
    want_refusal,
    want_success,
    want_value,
)
from conformance.want_draft import said_number, want_incomplete, want_limits, want_said_offset

SECTION = Section("Offset Retrieval", specification=Specification.IETF)

NEEDS = (DRAFT,)


@SECTION.check(
    "RUFH-HEAD-1",
    level=Level.MUST,
    wants="HEAD says the offset in Upload-Offset, also while it is 0.",
    needs=NEEDS,
)
async def a_retrieval_says_the_offset(probe: Probe) -> None:
    upload = await create(probe)
    for offset in (0, 5):
        head = await probe.head(upload)
        want_success(head)
        want_said_offset(head, offset)
        want_success(await append(probe, upload, offset, b"hello"))
    want_said_offset(await probe.head(upload), 10)


@SECTION.check(
    "RUFH-HEAD-1",
    level=Level.MUST,
    wants="HEAD says the limits in Upload-Limit.",
    needs=NEEDS,
)
async def a_retrieval_says_the_limits(probe: Probe) -> None:
    head = await probe.head(await create(probe))
    want_success(head)
    want_limits(head)


@SECTION.check(
    "RUFH-HEAD-1",
    level=Level.SHOULD,
    wants="HEAD says by Upload-Complete whether the upload is complete (a MUST up to draft 12).",
    needs=NEEDS,
)
async def a_retrieval_says_whether_it_is_complete(probe: Probe) -> None:
    upload = await create(probe, "Upload-Length: 5", body=b"hello")
    head = await probe.head(upload)
    want_success(head)
    want_incomplete(head)


@SECTION.check(
    "RUFH-HEAD-1",
    level=Level.SHOULD,
    wants="HEAD says the length, if the client has said one, in Upload-Length (a MUST up to draft 12).",
    needs=NEEDS,
)
async def a_retrieval_says_the_length(probe: Probe) -> None:
    known = await probe.head(await create(probe, "Upload-Length: 10", body=b"hello"))
    want_success(known)
    found = said_number(known, "Upload-Length")
    if found != 10:
        raise Failed(f"wanted Upload-Length: 10, found {found}", known)
    want_no_header(await probe.head(await create(probe, body=b"hello")), "Upload-Length")


@SECTION.check(
    "RUFH-HEAD-1",
    level=Level.SHOULD,
    wants="HEAD carries Cache-Control: no-store, so that no cache tells an old offset.",
    needs=NEEDS,
)
async def a_retrieval_is_not_cached(probe: Probe) -> None:
    head = await probe.head(await create(probe))
    want_success(head)
    want_header(head, "Cache-Control")
    if "no-store" not in [directive.lower() for directive in head.listed("Cache-Control")]:
        raise Failed(f"wanted no-store in Cache-Control, found {head.every('Cache-Control')}", head)


@SECTION.check(
    "RUFH-HEAD-2",
    level=Level.MUST,
    wants="Where GET succeeds it says the offset and the limits, like HEAD.",
    needs=NEEDS,
)
async def get_says_what_head_says(probe: Probe) -> None:
    upload = await create(probe, body=b"hello")
    got = await probe.ask("GET", upload, probe.greeting)
    if not got.succeeded:
        raise NotOffered(f"GET is answered {got.status}")
    want_said_offset(got, 5)
    want_limits(got)


@SECTION.check(
    "RUFH-HEAD-3",
    level=Level.HABIT,
    wants="HEAD carries no mark of the draft: an upload is answered in the protocol that made it.",
    needs=(DRAFT, "creation"),
)
async def an_upload_is_answered_in_its_own_protocol(probe: Probe) -> None:
    head = await probe.ask("HEAD", await create(probe, body=b"hello"))
    want_success(head)
    want_said_offset(head, 5)
    other = await probe.create(10)
    answered = await probe.ask("HEAD", other, TUS)
    await probe.ask("DELETE", other, TUS)
    want_success(answered)
    want_value(answered, "Upload-Offset", 0)
    want_header(answered, "Tus-Resumable")


@SECTION.check(
    "RUFH-HEAD-4",
    level=Level.MUST,
    wants="The offset never falls, and the next append is taken where HEAD says.",
    needs=NEEDS,
)
async def the_offset_never_falls(probe: Probe) -> None:
    upload = await create(probe, body=b"hello")
    for expected, wrong in ((5, 0), (8, 5), (11, 100)):
        want_refusal(await append(probe, upload, wrong, b"abc"))
        offset = await probe.offset(upload)
        if offset is None:
            raise Unclear("HEAD says no offset, which is a matter of another check")
        if offset < expected:
            raise Failed(f"the offset fell from {expected} to {offset}")
        want_success(await append(probe, upload, offset, b"abc"))
    want_success(await finish(probe, upload, 14, b""))
