"""Receiving a body: the loop between a source of bytes and the line.

Network endings keep every byte that came; judgements (too long) drop what was not committed yet.
Belongs here: the loop and its endings. Not here: sockets (server/intake.py), answers (server/tus.py).
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from storage_backends.base import Block, StorageFull, WriteNow
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
    TOO_SHORT = "too short"
    """Its client called it the end of the upload, and it ended before the length that was agreed on."""
    MALFORMED = "malformed"
    MISMATCH = "mismatch"
    """The body is not what its checksum says."""
    CORRUPT = "corrupt"
    """The body is all of the upload, which is not what its client says that it is."""
    FULL = "full"
    QUOTA = "quota"
    """Its owner may store no more; what was committed is kept."""
    AWAY = "away"
    """The store does not answer; what it has confirmed is kept."""


JUDGEMENTS = frozenset(
    {
        *(Ending.TOO_LONG, Ending.TOO_SHORT, Ending.ENDED, Ending.MALFORMED),
        *(Ending.MISMATCH, Ending.CORRUPT),
    }
)
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

        None otherwise. Nothing is taken: it may be asked again, and `read` begins with the first byte.
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


Feed = Callable[[Block], None]
"""Shown each block, from any thread, one at a time."""

Pour = Callable[[Callable[[WriteNow, int], int], int], Awaitable[int]]
"""Runs an operation in the writer's thread, as `LendsThread.run` does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often the line moves during a body."""

    every_bytes: int
    every_seconds: float
    least: int
    """Bytes that make it worth while by time."""


async def receive(
    source: Source,
    line: Line,
    *,
    room: int | None,
    pace: Pace,
    proof: Proof | None = None,
    tap: Feed | None = None,
) -> Ending:
    """Write the body behind the line until it ends, moving the line as it goes.

    `room` is how many bytes may come; None is no limit. With a `proof` that binds, the line does not move
    before the body is proven. A `tap` is shown every block before it is written.
    What is not committed when this returns is the caller's to finish or to drop.
    Raises Overtaken, StorageError, DatabaseError.
    """
    stop_at = None if room is None else line.written + room
    pouring = _pouring(source, line, _tee(proof, tap))
    due = _Due(line, pace)
    while True:
        left = None if stop_at is None else stop_at - line.written
        try:
            if not await pouring(pace.every_bytes if left is None else min(left, pace.every_bytes)):
                block = await source.read()
                if not block:
                    return Ending.COMPLETE if proof is None or proof.body_holds() else Ending.MISMATCH
                if left is not None and len(block) > left:
                    return Ending.TOO_LONG
                if tap is not None:
                    tap(block)
                await _write(line, block, proof)
        except SourceEnded as ended:
            return ended.ending
        except StorageFull:
            return Ending.FULL
        # A full upload waits for the end of the body: more bytes would be a mistake that undoes it.
        if not (proof and proof.binds) and due.now() and line.written != line.length:
            await line.advance()
            due.restart()


def _tee(proof: Proof | None, tap: Feed | None) -> WriteNow | None:
    """What sees the blocks that are written in a thread."""
    if tap is None:
        return None if proof is None else proof.update
    if proof is None:
        return tap

    def both(block: Block) -> None:
        tap(block)
        proof.update(block)

    return both


def _pouring(source: Source, line: Line, tee: WriteNow | None) -> Callable[[int], Awaitable[int]]:
    """Takes up to so many bytes the short way; how many it took, 0 where there is none."""
    thread = line.thread
    if thread is None or not isinstance(source, PouringSource):
        return _pour_nothing
    return lambda most: source.pour(lambda operation, room: line.pour(thread, operation, room), most, tee)


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
        written = self._line.written - self._offset
        return written >= self._pace.every_bytes or (
            written >= self._pace.least and self._clock() - self._time >= self._pace.every_seconds
        )
