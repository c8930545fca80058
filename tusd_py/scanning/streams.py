"""Uploads that are shown to the scanner while they arrive, so that nothing is read back from storage.

Only what is sent in one sitting: one body with all bytes of the upload, written by one writer to an upload
without any. Its blocks go to the storage and into a queue here. A scanner that does not keep up, a sender
that is too slow to hold one of its threads for, an upload that ends otherwise: the stream is dropped, the
upload goes on, and the scan job, which is a row in any case, reads the stored object from the start.

Belongs here: queues, and when to give up. Not here: what a verdict is bound to (streamed.py), the jobs
(workers.py), what uploads tell us (uploads/taps.py).
"""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from protocol.upload import Kind, Upload, UploadId
from storage_backends.base import Block
from tusd_py.log import get_logger

from .hashed import Hashed
from .prover import Prover, Standing
from .scanner import Answer, NoVerdict, Scanner

log = get_logger("tusd_py.scanning")

SAMPLE = 1 << 20
"""Bytes after which a sender's rate is known. Shorter uploads are not streamed: reading them back from the
kernel's cache costs next to nothing."""
CHUNK = 1 << 20
"""Bytes that are sent as one piece, where so many wait."""
LOOK_EVERY = 5.0
"""Seconds between looks whether a sender became slow."""
KEPT_FOR = 60.0
"""Seconds for which a verdict waits for its job: assembling and storing the upload takes a moment."""
GRACE = 5_000_000
"""Microseconds that the job of a streamed upload is left to us."""


class Outcome(StrEnum):
    """What became of a stream."""

    USED = "used"
    """Its verdict was recorded."""
    CUT = "cut"
    """The upload did not come in one sitting, or was not kept."""
    SLOW = "slow"
    """The sender is too slow to hold a thread of the scanner."""
    BUSY = "busy"
    """As many as may are streamed already."""
    LAGGING = "lagging"
    """The scanner is slower than the sender."""
    FAILED = "failed"
    """The scanner gave no verdict."""
    DOUBTED = "doubted"
    """There is a verdict, but not certainly of what is stored, or of a scanner that was proven throughout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRules:
    """The settings. Bytes and seconds."""

    most: int
    """Streams at once."""
    rate: int
    """Bytes per second below which an upload is not streamed."""
    buffer: int
    """Bytes that all streams together may hold."""
    max_size: int
    timeout: float
    """Of one scan, the time of the upload included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What the scanner said of a stream, and what the stream was."""

    answer: Answer
    sha256: str
    length: int
    head: bytes
    """Its first bytes."""
    standing: Standing
    """Of the scanner before the first byte."""


class StreamMeter(Protocol):
    """What is counted."""

    def scan_streamed(self, outcome: str) -> None: ...


class Streams:
    """The streams of one worker."""

    def __init__(
        self,
        scanner: Scanner,
        prover: Prover,
        rules: StreamRules,
        *,
        meter: StreamMeter,
        clock: Callable[[], float],
    ) -> None:
        """`clock` is in seconds and never goes back."""
        self.scanner = scanner
        self.prover = prover
        self.rules = rules
        self.clock = clock
        self.meter = meter
        self.held = Held(rules.buffer)
        self._scanning: set[Stream] = set()
        self._kept: dict[str, Stream] = {}

    def open(self, upload: Upload, expected: int | None) -> "Stream | None":
        """See `uploads.taps.Taps`."""
        length = upload.length
        if length is None or length != expected or upload.offset or upload.kind is not Kind.WHOLE:
            return None
        if not SAMPLE <= length <= self.rules.max_size or not self.rules.most:
            return None
        standing = self.prover.standing
        return None if standing is None else Stream(self, upload.id, length, standing)

    def grace(self, upload_id: UploadId) -> int:
        """See `uploads.taps.Taps`."""
        return GRACE if upload_id in self._kept else 0

    @property
    def scanning(self) -> int:
        """Threads of the scanner that are held."""
        return len(self._scanning)

    @property
    def kept(self) -> list[str]:
        """Uploads whose job may be claimed, as soon as there is one."""
        return list(self._kept)

    def take(self, upload_id: str) -> "Stream | None":
        """The stream of an upload that was kept; to be asked for its verdict, or to be dropped."""
        return self._kept.pop(upload_id, None)

    async def close(self) -> None:
        """Drop all of them."""
        for stream in [*self._scanning, *self._kept.values()]:
            stream.drop(Outcome.CUT)
        self._kept.clear()

    # --- for streams

    def admit(self, stream: "Stream") -> bool:
        """It may have a thread of the scanner."""
        if len(self._scanning) >= self.rules.most:
            return False
        self._scanning.add(stream)
        return True

    def leave(self, stream: "Stream") -> None:
        """It has one no more."""
        self._scanning.discard(stream)

    def keep(self, stream: "Stream") -> None:
        """Until its job takes it, or for so long."""
        self._kept[stream.upload_id] = stream
        asyncio.get_running_loop().call_later(KEPT_FOR, self._forget, stream)

    def _forget(self, stream: "Stream") -> None:
        if self._kept.get(stream.upload_id) is stream:
            self.take(stream.upload_id)
            stream.drop(Outcome.CUT)


class Held:
    """Counts bytes that wait, from several threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0
        self._lock = threading.Lock()

    def add(self, count: int) -> bool:
        """False when that is too much; it counts nonetheless."""
        with self._lock:
            self._count += count
            return self._count <= self._most

    def remove(self, count: int) -> None:
        with self._lock:
            self._count -= count


