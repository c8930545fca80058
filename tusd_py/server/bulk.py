"""Bodies that come fast: taken from the socket by a thread, in bursts, while that pays.

A body begins as a stream. When much of it waits in the stream at once, its sender is faster than that way,
and a thread takes over; when the socket runs dry, the stream goes on. So slow senders never hold a thread or
a buffer, and deadlines, endings and errors of the network stay the stream's business.

Belongs here: when to change from one to the other. Not here: how (takeover.py).
"""

from collections.abc import Awaitable, Callable
from types import TracebackType

from aiohttp import web

from storage_backends.base import WriteNow
from tusd_py.config.units import KIB, MIB
from tusd_py.uploads.receive import Ending, Pour

from .connection import TusConnection
from .intake import HOLD, BodyDeadlines, StreamSource, Throttle, WholeSource, whole_body
from .takeover import Takeover, take_over

FAST = HOLD // 2
"""Bytes that wait in the stream at once when its sender is fast."""
SMALLEST = MIB
"""Bytes that may come at once; for less, changing over costs more than it saves."""
LARGEST = 16 * MIB
"""Bytes of a burst, so that fast senders take turns."""
UNCOUNTED = 8 * MIB
"""Bytes of a body to come, from which on another connection behind it costs less than having it parsed."""
TAIL = 64 * KIB
"""The last bytes of a body always come by the stream, so that a handler finds its end there."""

Begin = Callable[[], Awaitable[None]]


def source_of(
    request: web.Request, deadlines: BodyDeadlines, begin: Begin, throttle: Throttle | None = None
) -> StreamSource | WholeSource:
    """The body of a request, taken the fastest way that its connection allows."""
    content = whole_body(request.content) if throttle is None else None
    if content is not None:
        return WholeSource(content)
    length = request.content_length
    source = StreamSource(request.content, deadlines, begin)
    if length is not None and length >= SMALLEST + TAIL and _may_be_taken_over(request):
        source = BulkSource(request, length, deadlines, begin)
    source.throttle = throttle
    return source


def _may_be_taken_over(request: web.Request) -> bool:
    connection = request.protocol
    return isinstance(connection, TusConnection) and connection.may_be_taken_over


class BulkSource(StreamSource):
    """A large body of known length."""

    def __init__(self, request: web.Request, length: int, deadlines: BodyDeadlines, begin: Begin) -> None:
        super().__init__(request.content, deadlines, begin)
        self._request = request
        self._length = length
        self._takeover: Takeover | None = None
        self._is_held = False
        """The loop does not read the socket; what it had read is in our blocks."""
        self._is_fast = False

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, error, trace)
        self._let_flow()
        if self._takeover is not None:
            self._takeover.close()

    async def read(self) -> bytes:
        """See `uploads.receive.Source`."""
        block = await super().read()
        if not self._is_held:
            self._is_fast = len(block) >= FAST
        return block

    async def pour(self, pour: Pour, most: int, tee: WriteNow | None) -> int:
        """See `uploads.receive.PouringSource`."""
        most = min(most, LARGEST, self._left - TAIL)
        if not self._is_fast or most < SMALLEST or self._stopped or not await self._hold_still():
            return 0
        takeover = self._takeover
        if self._blocks or takeover is None:
            return 0  # what the loop had read already comes first
        if self.throttle is not None:
            most = SMALLEST  # or a burst would be followed by a long silence
        count = await pour(lambda write, room: takeover.burst(write, room, tee, lambda: self._stopped), most)
        self._is_fast = not takeover.is_dry
        await self._slow_down(count)
        if not takeover.account(count):
            # The connection is being closed: aiohttp takes no bytes any more, not even those that came.
            self._end(Ending.GONE)
        return count

    async def _start(self) -> None:
        # Before every wait of the stream: it would be for ever while nobody reads the socket.
        if self._is_held and self._blocks:
            return
        self._let_flow()
        await super()._start()

    async def _hold_still(self) -> bool:
        """Have the loop leave the socket alone. False where that cannot be."""
        if self._is_held:
            return True
        if self._takeover is None:
            self._takeover = take_over(self._request)
        if self._takeover is None:
            self._length = 0  # not to be asked again
            return False
        self._takeover.hold()
        await self._stop_reader()
        self._is_held = True
        while self._content.exception() is None and (block := self._content.read_nowait()):
            self._hold(block)
        # Reading the stream may have set the loop going again.
        self._takeover.hold()
        if self._content.exception() is not None:
            return False
        if self._takeover.left is None and self._left >= UNCOUNTED:
            self._takeover.count_ourselves(self._left)
        return True

    @property
    def _left(self) -> int:
        """Bytes to come; what is in our blocks came."""
        left = None if self._takeover is None else self._takeover.left
        return self._length - self._content.total_bytes if left is None else left

    def _let_flow(self) -> None:
        if self._is_held and self._takeover is not None:
            self._is_held = False
            self._takeover.release()
