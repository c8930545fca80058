"""IETF draft: the interop version."""

from conformance.checks import Section
from conformance.draft import (
    ANNOUNCED,
    HELLO,
    LAST,
    MORE,
    PARTIAL,
    VERSION,
    announcement,
    creation,
    named,
    want_small_uploads,
)
from conformance.exchange import Response
from conformance.offer import DRAFT
from conformance.probe import Probe
from conformance.specification import Specification
from conformance.structured import integer
from conformance.verdict import Failed, Level
from conformance.want import want_success
from conformance.want_draft import want_complete, want_not_announced, want_said_offset

SECTION = Section("Draft Version Identification", specification=Specification.IETF)

NEEDS = (DRAFT,)

_GIVEN_TIME = 0.5
"""Seconds in which a 104 that must not come would have come."""

_FOREIGN = f"{VERSION}: 1000000"


@SECTION.check(
    "RUFH-VER-1",
    level=Level.MUST,
    wants="No 104 is sent where the request says no interop version.",
    needs=NEEDS,
)
async def no_104_without_a_version(probe: Probe) -> None:
    want_not_announced(await _dawdling(probe))


@SECTION.check(
    "RUFH-VER-1",
    level=Level.MUST,
    wants="No 104 is sent where the request says another interop version, or none that is an Integer.",
    needs=NEEDS,
)
async def no_104_in_a_foreign_version(probe: Probe) -> None:
    known = probe.subject.interop
    for value in ("1000000", "x", f'"{known}"', f"{known}.0", f"{known}, {known}"):
        want_not_announced(await _dawdling(probe, f"{VERSION}: {value}"))


async def _dawdling(probe: Probe, *lines: str) -> Response:
    """The answer to a POST whose content comes late, so that a 104 would come first."""
    sent = creation(probe, MORE, *lines)
    async with probe.connect() as connection:
        await connection.write(sent)
        await connection.early(_GIVEN_TIME)
        await connection.write(HELLO)
        return await probe.answer(connection, sent + HELLO, "POST")


@SECTION.check(
    "RUFH-VER-1",
    level=Level.HABIT,
    wants="Without an interop version that both speak only the 104s are missing: test suites of the draft "
    "send an old one, or none.",
    needs=NEEDS,
)
async def the_rest_works_without_a_version(probe: Probe) -> None:
    want_small_uploads(probe)
    for version in ((), (_FOREIGN,)):
        made = await probe.ask("POST", probe.base, MORE, *version, *named(()), body=b"hello")
        want_success(made)
        upload = probe.created(made)
        want_said_offset(await probe.ask("HEAD", upload, *version), 5)
        lines = (*version, PARTIAL, LAST, "Upload-Offset: 5")
        last = await probe.ask("PATCH", upload, *lines, body=b" worl")
        want_success(last)
        want_complete(last)


@SECTION.check(
    "RUFH-VER-2",
    level=Level.MUST,
    wants="Each 104 says the interop version: clients ignore those that do not.",
    needs=NEEDS,
)
async def each_104_says_the_version(probe: Probe) -> None:
    sent = creation(probe, probe.greeting, MORE)
    async with probe.connect() as connection:
        await connection.write(sent)
        await announcement(probe, connection)
        await connection.write(HELLO)
        response = await probe.answer(connection, sent + HELLO, "POST")
    for early in response.before:
        if early.status == ANNOUNCED:
            _want_version(early, probe.subject.interop)


def _want_version(early: Response, version: int) -> None:
    lines = early.every(VERSION)
    if not lines:
        raise Failed(f"wanted {VERSION} on the 104, found none", early)
    if integer(lines) != version:
        raise Failed(f"wanted {VERSION}: {version} on the 104, found {lines}", early)
