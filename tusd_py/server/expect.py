"""Expect: 100-continue (RFC 9110, 10.1.1), so that a refusal costs no body.

aiohttp says "100 Continue" before any handler runs; with these the handler says it when it is ready to read.
"""

from aiohttp import web
from aiohttp.http import HttpVersion11

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_CONTINUED = web.RequestKey("continued", bool)


async def expect_handler(_request: web.Request) -> None:
    """For every route that reads bodies: says nothing, so that the handler may refuse first."""


def expects_continue(request: web.BaseRequest) -> bool:
    """The client waits for our word. HTTP/1.0 clients cannot be told (RFC 9110, 10.1.1)."""
    if request.version < HttpVersion11:
        return False
    return request.headers.get("Expect", "").lower() == "100-continue"


async def send_continue(request: web.BaseRequest) -> None:
    """Tell a client that waits for it to send its body. May be called again; it is said once."""
    if not expects_continue(request) or request.get(_CONTINUED, False):
        return
    request[_CONTINUED] = True
    # What arrived already shows that the client does not wait (RFC 9110, 10.1.1: MAY omit).
    if request.content.total_bytes or request.content.is_eof():
        return
    transport = request.transport
    # Not through the request's writer: what it counts would look like an answer begun.
    if transport is not None and not transport.is_closing():
        transport.write(_CONTINUE)
