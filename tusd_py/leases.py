"""Leases: at most one request writes to an upload.

A newcomer asks the present writer to save what it has and let go. Only one that does not answer is
overtaken by force, into a new segment, so that it can wake and do no harm. Safety never rests on this
module: it rests on the epoch, which every commit compares. The lease saves wasted work.

Belongs here: who may write, and how a waiting request gets its turn.
Not here: bytes (storage_backends) and offsets (metadata).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from protocol.errors import ServerShutdown, UploadGone, UploadLocked
from protocol.upload import OPEN, Upload, UploadId, visible

from .log import get_logger
from .metadata.database import DatabaseError
from .metadata.upload_row import Seen
from .metadata.uploads import UploadRows
from .standing import Standing, Standings
from .wakeups import Hint, HintKind, Wakeups

log = get_logger("tusd_py.leases")

ANSWER_WITHIN = 0.6
"""Seconds that a live writer has to say that it heard."""

LET_GO_WITHIN = 2_000_000
"""Microseconds that a live writer has which was asked in its row; it puts that off while it is saving."""
LOOK_AT_ROWS_EVERY = 0.5
"""Seconds between its looks for that."""

LOOK_EVERY = 0.25
"""Seconds between looks at the row while a writer of another process lets go; the hint is usually sooner."""


class StopReason(StrEnum):
    """Why a writer is asked to stop."""

    INTERRUPTED = "interrupted"
    """Another request wants the upload."""
    SHUTDOWN = "shutdown"
    ENDED = "ended"
    """The upload was terminated or expired; what was read is not wanted any more."""


class Stop:
    """Tells a running writer to save and let go. The first reason counts."""

    def __init__(self) -> None:
        self.reason: StopReason | None = None
        self._wake: list[Callable[[], None]] = []

    def ask(self, reason: StopReason) -> None:
        """May be called any number of times."""
        if self.reason is not None:
            return
        self.reason = reason
        for wake in self._wake:
            wake()

    def on_ask(self, wake: Callable[[], None]) -> None:
        """Have `wake` called once, at once if it was asked before."""
        if self.reason is not None:
            wake()
            return
        self._wake.append(wake)


@dataclass(slots=True)
class Lease:
    """The right to write, as of `upload.epoch`."""

    upload: Upload
    stop: Stop


@dataclass(slots=True)
class _Hold:
    stop: Stop = field(default_factory=Stop)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[Any] | None = field(default_factory=asyncio.current_task)
    """The request's."""
    askers: set[str] = field(default_factory=set)


class NotOpen(Exception):
    """No bytes are wanted any more: the upload is complete. `upload` is its row."""

    def __init__(self, upload: Upload) -> None:
        super().__init__(upload.id)
        self.upload = upload


