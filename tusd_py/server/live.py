"""`/api/v1/events` and `/api/v1/live`: what happens to one's files, as it happens.

The first is for EventSource and curl (server-sent events, HTML Living Standard 9.2), the second a WebSocket
(RFC 6455) on which the visitor says, and may change, what he wants to hear. Both take a cursor to go on from.

Belongs here: those two connections. Not here: what there is to tell (live/feed.py).
"""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, hdrs, web

from protocol.errors import Forbidden, InvalidQuery, OriginRefused, TooManyListeners, UploadNotFound
from protocol.upload import parse_upload_id
from tusd_py.access.authorize import Action, admit, may_touch
from tusd_py.access.identity import ANONYMOUS, Identity
from tusd_py.live.feed import Feed, Interest, Listener, Resync, Told, TooMany
from tusd_py.metadata.database import DatabaseError
from tusd_py.metadata.event_log import BadCursor, Event
from tusd_py.metadata.running import Running
from tusd_py.outbox.message import as_json

from .connection import TusConnection
from .identify import Identify
from .route import Parameter, Reply, Route

HEARTBEAT = 15.0
"""Seconds of silence after which a server-sent stream says that it is there."""
PING = 30.0
GOOD_BYE = 5.0
"""Seconds that a client has to say good-bye, too."""
LAST_GOOD_BYE = 1.0
"""The same for all of them together, when the server stops."""
STALLED = 30.0
"""Seconds that a reader may take nothing; then it is cut off."""
LONGEST = 600.0
"""Seconds for which a connection lives; the next one is asked anew who it is, as a key may be revoked."""
MOST_FILES = 500
"""Files that one connection may name."""
LONGEST_MESSAGE = 64 * 1024
"""Bytes, from a client."""
_OPERATORS = frozenset({"finding", "engine", "error", "holder"})
"""What events say of the inside of this house and of what was found, which is for operators."""
_RETRY = 3000
"""Milliseconds that a browser waits before it connects again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRules:
    """What the settings say."""

    is_own_origin: Callable[[web.Request, str], bool]
    """This Origin is ours, or one that the operator named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """Listens for visitors."""

    identify: Identify
    feed: Feed
    installation: str
    rules: LiveRules
    sockets: set[web.WebSocketResponse] = field(default_factory=set)
    """Those that are open."""
    writes: set[asyncio.Timeout] = field(default_factory=set)
    """Those that readers have not taken yet."""

    # --- server-sent events

    async def events(self, request: web.Request) -> web.StreamResponse:
        """What happens from now on, or behind `after`."""
        identity = await self.identify(request)
        admit(identity, Action.LISTEN)
        files = _file_ids(request.query.getall("file_id", []))
        _check_named(identity, files)
        wants_progress = request.query.get("progress", "") in ("1", "true")
        # A browser that lost the connection says by itself what it had last.
        after = request.headers.get("Last-Event-ID") or request.query.get("after") or None
        interest = _interest(identity, files, progress=wants_progress)
        response = web.StreamResponse(
            headers={
                hdrs.CONTENT_TYPE: "text/event-stream",
                hdrs.CACHE_CONTROL: "no-store",
                # nginx would keep events back until its buffer is full.
                "X-Accel-Buffering": "no",
            }
        )
        if request.method == hdrs.METH_HEAD:
            return web.Response(headers=response.headers)
        try:
            async with (
                self.feed.listen(interest, whose=_whose(identity), after=after) as listener,
                _ended_with_its_connection(request, listener),
            ):
                await response.prepare(request)
                try:
                    await self._tell_stream(response, listener, identity)
                except TimeoutError:
                    # It takes nothing, and would not take the end of the answer either.
                    _abort(request)
        except TooMany:
            raise TooManyListeners from None
        except BadCursor as bad:
            raise InvalidQuery(f"after: {bad}") from None
        return response

    async def _tell_stream(
        self, response: web.StreamResponse, listener: Listener, identity: Identity
    ) -> None:
        until = _until(identity)
        await self._soon(response.write(f"retry: {_RETRY}\n{_as_cursor(listener)}".encode()))
        # What goes wrong from here on is the end of the stream; the client goes on where it was.
        with suppress(DatabaseError, ConnectionError):
            while not listener.is_over and (left := until - time.monotonic()) > 0:
                told = await listener.next(min(HEARTBEAT, left))
                lines = [self._as_event(one, identity) for one in told] or [_as_cursor(listener)]
                await self._soon(response.write("".join(lines).encode()))
            await self._soon(response.write_eof())

    def _as_event(self, told: Told, identity: Identity) -> str:
        name, said = as_told(told, self.installation, identity)
        head = f"id: {said['cursor']}\n" if "cursor" in said else ""
        return f"{head}event: {name}\ndata: {json.dumps(said)}\n\n"

    # --- WebSocket

    async def live(self, request: web.Request) -> web.StreamResponse:
        """Hears `{"subscribe": {...}}`, tells events and progress."""
        identity = await self.identify(request)
        admit(identity, Action.LISTEN)
        for origin in request.headers.getall(hdrs.ORIGIN, []):
            # Browsers let any page open a WebSocket, with the visitor's cookies.
            if not self.rules.is_own_origin(request, origin):
                raise OriginRefused
        if request.headers.get(hdrs.UPGRADE, "").lower() != "websocket":
            raise InvalidQuery("this is a WebSocket; GET /api/v1/events is the same without one")
        try:
            # Taken before anything is said: one that never subscribes costs as much as one that does.
            with self.feed.seat(_whose(identity)):
                return await self._converse(request, identity)
        except TooMany:
            raise TooManyListeners from None

    async def _converse(self, request: web.Request, identity: Identity) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(
            heartbeat=PING, max_msg_size=LONGEST_MESSAGE, compress=False, timeout=GOOD_BYE
        )
        await socket.prepare(request)
        self.sockets.add(socket)
        try:
            await _Conversation(self, request, socket, identity).hold()
        finally:
            self.sockets.discard(socket)
        return socket

    async def close(self, _app: web.Application) -> None:
        """The server stops: everybody is told to connect again, and nobody waited for who takes nothing."""
        await self.feed.close()
        until = asyncio.get_running_loop().time() + LAST_GOOD_BYE
        for write in self.writes:
            if not write.expired():
                write.reschedule(min(until, write.when() or until))
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_GOOD_BYE):
                await asyncio.gather(*map(_part, list(self.sockets)))

    async def say(self, socket: web.WebSocketResponse, text: str) -> None:
        """Raises TimeoutError where the reader takes nothing."""
        await self._soon(socket.send_str(text))

    async def _soon(self, writing: Awaitable[object]) -> None:
        async with asyncio.timeout(STALLED) as limit:
            self.writes.add(limit)
            try:
                await writing
            finally:
                self.writes.discard(limit)


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _as_cursor(listener: Listener) -> str:
    """Before anything happened, and after a silence: a browser goes on from the last id that it heard."""
    return f"id: {listener.cursor}\nevent: cursor\ndata: {json.dumps({'cursor': listener.cursor})}\n\n"


