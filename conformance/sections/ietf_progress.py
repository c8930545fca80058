"""IETF draft: 104s that tell how far a request has come."""

import asyncio

from conformance.checks import Section
from conformance.connection import Connection
from conformance.draft import ANNOUNCED, MORE, appending, create
from conformance.exchange import Response
from conformance.offer import DRAFT
from conformance.probe import Probe
from conformance.specification import Specification
from conformance.verdict import Failed, Level, NotOffered, Unclear
from conformance.want import want_no_header, want_success
from conformance.want_draft import said_number, want_not_announced

# These take their time, like those that stall.
SECTION = Section("Upload Append, Status Code 104", specification=Specification.IETF, rough=True)

NEEDS = (DRAFT,)

_PIECES = 10
_PIECE = b"x" * (16 << 10)
"""Enough that it is worth telling of."""

_BETWEEN = 0.8
"""Seconds between two pieces."""

_SIZE = _PIECES * len(_PIECE)


@SECTION.check(
    "RUFH-CRE-6",
    level=Level.SHOULD,
    wants="104s that come while an append is under way say Upload-Offset: how far it has come.",
    needs=NEEDS,
)
async def an_append_tells_its_progress(probe: Probe) -> None:
    for early in _told(await _slowly_appended(probe, probe.greeting)):
        said_number(early, "Upload-Offset")


@SECTION.check(
    "RUFH-CRE-6",
    level=Level.MUST,
    wants="104s of an append say offsets that were reached, and no Location.",
    needs=NEEDS,
)
async def progress_says_offsets_and_no_location(probe: Probe) -> None:
    reached = 0
    for early in _told(await _slowly_appended(probe, probe.greeting)):
        want_no_header(early, "Location")
        offset = said_number(early, "Upload-Offset") if early.every("Upload-Offset") else reached
        if not reached <= offset <= _SIZE:
            raise Failed(f"wanted an offset from {reached} to {_SIZE} on a 104, found {offset}", early)
        reached = offset


@SECTION.check(
    "RUFH-VER-1",
    level=Level.MUST,
    wants="No progress is told where the request says no interop version.",
    needs=NEEDS,
)
async def no_progress_without_a_version(probe: Probe) -> None:
    want_not_announced(await _slowly_appended(probe))


def _told(response: Response) -> list[Response]:
    """The 104s. Raises NotOffered where there are none: nobody said how often they should come."""
    told = [early for early in response.before if early.status == ANNOUNCED]
    if not told:
        raise NotOffered(f"no 104 came during {_SIZE} bytes in {_PIECES * _BETWEEN:g} s")
    return told


async def _slowly_appended(probe: Probe, *lines: str) -> Response:
    """The answer to a PATCH whose content takes its time."""
    most = probe.offer.limit("max-append-size")
    if most is not None and most < _SIZE:
        raise Unclear(f"{_SIZE} bytes may be refused: max-append-size is {most}")
    upload = await create(probe)
    sent = appending(probe, upload, _SIZE, MORE, *lines)
    async with probe.connect(upload) as connection:
        await connection.write(sent)
        await _trickle(connection)
        response = await probe.answer(connection, sent, "PATCH")
    want_success(response)
    return response


async def _trickle(connection: Connection) -> None:
    for _ in range(_PIECES):
        await connection.write(_PIECE)
        await asyncio.sleep(_BETWEEN)
