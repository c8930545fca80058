"""The body of a request as the service reads it, straight from aiohttp's stream."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol

from tusd_py.leases import Stop, StopReason
from tusd_py.server import intake
from tusd_py.server.intake import BodyDeadlines, StreamSource
from tusd_py.uploads.receive import Ending, SourceEnded


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """One that arrives in this process."""

    stream: StreamReader
    source: StreamSource

    async def drip(self, content: bytes) -> None:
        """Byte by byte, each seen before the next one comes."""
        for byte in content:
            self.stream.feed_data(bytes([byte]))
            for _ in range(5):
                await asyncio.sleep(0)


@asynccontextmanager
async def body(*, rate: int = 0) -> AsyncIterator[Body]:
    loop = asyncio.get_running_loop()
    protocol = BaseProtocol(loop)
    protocol.connection_made(asyncio.Transport())
    stream = StreamReader(protocol, 65536, loop=loop)

    async def begin() -> None:
        return None

    deadlines = BodyDeadlines(idle=60, rate=rate, window=60)
    async with asyncio.timeout(10), StreamSource(stream, deadlines, begin) as source:
        yield Body(stream=stream, source=source)


@pytest.mark.parametrize("failure", [asyncio.CancelledError(), ConnectionResetError()])
async def test_what_came_before_the_stream_broke_is_read_and_then_the_body_is_over(
    failure: BaseException,
) -> None:
    async with body() as coming:
        reading = asyncio.create_task(coming.source.read())
        await coming.drip(b"abc")
        coming.stream.set_exception(failure)
        assert await reading == b"abc"
        with pytest.raises(SourceEnded) as ended:
            await coming.source.read()
        assert ended.value.ending is Ending.GONE


async def test_what_comes_in_drips_is_given_out_at_once_when_the_body_ends() -> None:
    async with body() as coming:
        reading = asyncio.create_task(coming.source.read())
        await coming.drip(b"abc")
        assert not reading.done()
        coming.stream.feed_eof()
        assert await reading == b"abc"
        assert await coming.source.read() == b""


async def test_what_comes_in_drips_is_given_out_when_there_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "GATHERED", 3)
    async with body() as coming:
        reading = asyncio.create_task(coming.source.read())
        await coming.drip(b"ab")
        assert not reading.done()
        await coming.drip(b"c")
        assert await reading == b"abc"


async def test_what_comes_in_drips_is_given_out_after_a_lull(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "LULL", 0.05)
    monkeypatch.setattr(intake, "LONGEST_LULL", 0.05)
    async with body(rate=40) as coming:
        coming.stream.feed_data(b"ab")
        assert await coming.source.read() == b"ab"


async def test_a_body_that_is_too_slow_waits_for_its_end_or_for_somebody_who_wants_it_to_stop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(intake, "LULL", 0.01)
    monkeypatch.setattr(intake, "LONGEST_LULL", 0.01)
    stop = Stop()
    async with body(rate=1000) as coming:
        coming.source.obey(stop)
        reading = asyncio.create_task(coming.source.read())
        await coming.drip(b"abc")
        await asyncio.sleep(0.05)
        assert not reading.done()
        stop.ask(StopReason.INTERRUPTED)
        assert await reading == b"abc"
        with pytest.raises(SourceEnded) as ended:
            await coming.source.read()
        assert ended.value.ending is Ending.INTERRUPTED
