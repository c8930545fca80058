"""Whether connections of the installed aiohttp and event loop can be taken over: tried at every start.

takeover.py and stand_in.py rely on what no library promised. So three requests go through a real connection,
one behind the other: the parser counts the first body, and of the second it never sees the end, so the third
has a new connection. They have to arrive whole; otherwise every body goes the long way. It takes some 15 ms.
"""

import asyncio
import socket
from contextlib import suppress
from functools import partial

from aiohttp import web

from tusd_py.config.units import MIB
from tusd_py.log import get_logger

from .connection import TusServer
from .connection_rules import ConnectionRules
from .takeover import take_over

log = get_logger("tusd_py.server")

PATIENCE = 5.0
"""Seconds for the whole test."""

_BODY = bytes(range(256)) * (2 * MIB // 256)
_RULES = ConnectionRules(
    header_timeout=PATIENCE, keep_alive=PATIENCE, most=1, longest_field=8190, may_be_taken_over=True
)
_REQUESTS = 3
_UNCOUNTED = 1
"""Which of them the parser does not count, from 0."""
_HEAD = b"PATCH / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"


async def can_be_taken_over() -> bool:
    """True if it works; what is wrong is logged."""
    try:
        async with asyncio.timeout(PATIENCE):
            said = await _ask()
    except (OSError, RuntimeError, TimeoutError, web.HTTPException) as failed:
        log.warning("takeover.unavailable", error=str(failed) or type(failed).__name__)
        return False
    if said != [True] * _REQUESTS:
        log.warning("takeover.unavailable", error="bodies did not arrive whole", whole=said)
        return False
    return True


async def _ask() -> list[bool]:
    """Of each of the pipelined requests: did the body arrive as it was sent."""
    loop = asyncio.get_running_loop()
    whole: list[bool] = []
    answered = asyncio.Event()

    async def handle(request: web.BaseRequest) -> web.Response:
        whole.append(await _body(request, is_counted=len(whole) != _UNCOUNTED) == _BODY)
        if len(whole) == _REQUESTS:
            answered.set()
        return web.Response()

    server = TusServer(
        web.Server(handle),
        rules=_RULES,
        opened=_nothing,
        closed=_nothing,
        refused=_nothing,
        access_log=None,
        auto_decompress=False,
    )
    ours, theirs = socket.socketpair()
    with theirs:
        transport, _ = await loop.connect_accepted_socket(server, ours)
        try:
            theirs.setblocking(False)
            sending = asyncio.create_task(loop.sock_sendall(theirs, (_HEAD % len(_BODY) + _BODY) * _REQUESTS))
            await answered.wait()
            await sending
        finally:
            transport.close()
            await server.shutdown(0)
            with suppress(OSError):
                ours.close()
    return whole


def _nothing(*_of_what: str) -> None:
    """Nobody counts this connection."""


async def _body(request: web.BaseRequest, *, is_counted: bool) -> bytes:
    """The first bytes from the stream, most from the socket, the last from the stream again."""
    received = bytearray(await request.content.readany())
    takeover = take_over(request)
    if takeover is None:
        return b""
    takeover.hold()
    while block := request.content.read_nowait():
        received += block
    takeover.hold()
    if not is_counted:
        takeover.count_ourselves(len(_BODY) - len(received))
    try:
        most = len(_BODY) - len(received) - 1
        burst = partial(takeover.burst, received.extend, most, None, lambda: False)
        count = await asyncio.get_running_loop().run_in_executor(None, burst)
        if not takeover.account(count):
            return b""
        takeover.release()
        return bytes(received + await request.content.read())
    finally:
        takeover.close()
