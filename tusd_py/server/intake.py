"""Bodies: from aiohttp's stream to the service's `Source`.

aiohttp raises as soon as the client is gone, before giving out what it still holds; so a task of our own
drains its stream all the time, into a small buffer, and what came before a cut is kept. Only when our
buffer is full does the stream fill, then the socket: a slow disk slows its clients down.

What comes in drips is gathered before it is given out: else every byte of a slow client would be a write of
its own, in a thread.

Belongs here: reading bodies and their deadlines. Not here: what is done with bytes (uploads/receive.py).
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aiohttp import ClientError, StreamReader, web
from aiohttp.http_exceptions import BadHttpMessage, PayloadEncodingError

from protocol.errors import ProtocolError
from tusd_py.leases import Stop, StopReason
from tusd_py.uploads.receive import Ending, SourceEnded

SLICE = 0.5
"""Seconds after which a body that is slowed down looks whether somebody wants it to stop."""

Throttle = Callable[[int], float]
"""Counts bytes; seconds to wait before the next ones."""

HOLD = 256 * 1024
"""Bytes held at most for one body, beside aiohttp's own buffer."""

GATHERED = 64 * 1024
"""Bytes that are worth a write."""
LULL = 1.0
"""Seconds after which fewer are, if they come at the rate that a body must have. Slower ones wait for more,
or for the end of the body: they move no line by time either (`Pace.least`)."""
LONGEST_LULL = 5.0
"""Seconds after which what is worth it is given out although nothing follows."""

MOMENT = 0.05
"""Seconds that a short body gets to follow its headers, as many clients send the two apart."""

