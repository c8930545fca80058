"""A connection whose body is read by a worker thread for a while, and aiohttp's parser kept in step.

aiohttp's way of a byte is: kernel, the loop's buffer, a bytes object, the parser's bytes object, us, page
cache. The thread's is: kernel, one buffer that stays in the CPU's cache, page cache, with the interpreter
lock given up for nearly all of it. Afterwards the parser is fed as many zeros, which are thrown away: it
has counted the body, and framing, keep-alive and pipelining stay its business alone. Only bodies of which
much is left are counted without it (stand_in.py).

Only public names of asyncio and aiohttp are used, but they never promised this: see selftest.py.
Belongs here: the socket. Not here: when it is worth it (bulk.py).
"""

import mmap
import select
import socket
import threading
import time
from collections.abc import Callable, Sequence

from aiohttp import web

from storage_backends.base import LendsMemory, WriteNow
from tusd_py.config.units import KIB, MIB

from .bounded_connection import BoundedConnection
from .connection import TusConnection
from .stand_in import StandIn

BUFFER = MIB
"""Bytes that a thread reads at a time; more than fits the CPU's cache would be slower."""
DRY = 3
"""Milliseconds for which a thread waits for more before it gives up; a fast sender never takes as long."""
LONGEST = 0.25
"""Seconds after which a thread turns to somebody else, however fast this sender is."""

_ZEROS = memoryview(bytes(256 * KIB))
"""The parser copies them; copies of a MiB would be new memory each time, at many times the cost."""
_own = threading.local()


class Takeover:
    """The connection of one request. `hold` before the first burst, `release` after the last."""

    def __init__(self, request: web.BaseRequest, own_socket: socket.socket) -> None:
        """`own_socket` is a duplicate: the transport may close its own while a thread still reads."""
        self._protocol = request.protocol
        self._content = request.content
        self._transport = request.transport
        self._socket = own_socket
        self.is_dry = False
        """The last burst ended because nothing more came: the sender is slower than we, or gone."""
        self._stand_in: StandIn | None = None

    def hold(self) -> None:
        """The loop stops reading the socket."""
        if isinstance(self._protocol, BoundedConnection):
            self._protocol.gather_no_more()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def release(self) -> None:
        """The loop reads again."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def close(self) -> None:
        """Let go of the descriptor; no burst may be running."""
        self._socket.close()

    def burst(self, write: WriteNow, most: int, tee: WriteNow | None, is_stopped: Callable[[], bool]) -> int:
        """In a thread: read and write until `most` bytes are through, the socket is dry or time is over.

        How many bytes. Raises what `write` raises.
        """
        until = time.monotonic() + LONGEST
        receive = self._receiver(write, tee)
        count = 0
        self.is_dry = False
        while count < most and not is_stopped():
            got = receive(most - count)
            if got == 0:
                self.is_dry = True
                break
            count += got
            if time.monotonic() > until:
                break
        return count

    def _receiver(self, write: WriteNow, tee: WriteNow | None) -> Callable[[int], int]:
        """Reads up to so many bytes and writes them; how many, 0 when nothing came in time."""
        memory = write if isinstance(write, LendsMemory) else None

        def receive(most: int) -> int:
            lent = memory.lend(most) if memory is not None else ()
            buffers = lent or [_thread_buffer()[:most]]
            got = self._receive(buffers)
            if got and tee is not None:
                _show(buffers, got, tee)
            if lent and memory is not None:
                memory.landed(got)
            elif got:
                write(buffers[0][:got])
            return got

        return receive

    def _receive(self, into: Sequence[memoryview]) -> int:
        """0 when nothing came in time, and at the end: then the loop will meet the same, and say which."""
        try:
            return self._socket.recvmsg_into(into)[0]
        except BlockingIOError:
            pass
        except OSError:
            return 0
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        if not poll.poll(DRY):
            return 0
        try:
            return self._socket.recvmsg_into(into)[0]
        except OSError:
            return 0

    def count_ourselves(self, left: int) -> None:
        """`left` bytes of the body are to come, all that came were taken from the stream: see stand_in.py."""
        connection, transport = self._protocol, self._transport
        if isinstance(connection, TusConnection) and transport is not None and not transport.is_closing():
            self._stand_in = StandIn(connection, self._content, left)
            self._stand_in.begin(transport)

    @property
    def left(self) -> int | None:
        """Bytes of the body to come; None where the parser counts them."""
        return None if self._stand_in is None else self._stand_in.left

    def account(self, count: int) -> bool:
        """Let the parser count what it did not see. False when it does not take it any more."""
        if self._stand_in is not None:
            self._stand_in.passed_by(count)
            return self._content.exception() is None
        while count:
            piece = _ZEROS[:count]
            self._protocol.data_received(piece)  # type: ignore[arg-type]  # any buffer will do
            if self._content.exception() is not None or len(self._content.read_nowait()) != len(piece):
                return False
            count -= len(piece)
        # Reading the stream may have set the loop going again.
        self.hold()
        return True


def _show(buffers: Sequence[memoryview], count: int, tee: WriteNow) -> None:
    """The first `count` bytes in them."""
    for buffer in buffers:
        if count <= 0:
            return
        tee(buffer[:count])
        count -= len(buffer)


def _thread_buffer() -> memoryview:
    """This thread's own, made once: only threads that read hold one, not connections."""
    known: memoryview | None = getattr(_own, "buffer", None)
    if known is None:
        known = _own.buffer = memoryview(mmap.mmap(-1, BUFFER))
    return known


def take_over(request: web.BaseRequest) -> Takeover | None:
    """None where the bytes of the socket are not those of the body: TLS, or no socket that we know."""
    transport = request.transport
    if transport is None or transport.get_extra_info("sslcontext") is not None:
        return None
    found = transport.get_extra_info("socket")
    if found is None or found.family not in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
        return None
    return Takeover(request, found.dup())