class Stream:
    """One upload on its way to the scanner; a `uploads.taps.Tap`."""

    def __init__(self, house: Streams, upload_id: str, length: int, standing: Standing) -> None:
        """Made by `Streams.open`."""
        self.upload_id = upload_id
        self._house = house
        self._length = length
        self._standing = standing
        self._loop = asyncio.get_running_loop()
        self._began = house.clock()
        self._blocks: deque[bytes] = deque()
        self._fed = self._seen = 0
        self._is_told = self._is_ended = self._is_kept = self._is_counted = False
        self._ended_at = self._marked_at = 0.0
        self._dropped: Outcome | None = None
        self._woken = asyncio.Event()
        self._scan: asyncio.Task[Heard | None] | None = None
        self._watch: asyncio.TimerHandle | None = None

    # --- for the upload

    def feed(self, block: Block) -> None:
        """See `uploads.taps.Tap`."""
        if self._dropped is not None:
            return
        kept = bytes(block)
        self._blocks.append(kept)
        self._fed += len(kept)
        if not self._house.held.add(len(kept)):
            # In whatever thread this is: no more is taken. The loop does the rest.
            self._dropped = Outcome.LAGGING
        if not self._is_told:
            self._is_told = True
            self._loop.call_soon_threadsafe(self._look)

    def end(self, offset: int) -> None:
        """See `uploads.taps.Tap`."""
        if self._fed == offset == self._length:
            self._is_ended = True
            self._ended_at = self._house.clock()
            self._woken.set()

    def keep(self) -> None:
        """See `uploads.taps.Tap`."""
        self._look()  # what was fed last may not have been looked at
        if self._is_ended and self._dropped is None:
            self._is_kept = True
            self._house.keep(self)

    def close(self) -> None:
        """See `uploads.taps.Tap`."""
        if not self._is_kept:
            self.drop(Outcome.CUT)

    # --- for the workers

    async def heard(self) -> Heard | None:
        """The verdict; None when there is none, for whatever reason."""
        if self._scan is None:
            return None
        await asyncio.wait((self._scan,))
        return None if self._scan.cancelled() else self._scan.result()

    def drop(self, outcome: Outcome) -> None:
        """Hang up and forget what is held; the first reason counts."""
        self._dropped = self._dropped or outcome
        self._over()

    def tell(self, outcome: Outcome) -> None:
        """What became of it is counted once."""
        if not self._is_counted:
            self._is_counted = True
            log.info("scan.stream", upload=self.upload_id, outcome=outcome)
            self._house.meter.scan_streamed(outcome)

    # --- inside

    def _look(self) -> None:
        """In the loop, after something was fed."""
        self._is_told = False
        if self._dropped is None and self._scan is None and self._fed >= SAMPLE:
            self._dropped = self._begin()
        self._over()
        self._woken.set()

    def _over(self) -> None:
        """Nothing while it is not dropped; more than once does no harm."""
        if self._dropped is None:
            return
        self._forget_blocks()
        if self._watch is not None:
            self._watch.cancel()
        if self._scan is not None:
            self._scan.cancel()
        self.tell(self._dropped)

    def _begin(self) -> Outcome | None:
        rules = self._house.rules
        rate = self._fed / max(self._house.clock() - self._began, 1e-6)
        if rate < rules.rate or self._length / rate > rules.timeout / 2:
            return Outcome.SLOW
        if not self._house.admit(self):
            return Outcome.BUSY
        self._scan = self._loop.create_task(self._scanned(), name=f"stream:{self.upload_id}")
        # Not by the task itself: one that is cancelled before its first step runs no part of it.
        self._scan.add_done_callback(lambda _over: self._house.leave(self))
        self._watch = self._loop.call_later(LOOK_EVERY, self._look_at_rate)
        log.debug("scan.stream_began", upload=self.upload_id, rate=int(rate))
        return None

    def _look_at_rate(self) -> None:
        if self._is_ended or self._dropped is not None:
            return
        if self._fed - self._seen < self._house.rules.rate * LOOK_EVERY:
            self.drop(Outcome.SLOW)
            return
        self._seen = self._fed
        self._watch = self._loop.call_later(LOOK_EVERY, self._look_at_rate)

    def _forget_blocks(self) -> None:
        while self._blocks:
            self._house.held.remove(len(self._blocks.popleft()))

    def _next_chunk(self) -> bytes:
        """Of what waits; b"" when nothing does."""
        taken, size = [], 0
        while self._blocks and size < CHUNK:
            taken.append(self._blocks.popleft())
            size += len(taken[-1])
        return taken[0] if len(taken) == 1 else b"".join(taken)

    async def _arriving(self) -> AsyncGenerator[bytes, None]:
        while True:
            self._woken.clear()
            if chunk := self._next_chunk():
                try:
                    yield chunk
                finally:
                    self._house.held.remove(len(chunk))
            elif self._is_ended:
                self._marked_at = self._house.clock()
                return
            else:
                await self._woken.wait()

    async def _scanned(self) -> Heard | None:
        hashed = Hashed()
        try:
            async with aclosing(self._arriving()) as blocks, aclosing(hashed.passing(blocks)) as passed:
                answer = await self._house.scanner.scan(passed)
        except NoVerdict as failed:
            self._house.prover.doubt(str(failed))
            self._fail()
            return None
        sha256 = hashed.hexdigest(self._length)
        if sha256 is None:
            self._fail()  # it said something before it had seen all
            return None
        log.debug(
            "scan.stream_heard",
            upload=self.upload_id,
            verdict=answer.verdict,
            behind=round(self._marked_at - self._ended_at, 3),
            after_end=round(self._house.clock() - self._marked_at, 3),
        )
        return Heard(
            answer=answer,
            sha256=sha256,
            length=self._length,
            head=hashed.head,
            standing=self._standing,
        )

    def _fail(self) -> None:
        self._dropped = self._dropped or Outcome.FAILED
        self._forget_blocks()
        self.tell(self._dropped)
