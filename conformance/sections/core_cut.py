"""Core: PATCH when connections break, stall and meet, and what frameworks let through."""

import asyncio

from conformance.checks import Section
from conformance.probe import OCTETS, TUS, Probe
from conformance.request import Chunked
from conformance.resource import Resource
from conformance.verdict import Failed, Level, Unclear
from conformance.want import (
    want_content,
    want_header,
    want_no_success,
    want_offset,
    want_refusal,
    want_settled,
    want_status,
    want_value,
)

SECTION = Section("Core Protocol, PATCH; HTTP/1.1", rough=True)

_GIVEN_TIME = 1.0
"""Seconds for a server, be it busy, to read what is half sent."""

_STALL = 8.0
"""Seconds without a byte, after which the question is whether the server still waits."""

_SOON = 3.0
"""Seconds that a HEAD may take beside a hanging PATCH."""


def _half(probe: Probe, upload: Resource, *lines: str) -> bytes:
    """The head of a PATCH of ten bytes, and five of them."""
    return probe.head_bytes("PATCH", upload, TUS, OCTETS, *lines, "Content-Length: 10") + b"hello"


@SECTION.check(
    "CORE-PATCH-6",
    level=Level.SHOULD,
    wants="If a connection breaks, the server keeps as many of the received bytes as possible.",
)
async def what_came_before_a_cut_is_kept(probe: Probe) -> None:
    upload = await probe.create(10)
    sent = _half(probe, upload, "Upload-Offset: 0")
    async with probe.connect(upload) as connection:
        await connection.write(sent)
        await asyncio.sleep(_GIVEN_TIME)
        connection.cut()
    probe.note(sent, "the check cut the connection here")
    await want_settled(probe, upload, 5, "the bytes that came before the cut")
    want_status(await probe.patch(upload, 5, b" worl"), 204)
    await want_content(probe, upload, b"hello worl")


@SECTION.check(
    "CORE-PATCH-6",
    level=Level.SHOULD,
    wants="The same holds for a chunked body that breaks off.",
)
async def what_came_before_a_cut_of_chunks_is_kept(probe: Probe) -> None:
    upload = await probe.create(10)
    lines = (TUS, OCTETS, "Upload-Offset: 0", "Transfer-Encoding: chunked")
    sent = probe.head_bytes("PATCH", upload, *lines) + b"5\r\nhello\r\n"
    async with probe.connect(upload) as connection:
        await connection.write(sent)
        await asyncio.sleep(_GIVEN_TIME)
        connection.cut()
    probe.note(sent, "the check cut the connection here")
    await want_settled(probe, upload, 5, "the bytes that came before the cut")


@SECTION.check(
    "CORE-PATCH-7",
    level=Level.SHOULD,
    wants="A body that stalls is ended after a time, and the bytes that came stay.",
)
async def what_came_before_a_stall_is_kept(probe: Probe) -> None:
    upload = await probe.create(10)
    sent = _half(probe, upload, "Upload-Offset: 0")
    async with probe.connect(upload) as connection:
        await connection.write(sent)
        ended = await connection.ended(_STALL)
    probe.note(sent, f"the check sent nothing more for {_STALL:g} s")
    await want_settled(probe, upload, 5, "the bytes that came before the stall")
    if not ended:
        raise Unclear(f"the server still waited after {_STALL:g} s, which it may")


@SECTION.check(
    "CORE-PATCH-9",
    level=Level.HABIT,
    wants="A body that is too long is refused with 4xx, and no offset passes the length.",
)
async def a_body_past_the_length_is_refused(probe: Probe) -> None:
    for body in (b"hello world", Chunked((b"hello", b" wor", b"ld and more"))):
        upload = await probe.create(8)
        want_refusal(await probe.patch(upload, 0, body))
        found = await probe.offset(upload)
        if found is None or found > 8:
            raise Failed(f"wanted an offset of at most 8, the length; found {found}")


@SECTION.check(
    "CORE-PATCH-11",
    level=Level.HABIT,
    wants="HEAD beside a hanging PATCH is answered soon: clients resume by HEAD when their line has died.",
)
async def head_answers_beside_a_hanging_patch(probe: Probe) -> None:
    upload = await probe.create(10)
    sent = _half(probe, upload, "Upload-Offset: 0")
    async with probe.connect(upload) as connection:
        await connection.write(sent)
        await asyncio.sleep(_GIVEN_TIME)
        probe.note(sent, "left hanging")
        try:
            async with asyncio.timeout(_SOON):
                answered = await probe.head(upload)
        except TimeoutError as error:
            raise Failed(f"no answer to HEAD within {_SOON:g} s") from error
        want_status(answered, 200, 204, 423)


@SECTION.check(
    "CORE-PATCH-11",
    level=Level.HABIT,
    wants="Two PATCHes for one upload never mix: one is refused or ended, and the offset tells the truth.",
)
async def two_writers_never_mix(probe: Probe) -> None:
    upload = await probe.create(10)
    sent = _half(probe, upload, "Upload-Offset: 0")
    async with probe.connect(upload) as connection:
        await connection.write(sent)
        await asyncio.sleep(_GIVEN_TIME)
        probe.note(sent, "left hanging")
        second = await probe.patch(upload, 0, b"HELLO WORL")
        await connection.write(b" worl")
    found = await probe.offset(upload)
    if second.succeeded:
        want_value(second, "Upload-Offset", 10)
        await want_content(probe, upload, b"HELLO WORL")
        return
    want_status(second, 409, 423, 503)
    if found not in (0, 5, 10):
        raise Failed(f"wanted an offset of 0, 5 or 10 after half a body; found {found}")
    await _finish(probe, upload)


