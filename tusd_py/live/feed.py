"""One reader of the event log, and one look at running uploads, for everybody who listens in this process.

Neither runs while nobody listens. A listener that asks for older events reads them from the log by itself, at
its own pace, until it is where the feed is; so does one that could not keep up. Nothing grows: what does not
fit in a listener's queue is in the log.

Belongs here: fanning out. Not here: connections (server/live.py), who may see what (access/).
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Protocol

from tusd_py.log import get_logger
from tusd_py.metadata.database import Database, DatabaseError
from tusd_py.metadata.event_log import Event, events_after, newest, place_of
from tusd_py.metadata.running import Running, RunningRows

log = get_logger("tusd_py.live")

PAGE = 500
QUEUE = 256
"""Events that wait for one listener."""
MOST_CAUGHT_UP = 100_000
"""Events of the log that are looked through for one listener at a time; further behind, it is told to ask for
the present state instead."""
PROGRESS_EVERY = 0.5
"""Seconds between looks at running uploads, and so between two messages about one of them."""
MOST_PROGRESS = 500
"""Uploads about which one listener is told."""
AWAY_PAUSE = 2.0


class TooMany(Exception):
    """No room for another listener."""


class FeedMeter(Protocol):
    """What is counted. Calls are cheap and never fail."""

    def listening(self, count: int) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Resync:
    """Events in between were left out: ask for the present state, and go on from `cursor`."""

    cursor: str


Told = Event | Running | Resync


@dataclass(frozen=True, slots=True, kw_only=True)
class Interest:
    """What a listener wants to hear."""

    event: Callable[[Event], bool]
    running: Callable[[Running], bool] | None = None
    """None where progress is not wanted."""


class Listener:
    """One that listens. Made by `Feed.listen`."""

    def __init__(self, feed: "Feed", interest: Interest, *, after: str | None, joined_at: str) -> None:
        self._feed = feed
        self._interest = interest
        self._joined_at = joined_at
        """Everything behind it comes by way of the queue."""
        self._cursor = joined_at if after is None else after
        self._queue: deque[Event] = deque()
        self._has_overflowed = False
        self._running: dict[str, Running] = {}
        self._looked_through = 0
        self._wake = asyncio.Event()
        self.is_over = False
        """The feed was closed; say good-bye."""

    @property
    def cursor(self) -> str:
        """Where to go on behind all that it was told, and behind what is nothing to it."""
        return self._cursor

    async def next(self, patience: float) -> Sequence[Told]:
        """What there is to tell now; nothing when there was none for `patience` seconds.

        Raises DatabaseError.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + patience
        while not self.is_over:
            told = await self._catch_up() if self._is_behind() else self._drain()
            if told or loop.time() >= until:
                return told
            if self._is_behind() or self._has_overflowed:
                continue
            self._wake.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    await self._wake.wait()
        return []

    def wants_progress(self) -> bool:
        return self._interest.running is not None

    def hear(self, event: Event) -> None:
        """From the feed."""
        if not self._interest.event(event):
            return
        if len(self._queue) >= QUEUE:
            self._has_overflowed = True
            self._queue.clear()
        if not self._has_overflowed:
            self._queue.append(event)
        self._wake.set()

    def hear_progress(self, running: Running) -> None:
        """From the feed; only the last of each upload counts."""
        wants = self._interest.running
        if wants is None or not wants(running):
            return
        if running.upload_id in self._running or len(self._running) < MOST_PROGRESS:
            self._running[running.upload_id] = running
            self._wake.set()

    def end(self) -> None:
        self.is_over = True
        self._wake.set()

    def _is_behind(self) -> bool:
        return place_of(self._cursor) < place_of(self._joined_at)

    async def _catch_up(self) -> Sequence[Told]:
        """The next page that is older than what the queue has."""
        goal = place_of(self._joined_at)
        page = await events_after(self._feed.database, self._cursor, limit=PAGE)
        older = [event for event in page if place_of(event.cursor) <= goal]
        self._looked_through += len(older)
        if len(older) < len(page) or not page:
            self._cursor = self._joined_at
            self._looked_through = 0
        elif self._looked_through > MOST_CAUGHT_UP:
            self._rejoin()
            self._cursor = self._joined_at
            return [Resync(cursor=self._cursor)]
        else:
            self._cursor = older[-1].cursor
        return [event for event in older if self._interest.event(event)]

    def _drain(self) -> Sequence[Told]:
        if self._has_overflowed:
            self._rejoin()
            return []
        # A cursor that another process gave may be ahead of where the feed was when we joined.
        here = place_of(self._cursor)
        told: list[Told] = [event for event in self._queue if place_of(event.cursor) > here]
        if told:
            self._cursor = self._queue[-1].cursor
            # Not behind what was just taken, also where it is older than the feed.
            self._joined_at = self._cursor
        self._queue.clear()
        if place_of(self._feed.position) > place_of(self._cursor):
            # What is in between is nothing to it.
            self._cursor = self._joined_at = self._feed.position
        told += self._running.values()
        self._running.clear()
        return told

    def _rejoin(self) -> None:
        """Read the log by itself, up to where the feed is now."""
        self._queue.clear()
        self._has_overflowed = False
        self._joined_at = self._feed.position
        self._looked_through = 0


