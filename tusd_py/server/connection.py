"""Whose turn it is on a connection, and the server that makes connections.

What comes belongs to aiohttp's parser or to the lane of small uploads (lane.py), never to both: the lane may
take a request only when aiohttp was given nothing that it has not answered, and what comes while the lane
answers is held until it has.

Belongs here: that order. Not here: deadlines, limits, and what is not HTTP (bounded_connection.py), which
requests the lane takes (lane.py).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from tusd_py.log import get_logger

from .bounded_connection import BoundedConnection
from .connection_rules import ConnectionRules
from .counting_server import CountingServer
from .shortcut import Shortcut
from .small_request import Sender, SmallRequest, SmallWay, Taken, cut_out, head_size

log = get_logger("tusd_py.server")

_YES = (web.HTTPCreated.status_code, web.HTTPNoContent.status_code)
_MOST_HELD = 64 * 1024
"""Bytes that may come while a small request is answered; then the socket is left alone until it is."""


class TusConnection(BoundedConnection):
    """A connection whose requests take the shortest way."""

    __slots__ = (
        "_closing",
        "_given",
        "_head_size",
        "_held",
        "_is_secure",
        "_lane_task",
        "_left",
        "_sender",
        "_small",
        "_tus",
        "_when_answered",
    )

    def __init__(self, server: "TusServer", rules: ConnectionRules, **kwargs: Any) -> None:
        self._tus = server
        self._closing = False
        self._sender: Sender = None
        self._is_secure = False
        # Of the request that aiohttp has, as far as it is the only one: otherwise _head_size is 0.
        self._given = 0
        self._head_size = 0
        self._small: SmallRequest | None = None
        # Of the request that the lane has.
        self._lane_task: asyncio.Task[None] | None = None
        self._held = bytearray()
        self._left: tuple[Exception, str] | None = None
        """What a request that left the lane met there, and its id."""
        self._when_answered: Callable[[], None] | None = None
        super().__init__(server, rules, **kwargs)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `web.RequestHandler`."""
        peer = transport.get_extra_info("peername")
        self._sender = peer[0] if isinstance(peer, tuple) else None
        self._is_secure = transport.get_extra_info("sslcontext") is not None
        super().connection_made(transport)

    @property
    def is_busy(self) -> bool:
        """See `BoundedConnection`."""
        return super().is_busy or self._lane_task is not None

    def data_received(self, data: bytes) -> None:
        """See `web.RequestHandler`."""
        if self.is_deaf:
            return
        if self._lane_task is not None:
            self._hold(data)
            return
        if data and self._is_begun(data):
            return
        super().data_received(data)

    def _is_begun(self, data: bytes) -> bool:
        """The lane has taken it. Otherwise aiohttp gets it, and what it is given is counted."""
        if self._given:
            self._given += len(data)
            self._small = None
            return False
        lane = self._tus.lane
        request = None if lane is None or self._closing else cut_out(data, lane.longest_head)
        if lane is not None and request is not None:
            taken = lane.take(request, self._sender, is_secure=self._is_secure)
            if taken is not None:
                self.head_is_here()
                self._lane_task = self._tus.create_task(self._answer_small(taken))
                return True
        self._small = request
        self._given = len(data)
        self._head_size = head_size(data)
        return False

    async def _answer_small(self, taken: Taken) -> None:
        try:
            answer = await taken.answer()
        except Exception as error:  # noqa: BLE001 - the seam, which this goes to, judges it
            self._lane_task = None
            self._leave_lane(taken, error)
        else:
            self._lane_task = None
            if self.transport is not None and not self.transport.is_closing():
                self.transport.write(answer)
        self.touch()
        self._go_on()

    def _leave_lane(self, taken: Taken, error: Exception) -> None:
        """Have aiohttp parse the request, and the seam answer what it met."""
        if self.transport is None:
            log.info("request.client_gone", error=f"{type(error).__name__}: {error}")
            return
        self._left = error, taken.request_id
        data = taken.request.data
        self._given, self._head_size = len(data), head_size(data)
        super().data_received(data)

    def _hold(self, data: bytes) -> None:
        """What a client sends before it has its answer."""
        self._held += data
        if len(self._held) > _MOST_HELD and self.transport is not None:
            self.transport.pause_reading()

    def _go_on(self) -> None:
        """With what came meanwhile, or with the end that was put off."""
        if self._closing:
            super().close()
            return
        if not self._held or self.transport is None or self.transport.is_closing():
            return
        held, self._held = bytes(self._held), bytearray()
        self.transport.resume_reading()
        self.data_received(held)

    def left_lane(self) -> tuple[Exception, str] | None:
        """What the request that begins now met in the lane, and its id; forgotten from now on."""
        left, self._left = self._left, None
        return left

    async def answered(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        """After this, it may be the lane's turn."""
        content = request.content
        # All that aiohttp was given was this request, so its parser keeps nothing back.
        if self._head_size and content.is_eof() and self._given == self._head_size + content.total_bytes:
            self._given = 0
        small, self._small = self._small, None
        if small is not None and not self._given and response.status in _YES:
            await self._tus.remember(request, small, self._sender)
        if self._when_answered is not None and response.keep_alive:
            self._when_answered()

    def lend(self, when_answered: Callable[[], None]) -> None:
        """The transport calls somebody else for the rest of a body; see stand_in.py.

        `when_answered` is called once the answer is sent, unless it says that the connection closes.
        """
        self._when_answered = when_answered

    def hand_on(self, behind: bytes) -> None:
        """To a new connection, which begins with what came `behind` the body, whose end this never saw."""
        transport = self.transport
        if transport is None or transport.is_closing() or self._closing:
            return
        # First, so that ending this one does not close it.
        self.transport = None
        self._when_answered = None
        self.connection_lost(None)
        self._tus().follow(transport, behind)

    def follow(self, transport: asyncio.Transport, behind: bytes) -> None:
        """Take the place of a connection that was handed on."""
        transport.set_protocol(self)
        self.connection_made(transport)
        # It is as idle as any other between two requests.
        self.head_is_here()
        transport.resume_reading()
        if behind:
            self.data_received(behind)

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._when_answered = None  # it holds us, and what was read

    def close(self) -> None:
        """Called when the server stops: what the lane has is answered first."""
        self._closing = True
        if self._lane_task is None:
            super().close()

    async def shutdown(self, timeout: float | None = 15.0) -> None:  # noqa: ASYNC109 - aiohttp's
        """See `web.RequestHandler`."""
        self._closing = True
        if self._lane_task is not None:
            _, late = await asyncio.wait((self._lane_task,), timeout=timeout)
            for task in late:
                task.cancel()
        await super().shutdown(timeout)


class TusServer(CountingServer):
    """Makes connections, and tells each when its requests begin and end."""

    def __init__(
        self,
        inner: web.Server,
        *,
        rules: ConnectionRules,
        shortcut: Shortcut | None = None,
        opened: Callable[[], None],
        closed: Callable[[], None],
        refused: Callable[[str], None],
        **kwargs: Any,
    ) -> None:
        """`inner` is what aiohttp made of the application; its `kwargs` are for the connections."""
        super().__init__(
            self._handle,
            request_factory=inner.request_factory,
            rules=rules,
            opened=opened,
            closed=closed,
            refused=refused,
        )
        self._application: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]] = inner.request_handler
        self._rules = rules
        self._shortcut = shortcut
        self._connection_arguments = kwargs

    @property
    def lane(self) -> SmallWay | None:
        """Where small requests may go."""
        return None if self._shortcut is None else self._shortcut.lane

    async def remember(self, request: web.BaseRequest, small: SmallRequest, sender: Sender) -> None:
        """Have the lane know requests like this, which was answered with yes."""
        if self.lane is not None and isinstance(request, web.Request):
            await self.lane.remember(request, small, sender)

    def __call__(self) -> TusConnection:
        return TusConnection(self, self._rules, **self._connection_arguments)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        if not isinstance(connection, TusConnection):
            return await self._application(request)
        connection.request_begins(request)
        try:
            if (
                self._shortcut is not None
                and isinstance(request, web.Request)
                and self._shortcut.takes(request)
            ):
                left = connection.left_lane()
                if left is not None:
                    return await self._shortcut.say(request, *left)
                return await self._shortcut.answer(request)
            return await self._application(request)
        finally:
            connection.request_ends()
