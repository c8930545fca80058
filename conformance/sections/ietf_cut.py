"""IETF draft: requests that break off."""

import asyncio

from conformance.checks import Section
from conformance.draft import (
    HALF,
    HELLO,
    LAST,
    MORE,
    announced_upload,
    appending,
    create,
    creation,
    finish,
)
from conformance.offer import DRAFT
from conformance.probe import Probe
from conformance.resource import Resource
from conformance.specification import Specification
from conformance.verdict import Level, Unclear
from conformance.want import want_no_success, want_refusal, want_settled, want_success
from conformance.want_draft import want_complete, want_not_complete

SECTION = Section("Upload Creation, Upload Append", specification=Specification.IETF, rough=True)

NEEDS = (DRAFT,)

_GIVEN_TIME = 1.0
"""Seconds for a server, be it busy, to read what is half sent."""


@SECTION.check(
    "RUFH-CRE-8",
    level=Level.SHOULD,
    wants="If a creation breaks off, the server keeps as much of its content as possible.",
    needs=NEEDS,
)
async def what_came_before_a_cut_of_a_creation_is_kept(probe: Probe) -> None:
    upload = await _cut_creation(probe, LAST)
    await want_settled(probe, upload, 5, "the bytes that came before the cut")


@SECTION.check(
    "RUFH-CRE-8",
    level=Level.MUST,
    wants="A creation that breaks off is not complete, though it said Upload-Complete: ?1.",
    needs=NEEDS,
)
async def a_creation_that_breaks_off_is_not_complete(probe: Probe) -> None:
    await _want_resumable(probe, await _cut_creation(probe, LAST))


@SECTION.check(
    "RUFH-CRE-8",
    level=Level.SHOULD,
    wants="If an append breaks off, the server keeps as much of its content as possible.",
    needs=NEEDS,
)
async def what_came_before_a_cut_of_an_append_is_kept(probe: Probe) -> None:
    upload = await _cut_append(probe, MORE)
    await want_settled(probe, upload, 5, "the bytes that came before the cut")


@SECTION.check(
    "RUFH-CRE-8",
    level=Level.MUST,
    wants="An append that breaks off does not complete the upload, though it said Upload-Complete: ?1.",
    needs=NEEDS,
)
async def an_append_that_breaks_off_completes_nothing(probe: Probe) -> None:
    await _want_resumable(probe, await _cut_append(probe, LAST))


@SECTION.check(
    "RUFH-CRE-7",
    level=Level.MUST,
    wants="Upload-Complete: ?1 with Content-Length says the length, also where the content does not come.",
    needs=NEEDS,
)
async def the_length_of_a_last_append_is_recorded(probe: Probe) -> None:
    upload = await _cut_append(probe, LAST)
    at = await probe.offset(upload)
    if at is None:
        raise Unclear("HEAD says no offset, which is a matter of another check")
    another = await finish(probe, upload, at, HELLO[at:-1])
    want_no_success(another, f"an end after {len(HELLO) - 1} bytes where {len(HELLO)} were said before")
    want_refusal(another)


async def _cut_creation(probe: Probe, complete: str) -> Resource:
    """An upload whose POST broke off. Raises NotOffered where no 104 said its URL."""
    sent = creation(probe, probe.greeting, complete)
    async with probe.connect() as connection:
        await connection.write(sent)
        upload = await announced_upload(probe, connection)
        await connection.write(HALF)
        await asyncio.sleep(_GIVEN_TIME)
        connection.cut()
    probe.note(sent + HALF, "the check cut the connection here")
    return upload


async def _cut_append(probe: Probe, complete: str) -> Resource:
    """An upload whose PATCH broke off."""
    upload = await create(probe)
    sent = appending(probe, upload, len(HELLO), probe.greeting, complete) + HALF
    async with probe.connect(upload) as connection:
        await connection.write(sent)
        await asyncio.sleep(_GIVEN_TIME)
        connection.cut()
    probe.note(sent, "the check cut the connection here")
    return upload


async def _want_resumable(probe: Probe, upload: Resource) -> None:
    """What is missing can be sent, and completes the upload."""
    head = await probe.head_when_free(upload)
    want_success(head)
    want_not_complete(head)
    at = await probe.offset(upload)
    if at is None:
        raise Unclear("HEAD says no offset, which is a matter of another check")
    last = await finish(probe, upload, at, HELLO[at:])
    want_success(last)
    want_complete(last)
