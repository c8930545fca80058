"""JSON bodies that do not come as they should."""

import asyncio

import pytest
from aiohttp import StreamReader, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import TransferEncodingError
from aiohttp.test_utils import make_mocked_request

from protocol.errors import MalformedBody, ReadTimeout, UploadInterrupted
from tusd_py.server.json_bodies import read_object


def request_with(begun: bytes) -> web.Request:
    """Its body has begun, and goes on in a while, perhaps."""
    connection = BaseProtocol(asyncio.get_running_loop())
    connection.connection_made(asyncio.Transport())
    content = StreamReader(connection, 2**16)
    content.feed_data(begun)
    return make_mocked_request("POST", "/", {"Content-Type": "application/json"}, payload=content)


async def test_a_body_that_does_not_come_is_not_waited_for_without_end() -> None:
    with pytest.raises(ReadTimeout):
        await read_object(request_with(b'{"tags":'), within=0.01)


@pytest.mark.parametrize(
    ("failure", "refusal"),
    [(TransferEncodingError("zz"), MalformedBody), (ConnectionResetError(), UploadInterrupted)],
)
async def test_a_body_that_breaks_off_is_no_failure_of_ours(
    failure: Exception, refusal: type[Exception]
) -> None:
    request = request_with(b'{"tags":')
    request.content.set_exception(failure)
    with pytest.raises(refusal):
        await read_object(request, within=5)
