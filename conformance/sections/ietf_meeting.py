"""IETF draft: requests that meet at one upload."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from conformance.checks import Section
from conformance.connection import Connection
from conformance.draft import HALF, HELLO, LAST, append, appending, create, finish
from conformance.exchange import Response
from conformance.offer import DRAFT
from conformance.probe import Probe
from conformance.resource import Resource
from conformance.specification import Specification
from conformance.verdict import Failed, Level, Silent
from conformance.want import want_offset, want_status, want_success
from conformance.want_draft import said_number, want_complete

SECTION = Section("Concurrency", specification=Specification.IETF, rough=True)

NEEDS = (DRAFT,)

_GIVEN_TIME = 1.0
"""Seconds for a server, be it busy, to read what is half sent."""

_SOON = 3.0
"""Seconds in which a request is answered, and another one ended, beside a hanging one."""


@contextlib.asynccontextmanager
async def _hanging(probe: Probe, upload: Resource) -> AsyncIterator[Connection]:
    """A PATCH of HELLO of which half was sent, and which says that it is the last."""
    sent = appending(probe, upload, len(HELLO), probe.greeting, LAST) + HALF
    async with probe.connect(upload) as connection:
        await connection.write(sent)
        await asyncio.sleep(_GIVEN_TIME)
        probe.note(sent, "left hanging")
        yield connection


@SECTION.check(
    "RUFH-CONC-1",
    level=Level.MUST,
    wants="The offset that is told beside a running append is taken by the next one.",
    needs=NEEDS,
)
async def an_offset_told_beside_an_append_is_taken(probe: Probe) -> None:
    upload = await create(probe)
    async with _hanging(probe, upload) as connection:
        head = await probe.head_when_free(upload)
        want_success(head)
        at = said_number(head, "Upload-Offset")
        last = await finish(probe, upload, at, HELLO[at:])
        want_success(last)
        want_complete(last)
        await connection.write(HELLO[len(HALF) :])
    found = await probe.offset(upload)
    if found not in (None, len(HELLO)):
        raise Failed(f"wanted an offset of {len(HELLO)}, the end; found {found}")


@SECTION.check(
    "RUFH-CONC-1",
    level=Level.SHOULD,
    wants="A new request ends the one that is under way, and is answered with the offset that it reached.",
    needs=NEEDS,
)
async def a_new_request_ends_the_running_one(probe: Probe) -> None:
    upload = await create(probe)
    async with _hanging(probe, upload) as connection:
        try:
            async with asyncio.timeout(_SOON):
                head = await probe.head(upload)
        except TimeoutError as error:
            raise Failed(f"no answer to HEAD within {_SOON:g} s") from error
        want_success(head)
        if not await connection.ended(_SOON):
            raise Failed(f"the append was not ended within {_SOON:g} s")
    await want_offset(probe, upload, said_number(head, "Upload-Offset"), "as HEAD said")


@SECTION.check(
    "RUFH-CONC-1",
    level=Level.MUST,
    wants="Of many appends at the same offset no two are applied.",
    needs=NEEDS,
)
async def of_many_appends_no_two_are_applied(probe: Probe) -> None:
    upload = await create(probe)
    answers = await asyncio.gather(*(_appended(probe, upload, digit * 10) for digit in (b"1", b"2", b"3")))
    won = [response for response in answers if response is not None and response.succeeded]
    found = await probe.offset(upload)
    if len(won) > 1 or found is None or found > 10:
        raise Failed(f"wanted one success and an offset of 10 at most, found {len(won)}, and {found}")
    if won:
        await want_offset(probe, upload, 10, "as the one success said")


async def _appended(probe: Probe, upload: Resource, content: bytes) -> Response | None:
    """None where another append ended this one, be it without an answer."""
    try:
        return await append(probe, upload, 0, content)
    except Silent:
        return None


@SECTION.check(
    "RUFH-DEL-1",
    level=Level.SHOULD,
    wants="A cancellation ends the request that is under way, which does not bring the upload back.",
    needs=NEEDS,
)
async def a_cancellation_ends_the_running_request(probe: Probe) -> None:
    upload = await create(probe)
    async with _hanging(probe, upload) as connection:
        want_success(await probe.delete(upload))
        if not await connection.ended(_SOON):
            raise Failed(f"the append was not ended within {_SOON:g} s")
        await connection.write(HELLO[len(HALF) :])
    want_status(await probe.head(upload), 404, 410)
    want_status(await append(probe, upload, 5, b"x"), 404, 410)