async def _part(socket: web.WebSocketResponse) -> None:
    with suppress(ConnectionError, TimeoutError):
        await socket.close(code=WSCloseCode.GOING_AWAY, message=b"connect again")


def as_told(told: Told, installation: str, identity: Identity) -> tuple[str, dict[str, Any]]:
    """Which message it is, and what it says to this visitor."""
    match told:
        case Event():
            return "event", as_json(_as_seen_by(identity, told), installation)
        case Resync():
            return "resync", {"cursor": told.cursor}
        case Running():
            return "progress", {
                "upload_id": told.upload_id,
                "file_id": told.file_id,
                "offset": told.offset,
                "length": told.length,
            }


def _as_seen_by(identity: Identity, event: Event) -> Event:
    if identity.is_admin or not _OPERATORS & event.data.keys():
        return event
    return replace(event, data={name: said for name, said in event.data.items() if name not in _OPERATORS})


class _Conversation:
    """With one visitor."""

    def __init__(
        self, live: Live, request: web.Request, socket: web.WebSocketResponse, identity: Identity
    ) -> None:
        self._live = live
        self._request = request
        self._socket = socket
        self._identity = identity
        self._until = _until(identity)
        self._telling: asyncio.Task[None] | None = None

    async def hold(self) -> None:
        """Until one of both ends it."""
        try:
            async with asyncio.timeout(max(0.0, self._until - time.monotonic())):
                async for message in self._socket:
                    if message.type is not WSMsgType.TEXT:
                        continue
                    await self._hear(message.data)
        except TimeoutError:
            with suppress(ConnectionError):
                await self._socket.close(code=WSCloseCode.SERVICE_RESTART, message=b"connect again")
        finally:
            await self._stop_telling()

    async def _hear(self, text: str) -> None:
        try:
            wanted = _parse_subscription(text)
            _check_named(self._identity, wanted.files)
        except (InvalidQuery, BadCursor, Forbidden) as bad:
            await self._say("error", {"detail": str(bad)})
            return
        await self._stop_telling()
        self._telling = asyncio.create_task(self._tell(wanted), name="live:tell")

    async def _tell(self, wanted: "_Subscription") -> None:
        interest = _interest(self._identity, wanted.files, progress=wanted.progress)
        try:
            async with self._live.feed.listen(interest, whose=None, after=wanted.after) as listener:
                await self._say("subscribed", {"cursor": listener.cursor})
                while not listener.is_over:
                    left = self._until - time.monotonic()
                    if left <= 0:
                        return  # `hold` says good-bye
                    news = await listener.next(min(PING, left))
                    for told in news:
                        await self._say(*as_told(told, self._live.installation, self._identity))
                    if not news:
                        await self._say("cursor", {"cursor": listener.cursor})
            await self._socket.close(code=WSCloseCode.GOING_AWAY, message=b"connect again")
        except TooMany:  # the server stops
            await self._socket.close(code=WSCloseCode.GOING_AWAY, message=b"connect again")
        except BadCursor as bad:
            await self._say("error", {"detail": f"after: {bad}"})
        except DatabaseError:
            await self._socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=b"connect again")
        except (TimeoutError, ConnectionError):
            # It takes nothing, or is gone. It may come again and go on where it was.
            _abort(self._request)

    async def _say(self, kind: str, said: dict[str, Any]) -> None:
        message = {"cursor": said["cursor"], "event": said} if kind == "event" else said
        await self._live.say(self._socket, json.dumps({"type": kind, **message}))

    async def _stop_telling(self) -> None:
        if self._telling is None:
            return
        telling, self._telling = self._telling, None
        telling.cancel()
        # To await it would raise its end, which cannot be told from our own; and ours must not be lost.
        await asyncio.wait({telling})
        if not telling.cancelled():
            telling.result()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subscription:
    files: frozenset[str]
    after: str | None
    progress: bool


