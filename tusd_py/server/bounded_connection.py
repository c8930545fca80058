"""One client connection: what aiohttp's own handler lets through or waits for without end.

Only public names of aiohttp are overridden or called here (connection_lost reads one that is not), but
`RequestHandler` makes no promise about when it calls them; tests/integration/test_connection.py fails if an
upgrade changes that.

Belongs here: the header deadline, the idle time, the connection cap, tiny chunks, and answers to what is not
HTTP. Not here: whose turn it is (connection.py), when deadlines are looked at (counting_server.py), what is
in a request (guard.py), bodies and their deadlines (intake.py).
"""

import asyncio
from typing import Any

from aiohttp import StreamReader, web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

from protocol.errors import BadHeader, ExpectationFailed, InternalError, ProtocolError
from protocol.tus.answers import answer_error
from tusd_py.log import get_logger

from .connection_rules import ConnectionRules
from .counting_server import CountingServer, WatchedConnection
from .drips import ENOUGH, TINY, Drips
from .responses import SERVER_NAME, response_of

log = get_logger("tusd_py.server")

LINGER = 2.0
"""Seconds for which an unread body is thrown away after a refusal: closing at once would make the
kernel reset the connection, and the client might never see why."""

# 300,000 one-byte chunks cost seconds of CPU for a few hundred kilobytes. A chunk costs at least five
# bytes of framing, six when it has 16 bytes or more; so this is an average below 64 bytes.
_FRAMING_ALLOWED = 4096 * 5
_FRAMING_PER_CHUNK = 6
_SMALLEST_AVERAGE = 64

NEVER = 1e9
"""Seconds after which aiohttp may take a connection for idle: it does not see the requests of the lane."""