async def _finish(probe: Probe, upload: Resource) -> None:
    """Send what is missing; the result is what the first writer began, or all anew."""
    at = await probe.offset(upload)
    if at is None:
        raise Failed("wanted an offset after two writers met, found none")
    if at < 10:
        want_status(await probe.patch(upload, at, b"hello worl"[at:]), 204)
    await want_content(probe, upload, b"hello worl")


@SECTION.check(
    "CORE-PATCH-11",
    level=Level.HABIT,
    wants="Of many PATCHes at the same offset exactly one is applied.",
)
async def of_many_writers_one_wins(probe: Probe) -> None:
    upload = await probe.create(10)
    answers = await asyncio.gather(
        *(probe.patch(upload, 0, digit * 10) for digit in (b"1", b"2", b"3", b"4"))
    )
    won = [response for response in answers if response.succeeded]
    if len(won) != 1:
        raise Failed(f"wanted one success, found {[response.status for response in answers]}")
    await want_offset(probe, upload, 10, "as the one success said")
    found = await probe.content(upload)
    if found is not None and len(set(found)) != 1:
        raise Failed(f"wanted the bytes of one writer, found {found!r}")


@SECTION.check(
    "WIRE-1",
    level=Level.HABIT,
    wants="Of a chunked body with broken framing nothing after the break is stored (RFC 9112, 7.1).",
)
async def broken_chunks_are_not_stored(probe: Probe) -> None:
    upload = await probe.create(100)
    lines = (TUS, OCTETS, "Upload-Offset: 0", "Transfer-Encoding: chunked")
    sent = probe.head_bytes("PATCH", upload, *lines) + b"5\r\nhello\r\nzz\r\nworld\r\n0\r\n\r\n"
    async with probe.connect(upload) as connection:
        await connection.write(sent)
        await connection.ended(_SOON)
    probe.note(sent, "the second chunk has no size")
    found = await probe.offset(upload)
    if found not in (0, 5):
        raise Failed(f"wanted an offset of 0 or 5, found {found}")


@SECTION.check(
    "WIRE-1",
    level=Level.HABIT,
    wants="Content-Length beside Transfer-Encoding is refused, or chunked wins (RFC 9112, 6.3).",
)
async def two_framings_are_not_both_believed(probe: Probe) -> None:
    upload = await probe.create(100)
    patched = await probe.patch(
        upload, 0, Chunked((b"hello",)), "Content-Length: 3", "Transfer-Encoding: chunked"
    )
    if patched.succeeded:
        want_value(patched, "Upload-Offset", 5)
        return
    want_refusal(patched)


@SECTION.check(
    "WIRE-1",
    level=Level.HABIT,
    wants="Requests that follow each other without waiting are answered in order (RFC 9112, 9.3.2).",
)
async def pipelined_requests_are_answered_in_order(probe: Probe) -> None:
    upload = await probe.create(10)
    lines = (TUS, OCTETS, "Upload-Offset: 0", "Content-Length: 5")
    patch = probe.head_bytes("PATCH", upload, *lines) + b"hello"
    head = probe.head_bytes("HEAD", upload, TUS)
    async with probe.connect(upload) as connection:
        await connection.write(patch + head)
        first = await probe.answer(connection, patch, "PATCH")
        want_status(first, 204)
        if "close" in [token.lower() for token in first.listed("Connection")]:
            raise Unclear("the server closes its connections after a PATCH, which it may")
        second = await probe.answer(connection, head, "HEAD")
    want_value(second, "Upload-Offset", 5)


@SECTION.check(
    "WIRE-1",
    level=Level.HABIT,
    wants="After a refused PATCH its unread body is not taken for the next request.",
)
async def a_refused_body_is_not_the_next_request(probe: Probe) -> None:
    upload = await probe.create(100)
    victim = await probe.create(10)
    smuggled = (
        probe.head_bytes("PATCH", victim, TUS, OCTETS, "Upload-Offset: 0", "Content-Length: 5") + b"hello"
    )
    want_no_success(await probe.patch(upload, 50, smuggled), "a PATCH at the wrong offset")
    await want_offset(probe, victim, 0, "because the PATCH to it was only somebody's bytes")


@SECTION.check(
    "CORE-PATCH-3",
    level=Level.HABIT,
    wants="A PATCH at the wrong offset that waits for 100 Continue is refused without it.",
)
async def a_patch_in_vain_is_not_called_in(probe: Probe) -> None:
    upload = await probe.create(10)
    lines = (TUS, OCTETS, "Upload-Offset: 5", "Content-Length: 5", "Expect: 100-continue")
    sent = probe.head_bytes("PATCH", upload, *lines)
    async with probe.connect(upload) as connection:
        await connection.write(sent)
        if await connection.interim(_SOON) is not None:
            await connection.write(b"hello")
        refused = await probe.answer(connection, sent, "PATCH")
    if 100 in refused.interim:
        raise Failed("100 Continue came before the refusal")
    want_status(refused, 409)


@SECTION.check(
    "WIRE-1",
    level=Level.HABIT,
    wants="A PATCH that waits for 100 Continue gets it, or a final answer (RFC 9110, 10.1.1).",
)
async def a_waiting_patch_is_called_in(probe: Probe) -> None:
    upload = await probe.create(10)
    lines = (TUS, OCTETS, "Upload-Offset: 0", "Content-Length: 5", "Expect: 100-continue")
    sent = probe.head_bytes("PATCH", upload, *lines)
    async with probe.connect(upload) as connection:
        await connection.write(sent)
        if await connection.interim(_SOON) is None:
            want_status(await probe.answer(connection, sent, "PATCH"), 417)
            return
        await connection.write(b"hello")
        patched = await probe.answer(connection, sent + b"hello", "PATCH")
    want_status(patched, 204)
    want_header(patched, "Upload-Offset")
