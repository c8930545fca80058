"""Receiving a body: the loop between a source of bytes and the line.

Network endings keep every byte that came; judgements (too long) drop what was not committed yet.
Belongs here: the loop and its endings. Not here: sockets (server/intake.py), answers (server/tus.py).
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from storage_backends.base import StorageFull, WriteNow
from tusd_py.leases import Stop

from .line import Line
from .proof import Proof


class Ending(StrEnum):
    """How a body ended."""

    COMPLETE = "complete"
    """The request's body, that is, not necessarily the upload."""
    GONE = "gone"
    IDLE = "idle"
    SLOW = "slow"
    INTERRUPTED = "interrupted"
    SHUTDOWN = "shutdown"
    ENDED = "ended"
    """The upload was terminated under the request."""
    TOO_LONG = "too long"
    MALFORMED = "malformed"
    MISMATCH = "mismatch"
    """The body is not what its checksum says."""
    FULL = "full"
    AWAY = "away"
    """The store does not answer; what it has confirmed is kept."""


JUDGEMENTS = frozenset({Ending.TOO_LONG, Ending.ENDED, Ending.MALFORMED, Ending.MISMATCH})
"""Endings that drop what was not committed."""


class SourceEnded(Exception):
    """There will be no more bytes, and not because the body is complete."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.value)
        self.ending = ending


class Source(Protocol):
    """Gives out the bytes of one body in order. Nothing is asked of the client before the first call."""

    async def whole(self, size: int) -> bytes | None:
        """All `size` bytes of a short body, if they are here or come within a moment.

        None otherwise; nothing is lost then, and `read` begins with the first byte.
        """
        ...

    async def read(self) -> bytes:
        """The next bytes, b"" at the end. Raises SourceEnded, but only when all that came was given out."""
        ...

    def obey(self, stop: Stop) -> None:
        """From now on, `read` raises SourceEnded when `stop` is asked for."""
        ...


@runtime_checkable
class PouringSource(Source, Protocol):
    """A source that can write by itself in the thread of a writer, when much is there at once."""

    async def pour(self, pour: "Pour", most: int, tee: WriteNow | None) -> int:
        """Write up to `most` bytes, each block shown to `tee` before; how many. 0 when `read` is the better
        way now.

        Raises what writing raised; bytes that came and could not be written are lost.
        """
        ...


Pour = Callable[[Callable[[WriteNow], int]], Awaitable[int]]
"""Runs an operation in the writer's thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often the line moves during a body."""

    every_bytes: int
    every_seconds: float


async def receive(
    source: Source, line: Line, *, room: int | None, pace: Pace, proof: Proof | None = None
) -> Ending:
    """Write the body behind the line until it ends, moving the line as it goes.

    `room` is how many bytes may come; None is no limit. With a `proof`, the line does not move before the
    body is proven. What is not committed when this returns is the caller's to finish or to drop.
    Raises Overtaken, StorageError, DatabaseError.
    """
    stop_at = None if room is None else line.written + room
    pouring = _pouring(source, line, proof)
    due = _Due(line, pace)
    while True:
        left = None if stop_at is None else stop_at - line.written
        try:
            if not await pouring(pace.every_bytes if left is None else min(left, pace.every_bytes)):
                block = await source.read()
                if not block:
                    return Ending.COMPLETE if proof is None or proof.holds() else Ending.MISMATCH
                if left is not None and len(block) > left:
                    return Ending.TOO_LONG
                await _write(line, block, proof)
        except SourceEnded as ended:
            return ended.ending
        except StorageFull:
            return Ending.FULL
        # A full upload waits for the end of the body: more bytes would be a mistake that undoes it.
        if proof is None and due.now() and line.written != line.length:
            await line.advance()
            due.restart()


def _pouring(source: Source, line: Line, proof: Proof | None) -> Callable[[int], Awaitable[int]]:
    """Takes up to so many bytes the short way; how many it took, 0 where there is none."""
    thread = line.thread
    if thread is None or not isinstance(source, PouringSource):
        return _pour_nothing
    tee = None if proof is None else proof.update
    return lambda most: source.pour(lambda operation: line.pour(thread, operation), most, tee)


async def _pour_nothing(_most: int) -> int:
    return 0


async def _write(line: Line, block: bytes, proof: Proof | None) -> None:
    if proof is None:
        await line.write(block)
        return
    hashing = asyncio.ensure_future(proof.add(block))
    try:
        await line.write(block)
    finally:
        await hashing


class _Due:
    def __init__(self, line: Line, pace: Pace) -> None:
        self._line = line
        self._pace = pace
        self._clock = asyncio.get_running_loop().time
        self.restart()

    def restart(self) -> None:
        self._offset = self._line.written
        self._time = self._clock()

    def now(self) -> bool:
        return (
            self._line.written - self._offset >= self._pace.every_bytes
            or self._clock() - self._time >= self._pace.every_seconds
        )