class BoundedConnection(WatchedConnection):
    """A connection whose heads arrive in time."""

    __slots__ = (
        "_answering",
        "_chunked",
        "_content",
        "_counted",
        "_drips",
        "_framing",
        "_gone",
        "_handling",
        "_head_due",
        "_is_gone",
        "_last_used",
        "_length",
        "_look_at",
        "_owner",
        "_refused",
        "_rules",
        "_server",
    )

    def __init__(self, server: CountingServer, rules: ConnectionRules, **kwargs: Any) -> None:
        self._server = server
        self._rules = rules
        self._counted = False
        self._owner: str | None = None
        self._handling = False
        self._refused = False
        self._content: StreamReader | None = None
        self._chunked = False
        self._length = "0"
        self._framing = 0
        self._drips: Drips | None = None
        self._head_due: float | None = None
        self._gone: asyncio.Event | None = None
        self._is_gone = False
        self._answering = False
        self._last_used = self._look_at = server.now()
        super().__init__(server, loop=asyncio.get_running_loop(), **kwargs)

    @property
    def may_be_taken_over(self) -> bool:
        """A thread may read this connection's socket for a while."""
        return self._rules.may_be_taken_over

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._server.open_connections >= self._rules.most:
            self._turn_away(transport, "connections")
            return
        self._owner = self._server.per_address.enter(transport)
        if self._owner is None:
            self._turn_away(transport, "connections_per_address")
            return
        self._counted = True
        self._server.connection_opened()
        super().connection_made(transport)
        self._expect_head()

    def _turn_away(self, transport: asyncio.BaseTransport, limit: str) -> None:
        # Not a 503: on the HEAD of a resuming client that would cost it every byte it has sent.
        self._server.refused(limit)
        transport.close()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._is_gone = True
        if self._gone is not None:
            self._gone.set()
        if self._counted:
            self._counted = False
            self._server.connection_closed()
        if self._owner is not None:
            self._server.per_address.leave(self._owner)
            self._owner = None
        super().connection_lost(exc)
        self._content = self._drips = None
        # aiohttp's, of what it did not get to answer: there is no other way to them.
        for message, _ in self._messages:
            _forget_way(getattr(message, "exc", None))

    async def until_gone(self) -> None:
        """Returns when the connection is lost; nothing tells handlers otherwise."""
        # Made for the few who wait: it is a kilobyte, for each of ten thousand that are idle.
        if self._gone is None:
            self._gone = asyncio.Event()
        if not self._is_gone:
            await self._gone.wait()

    def head_is_here(self) -> None:
        """The head that was awaited came."""
        self._head_due = None

    def request_begins(self, request: web.BaseRequest) -> None:
        """The head is whole and its handler starts."""
        self.head_is_here()
        self._handling = self._answering = True
        self._content = request.content
        self._chunked = "chunked" in request.headers.get("Transfer-Encoding", "").lower()
        self._length = request.headers.get("Content-Length", "0")
        self._framing = 0
        drips, self._drips = self._drips, None
        if drips is not None and (kept := drips.taken()):
            # Not of a head, as all of this one is here.
            self._take(kept)

    def request_ends(self) -> None:
        """The handler is done. A pipelined head may be half here: its time starts anew."""
        self._handling = False
        if self._head_due is not None:
            self._expect_head()

    @property
    def is_deaf(self) -> bool:
        """Nothing that comes is looked at any more."""
        return self._refused or not self._counted

    @property
    def is_busy(self) -> bool:
        """Its client waits for an answer, and does not count as idle."""
        return self._answering

    def touch(self) -> None:
        """From now on it is idle, unless it is busy."""
        self._last_used = self._server.now()

    def data_received(self, data: bytes) -> None:
        """See `web.RequestHandler`."""
        if self.is_deaf:
            return
        if data:
            self.touch()
        self._take(data)

    def _take(self, data: bytes) -> None:
        content = self._content
        if content is not None and not content.is_eof():
            self._body_received(content, data)
            return
        if data and self._head_due is None:
            self._expect_head()
        # Meanwhile it may be anything: of a WebSocket, or the body of a pipelined request.
        if data and not self._handling:
            data = self._head_received(data)
            if not data:
                return
        super().data_received(data)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Called by aiohttp to send the answer."""
        response, is_lost = await super().finish_response(request, resp, start_time)
        self._answering = False
        self.touch()
        await self.answered(request, response)
        # aiohttp holds on to both until the next request comes, which may be never.
        request.clear()
        response.headers.clear()
        return response, is_lost

    async def answered(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        """The answer was sent, and what is known of the request is about to be forgotten."""

    def look(self, now: float) -> bool:
        """It is overdue if it was idle for too long, or its head has not come. See `WatchedConnection`."""
        # Of ten thousand that are idle, each is asked each second.
        if now < self._look_at:
            return False
        if not self._counted or self.transport is None:
            return False  # lost since the round began, or closed, and its other side has not noticed yet
        due = self._head_due
        # A pipelined request waits for the one before it; see request_ends.
        if due is not None and now >= due and not self._handling:
            self._head_due = None
            log.debug("connection.head_overdue", client=str(self.peername))
        elif now - self._last_used < self._rules.keep_alive or self.is_busy:
            self._look_at = (now if self.is_busy else self._last_used) + self._rules.keep_alive
            if due is not None:
                self._look_by(due)
            if self._drips is not None:
                self._drips.look(self.transport, now)
                self._look_by(self._drips.until)
            return False
        self.force_close()
        return True

    def _look_by(self, moment: float) -> None:
        self._look_at = min(self._look_at, moment)

    def _head_received(self, data: bytes) -> bytes:
        """What is to be parsed of it now."""
        if self._drips is None:
            if len(data) >= TINY:
                return data
            self._drips = Drips()
        return self._drips.in_head(data)

    def _body_received(self, content: StreamReader, data: bytes) -> None:
        if not self._chunked:
            super().data_received(data)
            if data and (self._drips is not None or len(data) < TINY):
                self._body_drips(content, len(data))
            return
        # Judged before new bytes are parsed: while paused, the parser keeps some back, which would look
        # like framing; it has given them all by the time the connection is read again.
        if data and self._chunks_are_tiny(content):
            self._refuse_body(content)
            return
        before = content.total_bytes
        super().data_received(data)
        self._framing += len(data) - (content.total_bytes - before)

    def _body_drips(self, content: StreamReader, size: int) -> None:
        """A piece of `size` bytes was small, or others before it were."""
        if self.transport is None or self._rules.gathering <= 0:
            return
        if content.is_eof() or size > ENOUGH:
            self.gather_no_more()
            return
        if self._drips is None:
            self._drips = Drips()
        left, until = int(self._length) - content.total_bytes, self._server.now() + self._rules.gathering
        self._drips.in_body(self.transport, size, left, until)
        self._look_by(self._drips.until)

    def gather_no_more(self) -> None:
        """What comes of the body is to be had at once."""
        drips, self._drips = self._drips, None
        if drips is not None and self.transport is not None:
            drips.stop(self.transport)

    def _chunks_are_tiny(self, content: StreamReader) -> bool:
        if self._framing < _FRAMING_ALLOWED:
            return False
        return self._framing * _SMALLEST_AVERAGE > content.total_bytes * _FRAMING_PER_CHUNK

    def _refuse_body(self, content: StreamReader) -> None:
        """The handler reads the refusal from the body; nothing more is parsed on this connection."""
        self._refused = True
        self.close()
        content.set_exception(BadHeader(f"chunks of less than {_SMALLEST_AVERAGE} bytes on average"))
        # Otherwise aiohttp would go on reading it after the answer.
        content.feed_eof()

    def _expect_head(self) -> None:
        self._head_due = self._server.now() + self._rules.header_timeout
        self._look_by(self._head_due)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What is not HTTP, and what escaped every other place. Called by aiohttp."""
        if request.writer.output_size > 0:
            # The client has half an answer; only a cut tells it so. aiohttp treats this as a lost client.
            raise ConnectionError("the answer was begun and cannot be finished")
        if isinstance(exc, HttpProcessingError):
            self._refused = True
            _forget_way(exc)
            log.debug("request.malformed", client=str(self.peername), status=status)
            last_words = self._last_words(self._describe(exc))
            last_words.headers.update(self._rules.on_unread)
            return last_words
        if isinstance(exc, ProtocolError):
            return self._last_words(exc)
        if isinstance(exc, UnicodeEncodeError) and "Expect" in request.headers:
            # Where no route is found aiohttp itself refuses the header, before any of ours, and quotes it.
            return self._last_words(ExpectationFailed())
        log.error("request.failed", status=status, detail=message, exc_info=exc)
        return self._last_words(InternalError())

    def _describe(self, exc: HttpProcessingError) -> BadHeader:
        """Never the library's text: it quotes what the client sent."""
        if isinstance(exc, LineTooLong):
            return BadHeader(f"a header or the request line is longer than {self._rules.longest_field} bytes")
        return BadHeader("the request is not well-formed HTTP/1.1")

    def _last_words(self, error: ProtocolError) -> web.Response:
        response = response_of(answer_error(error), _LastWords)
        response.force_close()
        # aiohttp takes what is malformed for HTTP/1.0, where it would not say so.
        response.headers["Connection"] = "close"
        response.headers["Server"] = SERVER_NAME
        return response

    async def say_goodbye(self) -> None:
        """Half-close, and throw away what still comes until the client has hung up or time is over."""
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        if transport.can_write_eof():
            transport.write_eof()
        try:
            async with asyncio.timeout(LINGER):
                await self.until_gone()
        except TimeoutError:
            return


def _forget_way(unread: BaseException | None) -> None:
    """Of an error of the parser: the frame that it passed holds it, and the connection, for long."""
    if unread is not None:
        unread.__traceback__ = None


class _LastWords(web.Response):
    """An answer after which the connection closes, but not before the client could read it."""

    _connection: BoundedConnection | None = None

    async def prepare(self, request: web.BaseRequest) -> Any:
        if isinstance(request.protocol, BoundedConnection):
            self._connection = request.protocol
        return await super().prepare(request)

    async def write_eof(self, data: bytes = b"") -> None:
        await super().write_eof(data)
        if self._connection is not None:
            await self._connection.say_goodbye()