def _parse_subscription(text: str) -> _Subscription:
    """`{"subscribe": {"files": [...], "after": "...", "progress": true}}`; all of them may be left out.

    Raises InvalidQuery.
    """
    try:
        said = json.loads(text)
        wanted = said["subscribe"]
        files, after, progress = wanted.get("files", []), wanted.get("after"), wanted.get("progress", False)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InvalidQuery(
            'wanted {"subscribe": {"files": [...], "after": "...", "progress": true}}'
        ) from None
    if not isinstance(files, list) or not all(isinstance(one, str) for one in files):
        raise InvalidQuery("subscribe.files is no list of file ids")
    if not (after is None or isinstance(after, str)) or not isinstance(progress, bool):
        raise InvalidQuery("subscribe.after is a text, subscribe.progress true or false")
    return _Subscription(files=_file_ids(files), after=after, progress=progress)


def _file_ids(texts: list[str]) -> frozenset[str]:
    """Raises InvalidQuery."""
    if len(texts) > MOST_FILES:
        raise InvalidQuery(f"{len(texts)} files are named, at most {MOST_FILES} may be")
    try:
        return frozenset(parse_upload_id(text) for text in texts)
    except UploadNotFound:
        raise InvalidQuery("file_id: wanted 32 lower-case hexadecimal digits") from None