class Feed:
    """Of one process."""

    def __init__(
        self, database: Database, *, look_every: float, most: int, most_of_one: int, meter: FeedMeter
    ) -> None:
        """`look_every` in seconds; `most` listeners in all, and `most_of_one` for one who listens."""
        self.database = database
        self.position = ""
        self._running_rows = RunningRows(database)
        self._look_every = look_every
        self._most = most
        self._most_of_one = most_of_one
        self._meter = meter
        self._listeners: set[Listener] = set()
        self._seats = 0
        self._by_whom: Counter[str] = Counter()
        self._joining = asyncio.Lock()
        self._reading: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._seen: dict[str, Running] = {}
        self._is_closed = False

    @property
    def is_idle(self) -> bool:
        """Nothing runs."""
        return self._reading is None and self._watching is None

    @contextmanager
    def seat(self, whose: str) -> Iterator[None]:
        """Room for somebody who may listen, and says to what later. Raises TooMany."""
        if self._is_closed or self._seats >= self._most or self._by_whom[whose] >= self._most_of_one:
            raise TooMany
        self._seats += 1
        self._by_whom[whose] += 1
        try:
            yield
        finally:
            self._seats -= 1
            self._by_whom[whose] -= 1
            if not self._by_whom[whose]:
                del self._by_whom[whose]

    @asynccontextmanager
    async def listen(
        self, interest: Interest, *, whose: str | None, after: str | None
    ) -> AsyncIterator[Listener]:
        """Listen while inside: to what comes, or to what came behind the cursor `after` and then to that.

        `whose` is None where there is a seat already. Raises TooMany, BadCursor, DatabaseError.
        """
        if after is not None:
            place_of(after)
        with nullcontext() if whose is None else self.seat(whose):
            try:
                listener = await self._join(interest, after)
                try:
                    yield listener
                finally:
                    self._listeners.remove(listener)
                    self._meter.listening(len(self._listeners))
            finally:
                await self._rest()

    async def close(self) -> None:
        """Everybody who listens hears that it is over; nobody is let in any more."""
        self._is_closed = True
        for listener in list(self._listeners):
            listener.end()

    async def _join(self, interest: Interest, after: str | None) -> Listener:
        async with self._joining:
            if self._is_closed:
                raise TooMany
            if self._reading is None:
                self.position = await newest(self.database)
                self._reading = asyncio.create_task(self._read(), name="live:read")
            listener = Listener(self, interest, after=after, joined_at=self.position)
            self._listeners.add(listener)
            self._meter.listening(len(self._listeners))
            if listener.wants_progress() and self._watching is None:
                self._watching = asyncio.create_task(self._watch(), name="live:watch")
        return listener

    async def _rest(self) -> None:
        """Stop what nobody needs."""
        async with self._joining:
            if not any(listener.wants_progress() for listener in self._listeners):
                await _stopped(self._watching)
                self._watching = None
                self._seen.clear()
            if not self._listeners:
                await _stopped(self._reading)
                self._reading = None

    async def _read(self) -> None:
        while True:
            try:
                events = await events_after(self.database, self.position, limit=PAGE)
            except DatabaseError as failed:
                log.warning("live.postponed", error=str(failed))
                await asyncio.sleep(AWAY_PAUSE)
                continue
            for event in events:
                for listener in self._listeners:
                    listener.hear(event)
                self.position = event.cursor
            if len(events) < PAGE:
                await asyncio.sleep(self._look_every)

    async def _watch(self) -> None:
        while True:
            try:
                for running in await self._changed():
                    for listener in self._listeners:
                        listener.hear_progress(running)
            except DatabaseError as failed:
                log.warning("live.postponed", error=str(failed))
                await asyncio.sleep(AWAY_PAUSE)
            await asyncio.sleep(PROGRESS_EVERY)

    async def _changed(self) -> Sequence[Running]:
        """Uploads whose line moved since the last look; those that stopped are looked at once more."""
        now = {one.upload_id: one for one in await self._running_rows.held()}
        stopped = [upload_id for upload_id in self._seen if upload_id not in now]
        last = await self._running_rows.of(stopped) if stopped else []
        changed = [one for one in (*now.values(), *last) if self._seen.get(one.upload_id) != one]
        self._seen = now
        return changed


async def _stopped(task: asyncio.Task[None] | None) -> None:
    if task is None:
        return
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
