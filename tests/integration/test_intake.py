"""The body of a request as the service reads it, straight from aiohttp's stream."""

import asyncio

import pytest
from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol

from tusd_py.server.intake import BodyDeadlines, StreamSource
from tusd_py.uploads.receive import Ending, SourceEnded


@pytest.mark.parametrize("failure", [asyncio.CancelledError(), ConnectionResetError()])
async def test_what_came_before_the_stream_broke_is_read_and_then_the_body_is_over(
    failure: BaseException,
) -> None:
    loop = asyncio.get_running_loop()
    protocol = BaseProtocol(loop)
    protocol.connection_made(asyncio.Transport())
    stream = StreamReader(protocol, 65536, loop=loop)

    async def begin() -> None:
        return None

    deadlines = BodyDeadlines(idle=60, rate=0, window=60)
    async with asyncio.timeout(10), StreamSource(stream, deadlines, begin) as source:
        stream.feed_data(b"abc")
        assert await source.read() == b"abc"
        stream.set_exception(failure)
        with pytest.raises(SourceEnded) as ended:
            await source.read()
        assert ended.value.ending is Ending.GONE
