"""IETF draft: what is said of an upload's length must agree."""

from conformance.checks import Section
from conformance.draft import HALF, append, create, finish, post
from conformance.exchange import Response
from conformance.offer import DRAFT
from conformance.probe import Probe
from conformance.specification import Specification
from conformance.verdict import Failed, Level
from conformance.want import want_no_success, want_refusal, want_status
from conformance.want_draft import problem, want_incomplete

SECTION = Section("Length", specification=Specification.IETF)

NEEDS = (DRAFT,)

INCONSISTENT = "https://iana.org/assignments/http-problem-types#inconsistent-upload-length"


@SECTION.check(
    "RUFH-CRE-9",
    level=Level.MUST,
    wants="Upload-Length, and Content-Length of what is whole, say the same length within a request.",
    needs=NEEDS,
)
async def lengths_within_a_request_agree(probe: Probe) -> None:
    for length in (100, 3):
        refused = await post(probe, b"hello", f"Upload-Length: {length}")
        want_no_success(refused, f"5 bytes as the whole of {length}")
        want_refusal(refused)


@SECTION.check(
    "RUFH-CRE-9",
    level=Level.MUST,
    wants="The length is recorded when it is first said; what later requests say of it must agree.",
    needs=NEEDS,
)
async def lengths_of_several_requests_agree(probe: Probe) -> None:
    for refused in await _contradictions(probe):
        want_no_success(refused, "another length than the one that was recorded")
        want_refusal(refused)


@SECTION.check(
    "RUFH-CRE-9",
    level=Level.SHOULD,
    wants="Lengths that do not agree are answered 400 with Upload-Complete: ?0.",
    needs=NEEDS,
)
async def inconsistent_lengths_are_answered_400(probe: Probe) -> None:
    for refused in (await post(probe, b"hello", "Upload-Length: 100"), *await _contradictions(probe)):
        want_status(refused, 400)
        want_incomplete(refused)


@SECTION.check(
    "RUFH-CRE-9",
    level=Level.HABIT,
    wants="A problem document about lengths that do not agree has the type that is registered for it.",
    needs=NEEDS,
)
async def the_problem_of_lengths_has_its_type(probe: Probe) -> None:
    refused = await post(probe, b"hello", "Upload-Length: 100")
    found = problem(refused).get("type")
    if found != INCONSISTENT:
        raise Failed(f"wanted the type {INCONSISTENT}, found {found!r}", refused)


async def _contradictions(probe: Probe) -> list[Response]:
    """Answers to requests that contradict a length of ten bytes, each on an upload of its own."""
    uploads = [await create(probe, "Upload-Length: 10", body=HALF) for _ in range(3)]
    return [
        await append(probe, uploads[0], 5, b"x", "Upload-Length: 12"),
        await finish(probe, uploads[1], 5, b"x"),
        await finish(probe, uploads[2], 5, b""),
    ]