class Leases:
    """The leases of one worker."""

    def __init__(
        self,
        rows: UploadRows,
        standings: Standings,
        wakeups: Wakeups,
        *,
        worker: str,
        took_over: Callable[[str], None],
    ) -> None:
        """`took_over` is told "dead" or "force" for each take-over."""
        self._rows = rows
        self._standings = standings
        self._wakeups = wakeups
        self._worker = worker
        self._took_over = took_over
        self._held: dict[UploadId, _Hold] = {}
        self._listeners: dict[tuple[str, str], set[asyncio.Event]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    # --- for requests

    @asynccontextmanager
    async def acquire(self, upload_id: UploadId, *, patience: float) -> AsyncIterator[Lease]:
        """Become the one writer; let go at the end, in whatever way that comes.

        Waits up to `patience` seconds for the present one. Raises UploadLocked when that was not enough,
        UploadGone when the upload ended meanwhile, NotOpen when it is complete, ServerShutdown.
        """
        deadline = _now() + patience
        hold = await self._reserve(upload_id, deadline)
        try:
            upload = await self._take(upload_id, deadline)
            lease = Lease(upload=upload, stop=hold.stop)
            try:
                yield lease
            finally:
                await self._let_go(lease)
        finally:
            self._end(upload_id, hold)

    async def settle(self, upload: Upload, *, patience: float) -> None:
        """Return when nobody writes to the upload, so that its row's offset is one that can be handed out.

        Raises UploadLocked after `patience` seconds.
        """
        deadline = _now() + patience
        hold = self._held.get(upload.id)
        if hold is not None:
            await _ask_and_wait(hold, StopReason.INTERRUPTED, deadline)
            return
        if upload.holder in (None, self._worker):
            return
        standing = await self._standings.of(upload.holder or "")
        # A dead one can move the line no more.
        if standing is not Standing.DEAD and not await self._ask_away(upload, standing, deadline):
            seized = await self._rows.seize(upload)
            if seized is not None:
                self._took_over("force")
                await self._rows.release(seized)

    def end(self, upload: Upload) -> None:
        """The upload ended: its writer, wherever it is, has nothing left to save."""
        hold = self._held.get(upload.id)
        if hold is not None:
            hold.stop.ask(StopReason.ENDED)
        elif upload.holder not in (None, self._worker):
            self._wakeups.send(upload.holder or "", HintKind.RELEASE, upload.id)

    def writes_to(self, upload_id: UploadId) -> bool:
        """True while a request of this worker writes to it."""
        return upload_id in self._held

    async def close(self) -> None:
        """Ask every writer to save and let go, and wait for them; nobody new may begin."""
        self._closing = True
        while self._held:
            for hold in list(self._held.values()):
                hold.stop.ask(StopReason.SHUTDOWN)
            await asyncio.gather(*(hold.over.wait() for hold in list(self._held.values())))
        if self._tasks:
            await asyncio.gather(*self._tasks)

    def cut_off(self) -> None:
        """Cancel the writers that are left: what they have not saved was not acknowledged."""
        for hold in self._held.values():
            if hold.task is not None:
                hold.task.cancel()

    # --- taking

    async def _reserve(self, upload_id: UploadId, deadline: float) -> _Hold:
        """Be the only request of this worker that tries."""
        while (present := self._held.get(upload_id)) is not None:
            await _ask_and_wait(present, StopReason.INTERRUPTED, deadline)
        if self._closing:
            raise ServerShutdown
        hold = _Hold()
        self._held[upload_id] = hold
        return hold

    async def _take(self, upload_id: UploadId, deadline: float) -> Upload:
        while True:
            upload = await self._rows.acquire(upload_id)
            if upload is not None:
                return upload
            seen = await self._rows.find(upload_id)
            if seen is None or not visible(seen.upload, seen.now):
                raise UploadGone
            if seen.upload.state not in OPEN:
                raise NotOpen(seen.upload)
            taken = await self._take_from(seen.upload, deadline)
            if taken is not None:
                return taken
            if _now() >= deadline:
                raise UploadLocked

    async def _take_from(self, seen: Upload, deadline: float) -> Upload | None:
        """Take it from whoever holds it; None to look again."""
        if seen.holder is None:
            return None
        if seen.holder == self._worker:
            # Ours, without a request that writes: its release was never committed. Its threads are done.
            return await self._rows.acquire(seen.id, dead=seen.holder)
        standing = await self._standings.of(seen.holder)
        if standing is Standing.DEAD:
            upload = await self._rows.acquire(seen.id, dead=seen.holder)
            if upload is not None:
                self._took_over("dead")
            return upload
        if await self._ask_away(seen, standing, deadline):
            return None
        upload = await self._rows.seize(seen)
        if upload is not None:
            self._took_over("force")
        return upload

    async def _ask_away(self, seen: Upload, standing: Standing, deadline: float) -> bool:
        """Ask the writer in another process to let go. False when it may be overtaken by force.

        Raises UploadLocked when it answered but did not let go in time.
        """
        if standing is Standing.SILENT:
            return False
        if standing is Standing.NEAR or (standing is Standing.FAR and self._wakeups.hears_other_hosts):
            return await self._ask_by_hint(seen, deadline)
        return await self._ask_in_row(seen, deadline)

    async def _ask_by_hint(self, seen: Upload, deadline: float) -> bool:
        with self._listening(seen.id, seen.holder or "") as answered:
            self._wakeups.send(seen.holder or "", HintKind.RELEASE, seen.id)
            if not await _within(answered, ANSWER_WITHIN):
                return not await self._still_held(seen)
            while await self._still_held(seen):
                if _now() >= deadline:
                    raise UploadLocked
                answered.clear()
                await _within(answered, min(LOOK_EVERY, max(0.0, deadline - _now())))
        return True

    async def _ask_in_row(self, seen: Upload, deadline: float) -> bool:
        """Where no hint reaches it, or none of its hints would reach us."""
        asked = await self._rows.ask(seen, within=LET_GO_WITHIN)
        while asked is not None:
            if asked.now > (asked.upload.releasing_until or 0):
                return False
            if _now() >= deadline:
                raise UploadLocked
            # Where it does hear hints, it need not wait for its next look.
            self._wakeups.send(seen.holder or "", HintKind.LOOK, seen.id)
            await asyncio.sleep(min(LOOK_EVERY, max(0.0, deadline - _now())))
            asked = await self._as_held(seen)
        return True

    @contextmanager
    def _listening(self, upload_id: UploadId, holder: str) -> Iterator[asyncio.Event]:
        """An event that every hint of the holder about the upload sets; several requests may listen at once.

        A late hint of a former holder is no answer of this one, who may be frozen.
        """
        answered = asyncio.Event()
        listeners = self._listeners.setdefault((upload_id, holder), set())
        listeners.add(answered)
        try:
            yield answered
        finally:
            listeners.discard(answered)
            if not listeners:
                self._listeners.pop((upload_id, holder), None)

    async def _still_held(self, seen: Upload) -> bool:
        return await self._as_held(seen) is not None

    async def _as_held(self, seen: Upload) -> Seen | None:
        """The row now; None when the writer of `seen` has let go."""
        found = await self._rows.find(seen.id)
        if found is None or (found.upload.holder, found.upload.epoch) != (seen.holder, seen.epoch):
            return None
        return found

    # --- letting go

    async def _let_go(self, lease: Lease) -> None:
        """The last commit of a writer usually let go already; this is for those that had nothing to say."""
        if lease.upload.holder == self._worker:
            await self._rows.release(lease.upload)

    def _end(self, upload_id: UploadId, hold: _Hold) -> None:
        if self._held.get(upload_id) is hold:
            del self._held[upload_id]
        hold.over.set()
        for asker in hold.askers:
            self._wakeups.send(asker, HintKind.RELEASED, upload_id)

    # --- hints

    def heard(self, hint: Hint) -> None:
        """Called for every hint from another worker."""
        if hint.kind is HintKind.LOOK:
            self._begin(self.look_at_rows())
            return
        if hint.kind is not HintKind.RELEASE:
            for answered in self._listeners.get((hint.upload, hint.sender), ()):
                answered.set()
            return
        upload_id = UploadId(hint.upload)
        hold = self._held.get(upload_id)
        self._wakeups.send(hint.sender, HintKind.RELEASING, upload_id)
        if hold is not None:
            hold.askers.add(hint.sender)
            hold.stop.ask(StopReason.INTERRUPTED)
            return
        self._begin(self._release_stale(upload_id, hint.sender))

    async def look_at_rows(self) -> None:
        """Hear those who asked in rows; to be called every LOOK_AT_ROWS_EVERY where hints do not come."""
        try:
            for upload in await self._rows.answer(within=LET_GO_WITHIN):
                hold = self._held.get(upload.id)
                if hold is not None:
                    hold.stop.ask(StopReason.INTERRUPTED)
                else:
                    await self._rows.release(upload)
        except DatabaseError as failed:
            # They look at the row anyway, and take it by force in the end.
            log.debug("lease.not_looked", error=str(failed))

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _release_stale(self, upload_id: UploadId, asker: str) -> None:
        """No request of ours writes to it: if the row says that we hold it, the row is mistaken."""
        try:
            seen = await self._rows.find(upload_id)
            if seen is not None and seen.upload.holder == self._worker and not self.writes_to(upload_id):
                await self._rows.release(seen.upload)
        except DatabaseError as failed:
            # The asker looks at the row anyway, and has its own deadline.
            log.warning("lease.release_failed", upload=upload_id, error=str(failed))
        self._wakeups.send(asker, HintKind.RELEASED, upload_id)


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


async def _ask_and_wait(hold: _Hold, reason: StopReason, deadline: float) -> None:
    hold.stop.ask(reason)
    if not await _within(hold.over, max(0.0, deadline - _now())):
        raise UploadLocked