_STOPPED = {
    StopReason.INTERRUPTED: Ending.INTERRUPTED,
    StopReason.SHUTDOWN: Ending.SHUTDOWN,
    StopReason.ENDED: Ending.ENDED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyDeadlines:
    """How slow a body may be."""

    idle: float
    """Seconds without a byte."""
    rate: int
    """Bytes per second; 0 is no limit."""
    window: float
    """Seconds over which the rate is averaged."""


class WholeSource:
    """A body that is all here, as small ones mostly are when their handler starts: nothing is waited for."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._stop: Stop | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_failure: object) -> None:
        """Nothing is to be let go."""

    async def whole(self, size: int) -> bytes | None:
        """See `Source.whole`."""
        return self._content if len(self._content) == size else None

    async def read(self) -> bytes:
        """See `Source.read`."""
        if self._stop is not None and self._stop.reason is StopReason.ENDED:
            raise SourceEnded(Ending.ENDED)
        content, self._content = self._content, b""
        return content

    def obey(self, stop: Stop) -> None:
        """See `Source.obey`."""
        self._stop = stop


def whole_body(content: StreamReader) -> bytes | None:
    """The body, when all of it came; it is taken from the stream then."""
    if not content.is_eof() or content.exception() is not None or content.total_bytes > HOLD:
        return None
    return content.read_nowait()


async def is_empty(content: StreamReader, within: float) -> bool:
    """The body ended without a byte; False where none came in so many seconds. One that has some is spent."""
    try:
        async with asyncio.timeout(within):
            return not await content.readany()
    except (TimeoutError, OSError, ClientError, BadHttpMessage, ProtocolError, web.RequestPayloadError):
        return False


class StreamSource:
    """The body of one request; an async context manager that ends its reading."""

    def __init__(
        self, content: StreamReader, deadlines: BodyDeadlines, begin: Callable[[], Awaitable[None]]
    ) -> None:
        """`begin` is awaited before the first byte is asked for: it sends 100 Continue where one waits."""
        self._content = content
        self._deadlines = deadlines
        self._begin = begin
        self._blocks: list[bytes] = []
        self._held = 0
        self._held_since = 0.0
        self._wanted = GATHERED
        """Bytes for which somebody waits."""
        self._ended: Ending | None = None
        self._stop: Stop | None = None
        self._reader: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._watch: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._waiting = False
        self._last = self._window_began = self._loop.time()
        self._counted = 0
        self.throttle: Throttle | None = None
        """Set where the sender may only be so fast."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watch is not None:
            self._watch.cancel()
        await self._stop_reader()

    # --- for the service

    async def whole(self, size: int) -> bytes | None:
        """See `Source.whole`."""
        await self._start()
        self._wanted = size
        with suppress(TimeoutError):
            async with asyncio.timeout(MOMENT):
                while self._held < size and self._ended is None:
                    await self._wait()
        self._wanted = GATHERED
        if self._held != size or self._ended not in (None, Ending.COMPLETE):
            return None
        await self._slow_down(size)
        return b"".join(self._blocks)

    async def read(self) -> bytes:
        """See `Source.read`."""
        await self._start()
        while not self._is_worth_a_write() and self._ended is None and not self._stopped:
            await self._wait()
        if self._stop is not None and self._stop.reason is StopReason.ENDED:
            raise SourceEnded(Ending.ENDED)
        if self._blocks:
            block = self._take()
            await self._slow_down(len(block))
            return block
        if self._ended is Ending.COMPLETE:
            return b""
        raise SourceEnded(self._ended or self._stopped_ending())

    def obey(self, stop: Stop) -> None:
        """See `Source.obey`."""
        self._stop = stop
        stop.on_ask(self._woken.set)

    async def _slow_down(self, count: int) -> None:
        """So many bytes were taken. What the sender sends meanwhile waits in the socket."""
        if self.throttle is not None and (seconds := self.throttle(count)):
            await self._pause(seconds)

    async def _pause(self, seconds: float) -> None:
        while seconds > 0 and not self._stopped:
            await asyncio.sleep(min(SLICE, seconds))
            seconds -= SLICE

    # --- reading

    @property
    def _stopped(self) -> bool:
        return self._stop is not None and self._stop.reason is not None

    def _stopped_ending(self) -> Ending:
        reason = self._stop.reason if self._stop is not None else None
        return _STOPPED[reason or StopReason.INTERRUPTED]

    async def _start(self) -> None:
        if self._reader is not None:
            return
        if self._watch is None:
            await self._begin()
            self._watch_rate()
        self._reader = self._loop.create_task(self._drain())
        self._reader.add_done_callback(self._reader_ended)

    async def _stop_reader(self) -> None:
        """What it has read is in our blocks; what it has not is in aiohttp's stream."""
        reader, self._reader = self._reader, None
        if reader is None:
            return
        reader.remove_done_callback(self._reader_ended)
        reader.cancel()
        with suppress(asyncio.CancelledError):
            await reader

    async def _wait(self) -> None:
        self._woken.clear()
        await self._woken.wait()

    def _is_worth_a_write(self) -> bool:
        if self._reader is None or self._held >= GATHERED or not self._held:
            return bool(self._held)  # without a reader nothing follows
        lull = self._loop.time() - self._held_since
        return lull >= LULL and self._held >= self._deadlines.rate * LULL

    def _take(self) -> bytes:
        block = self._blocks[0] if len(self._blocks) == 1 else b"".join(self._blocks)
        self._blocks.clear()
        self._held = 0
        self._room.set()
        return block

    async def _drain(self) -> None:
        """Move bytes from aiohttp's stream to ours until either ends."""
        while self._ended is None and not self._stopped:
            await self._room.wait()
            self._last = self._loop.time()
            self._waiting = True
            try:
                block = await self._content.readany()
            except (PayloadEncodingError, BadHttpMessage, ProtocolError):
                self._end(Ending.MALFORMED)
                return
            except (OSError, ClientError, web.RequestPayloadError):
                self._end(Ending.GONE)
                return
            finally:
                self._waiting = False
            if not block:
                self._end(Ending.COMPLETE)
                return
            self._hold(block)

    def _hold(self, block: bytes) -> None:
        if not self._held:
            self._held_since = self._loop.time()
        self._blocks.append(block)
        self._held += len(block)
        self._counted += len(block)
        if self._held >= HOLD:
            self._room.clear()
        if self._held >= self._wanted or self._is_worth_a_write():
            self._woken.set()

    def _reader_ended(self, reader: asyncio.Task[None]) -> None:
        # Whatever ended it unexpectedly, aiohttp cancelling the stream included: nothing more will come.
        if reader.cancelled() or reader.exception() is not None:
            self._end(Ending.GONE)

    def _end(self, ending: Ending) -> None:
        if self._ended is None:
            self._ended = ending
            self._woken.set()

    # --- deadlines

    def _watch_rate(self) -> None:
        self._last = self._window_began = self._loop.time()
        self._schedule()

    def _schedule(self) -> None:
        often = min(self._deadlines.idle / 2, self._deadlines.window / 2, LONGEST_LULL)
        self._watch = self._loop.call_later(often, self._look)

    def _look(self) -> None:
        """Time that the client waits for us does not count against it."""
        if self._is_worth_a_write():
            self._woken.set()
        now = self._loop.time()
        if not self._waiting:
            self._window_began, self._counted = now, 0
        elif now - self._last >= self._deadlines.idle:
            self._end(Ending.IDLE)
            return
        elif now - self._window_began >= self._deadlines.window:
            if self._counted < self._deadlines.rate * self._deadlines.window:
                self._end(Ending.SLOW)
                return
            self._window_began, self._counted = now, 0
        self._schedule()