def _check_named(identity: Identity, files: frozenset[str]) -> None:
    """Whoever has an id was told of it; without ids each would hear of everybody's. Raises Forbidden."""
    if identity == ANONYMOUS and not files:
        raise Forbidden("anonymous visitors, who all have one name, hear only of files that they name")


def _interest(identity: Identity, files: frozenset[str], *, progress: bool) -> Interest:
    """One's own, as far as it is about these files; an id that is somebody else's is never heard of."""

    def wants(one: Event | Running) -> bool:
        return (not files or one.file_id in files) and may_touch(identity, Action.LISTEN, one)

    return Interest(event=wants, running=wants if progress else None)


def _whose(identity: Identity) -> str:
    return f"{identity.tenant}/{identity.subject}"


def _until(identity: Identity) -> float:
    """By the monotonic clock; not longer than what proved who it is."""
    lives = LONGEST
    if identity.expires_at is not None:
        lives = min(lives, identity.expires_at - time.time())
    return time.monotonic() + lives


@asynccontextmanager
async def _ended_with_its_connection(request: web.Request, listener: Listener) -> AsyncIterator[None]:
    """Who is gone listens to nothing, and makes room."""
    connection = request.protocol
    if not isinstance(connection, TusConnection):
        yield  # in somebody else's server: its next heartbeat fails
        return
    gone = asyncio.create_task(connection.until_gone(), name="live:gone")
    gone.add_done_callback(lambda _: listener.end())
    try:
        yield
    finally:
        gone.cancel()


def origin_rule(same_origin: Callable[[web.Request, str], bool], others: str) -> LiveRules:
    """`others` is a regular expression that a whole Origin must match; "" for none."""
    pattern = re.compile(others) if others else None

    def is_own(request: web.Request, origin: str) -> bool:
        return same_origin(request, origin) or (pattern is not None and bool(pattern.fullmatch(origin)))

    return LiveRules(is_own_origin=is_own)


_AFTER = Parameter(
    name="after",
    description="Go on behind this cursor, which came with an event; so does the header Last-Event-ID.",
    schema={"type": "string"},
)
_FILE = Parameter(
    name="file_id",
    description="Only what is about this file; may be given several times. Without, everything of one's own.",
    schema={"type": "array", "items": {"type": "string", "pattern": "^[0-9a-f]{32}$"}, "maxItems": 500},
)
_PROGRESS = Parameter(
    name="progress",
    description="Also where running uploads are, twice a second at most.",
    schema={"type": "boolean"},
)

LIVE_ROUTES = (
    Route(
        method="GET",
        path="/api/v1/events",
        name="listen",
        handle=Live.events,
        action=Action.LISTEN,
        takes_ticket=True,
        summary="What happens to your files, as server-sent events",
        parameters=(_AFTER, _FILE, _PROGRESS),
        replies={200: Reply(description="A stream without end.", media_type="text/event-stream")},
    ),
    Route(
        method="GET",
        path="/api/v1/live",
        name="live",
        handle=Live.live,
        action=Action.LISTEN,
        takes_ticket=True,
        summary="The same over a WebSocket, see docs/events.md",
        replies={101: Reply(description="A WebSocket.")},
    ),
)
