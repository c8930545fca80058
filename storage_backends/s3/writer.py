"""Receiving into the store: full parts are sent while the body goes on, the rest becomes a tail.

The line follows the parts that are there without a hole: one that is there behind one that is not counts for
nothing. Whatever was sent and never committed lies under numbers and names that no row has.

Belongs here: the order of these steps. Not here: single requests (store.py), numbers (numbers.py).
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from storage_backends.base import (
    Block,
    Checkpoint,
    Kept,
    Ledger,
    Part,
    Segment,
    StorageAway,
    StorageError,
    StorageMissing,
    T,
    WriteNow,
)
from storage_backends.lane import Lane, to_the_end

from .body import Sum
from .failures import Vanished
from .filling import IN_MEMORY, Filling, spooled
from .numbers import Numbers
from .store import Store
from .tails import next_number, taken_in

_PATIENCE = 0.5
"""Seconds for which a smaller part waits for a larger one to be sent, where there is no room for both."""
_AT_ONCE = 8 << 20
"""Bytes that a thread may add before the loop looks at the writer again; their pages are charged before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flight:
    """A part on its way."""

    stop: int
    """The offset behind it."""
    tails: tuple[Part, ...]
    filling: Filling
    task: asyncio.Task[Part]


class _Landing:
    """What a thread writes to, a `LendsMemory`."""

    __slots__ = ("_filling", "landed", "lend")

    def __init__(self, filling: Filling) -> None:
        self._filling = filling
        self.lend = filling.lend
        self.landed = filling.landed

    def __call__(self, block: Block) -> None:
        self._filling.add(memoryview(block).cast("B"))


def _received(filling: Filling, operation: Callable[[WriteNow, int], T], room: int) -> T:
    """In a thread: what `operation` returned after it added to `filling`, of which the digest is made too."""
    result = operation(_Landing(filling), room)
    filling.sum_up()
    return result


class S3Writer:
    """Appends to one upload."""

    def __init__(
        self,
        store: Store,
        segment: Segment,
        length: int | None,
        *,
        ledger: Ledger,
        kept: Kept,
        spool: Path | None,
    ) -> None:
        self._lane = Lane(None)
        self._store = store
        self._ref = segment.ref
        self._length = length
        self._ledger = ledger
        self._spool = spool
        self._numbers = Numbers(ledger, kept.memory, store.options.profile.most_parts)
        self._had_parts = kept.parted > 0
        """Committed ones: without the multipart upload, acknowledged bytes are gone."""
        self._base = kept.parted
        """Where the next part begins: behind those that are there or on their way."""
        self._lead = list(kept.tails)
        """Tails from there on."""
        self._filling = self._new_filling()
        """Bytes behind them."""
        self._part_size = self._next_size()
        self._flights: deque[_Flight] = deque()
        self._durable = segment.offset + segment.length
        """Everything below is in the store."""
        self._told = self._durable
        """The same at the last checkpoint."""
        self._news: list[Part] = []
        self._dropped: list[Part] = []
        self._failure: Exception | None = None
        self._closed = False

    @property
    def offset(self) -> int:
        return self._base + self._lead_size + self._filling.size

    @property
    def _lead_size(self) -> int:
        return sum(tail.length for tail in self._lead)

    # --- the seam

    async def write(self, block: Block) -> None:
        with self._giving_up():
            await self._usable()
            rest = memoryview(block).cast("B")
            while rest:
                count = min(len(rest), await self._room())
                self._filling.add(rest[:count])
                rest = rest[count:]
            await self._send_full()

    async def run(self, operation: Callable[[WriteNow, int], T], most: int) -> T:
        with self._giving_up():
            await self._usable()
            await self._room()
            async with self._store.receiving:
                # It waited, but nobody else adds to this part.
                filling, most = self._filling, min(most, self._space, _AT_ONCE)
                while filling.lendable < most and filling.charge():
                    pass
                room = min(most, filling.room)
                result = await self._lane.run(lambda: _received(filling, operation, room))
                filling.give_back()
            await self._send_full()
            return result

    async def checkpoint(self) -> Checkpoint:
        with self._giving_up():
            await self._usable()
            self._numbers.kept()
            await self._send_rest()
            return self._news_now(last=True)

    async def progress(self) -> Checkpoint:
        await self._lane.idle()
        self._closed_raises()
        self._numbers.kept()
        self._land()
        if isinstance(self._failure, Vanished):
            # What arrived before is gone with it, so the line must not move there.
            await self._raise_failure()
        waited = time.monotonic() - self._filling.since
        if self._failure is None and self._filling.size and waited >= self._store.options.tail_after:
            with self._giving_up():
                await self._send_rest()
        return self._news_now(last=False)

    async def close(self, committed: int) -> None:  # noqa: ARG002 - nothing uncommitted has a name to give back
        self._closed = True
        try:
            await to_the_end(self._lane.idle())
        finally:
            await to_the_end(self._let_go())

    async def _let_go(self) -> None:
        flights, self._flights = list(self._flights), deque()
        for flight in flights:
            flight.task.cancel()
        for flight in flights:
            with suppress(asyncio.CancelledError, Exception):
                await flight.task
            # Also where it was cancelled before it began.
            flight.filling.free()
        self._filling.free()

    def _new_filling(self) -> Filling:
        return Filling(self._store.budget, Sum(self._store.options.profile.digest))

    # --- room

    @property
    def _space(self) -> int:
        """Bytes until the part is full."""
        return self._part_size - self._lead_size - self._filling.size

    async def _send_full(self) -> None:
        if self._space <= 0:
            await self._send()

    async def _room(self) -> int:
        """How many bytes may be added now; waits until there is at least one's."""
        while True:
            await self._send_full()
            await self._make_room()
            # It may have sent what was there, or made a tail of it.
            if (room := min(self._space, self._filling.room)) > 0:
                return room

    async def _make_room(self) -> None:
        """At least one byte's."""
        if self._filling.room <= 0 and self._part_size > IN_MEMORY:
            capacity = self._part_size - self._lead_size
            self._filling = await spooled(self._filling, self._store.budget, capacity, self._spool)
        while self._filling.room <= 0 and not self._filling.charge():
            self._land()
            await self._raise_failure()
            if self._store.budget.flying:
                await self._store.budget.given()
            elif self._may_be_short():
                await self._send()
            elif self._store.budget.is_largest(self._filling) or not await self._store.budget.given_within(
                _PATIENCE
            ):
                # Everybody fills and nobody sends: what is here becomes a tail, and its pages are free.
                await self._put_tail()

    # --- parts

    def _next_size(self) -> int:
        fixed = self._numbers.part_size
        if fixed is not None:
            return fixed
        return self._store.sizes.part_size(remaining=self._remaining, number=min(self._numbers.next, 10_000))

    @property
    def _remaining(self) -> int | None:
        return None if self._length is None else self._length - self._base

    def _may_be_short(self) -> bool:
        return self._store.sizes.may_be_short(
            self._lead_size + self._filling.size, remaining=self._remaining, number=self._numbers.next
        )

    async def _send(self) -> None:
        """The tails and what came behind them set out as one part.

        Returns once another may be begun: what is held and not in the store is sent again if this host dies.
        """
        while self._flights and self._store.sending.locked():
            # Parts that would only wait for others make nothing faster.
            await self._land_first()
        multipart = await self._multipart()
        number = await self._numbers.take()
        tails, filling, base = tuple(self._lead), self._filling, self._base
        filling.fly()
        flight = asyncio.create_task(
            self._fly(multipart, number, tails, filling, offset=base), name=f"part:{self._ref}:{number}"
        )
        self._base += self._lead_size + filling.size
        self._flights.append(_Flight(stop=self._base, tails=tails, filling=filling, task=flight))
        self._lead = []
        self._part_size = self._next_size()
        self._filling = self._new_filling()
        while len(self._flights) >= self._store.options.parts_of_one:
            await self._land_first()

    async def _land_first(self) -> None:
        """Wait for the part that has been under way longest."""
        await asyncio.wait((self._flights[0].task,))
        self._land()
        await self._raise_failure()

    async def _multipart(self) -> str:
        """Begun when the first part is there to be sent."""
        if self._numbers.multipart is None:
            multipart = await self._store.begin(self._ref, self._ledger.about)
            fixed = self._part_size if self._store.options.profile.equal_parts else None
            await self._numbers.begun(multipart, fixed)
        return self._numbers.multipart or ""

    async def _fly(
        self, multipart: str, number: int, tails: tuple[Part, ...], filling: Filling, *, offset: int
    ) -> Part:
        size = sum(tail.length for tail in tails)
        try:
            async with self._store.sending:
                self._store.budget.take_anyway(size)
                try:
                    blocks = [*(await self._store.load(tails)), *filling.blocks()]
                    return await self._store.put_part(
                        self._ref,
                        multipart,
                        number,
                        blocks,
                        offset=offset,
                        begun=None if tails else filling.digest,
                    )
                finally:
                    self._store.budget.give(size)
        finally:
            filling.free()

    def _land(self) -> None:
        """Count what has arrived, in order; what arrived behind a failure does not count."""
        while self._flights and self._flights[0].task.done() and self._failure is None:
            flight = self._flights.popleft()
            try:
                part = flight.task.result()
            except asyncio.CancelledError:
                self._failure = StorageError("sending was broken off")
            except Exception as failed:  # noqa: BLE001 - kept, and raised to whoever writes next
                self._failure = failed
            else:
                self._stored(part, flight.tails)

    def _stored(self, part: Part, tails: tuple[Part, ...]) -> None:
        self._news = [new for new in self._news if new not in tails]
        self._dropped += tails
        self._news.append(part)
        self._durable = part.offset + part.length

    # --- what is not a full part

    async def _send_rest(self) -> None:
        """Everything that was written becomes durable. Raises what went wrong."""
        is_last = self.offset == self._length
        has_parts = self._base > 0
        ends_parts = is_last and has_parts and (self._filling.size or self._lead)
        if ends_parts or (self._filling.size and self._may_be_short()):
            await self._send()
        await self._settle()
        if self._filling.size:
            await self._put_tail(whole=is_last and not has_parts)

    async def _settle(self) -> None:
        """Wait for every part that is on its way."""
        while self._flights:
            await self._land_first()

    async def _put_tail(self, *, whole: bool = False) -> None:
        """What came becomes an object, with some tails before it; with all if that is the upload."""
        await self._settle()
        count = len(self._lead) if whole else taken_in(self._lead, self._filling.size)
        merged = tuple(self._lead[len(self._lead) - count :])
        size = sum(tail.length for tail in merged)
        start = self._base + self._lead_size - size
        self._store.budget.take_anyway(size)
        try:
            blocks = [*(await self._store.load(merged)), *self._filling.blocks()]
            made = await self._store.put(self._ledger.new_ref(), blocks, self._ledger.about)
        finally:
            self._store.budget.give(size)
        tail = replace(made, part_no=next_number([*self._lead, *self._dropped]), offset=start)
        self._filling.free()
        self._lead = [*self._lead[: len(self._lead) - count], tail]
        self._stored(tail, merged)
        self._filling = self._new_filling()

    # --- telling

    @contextmanager
    def _giving_up(self) -> Iterator[None]:
        """Once the store was away for longer than we are patient, `progress` tells only what is there."""
        try:
            yield
        except StorageAway as away:
            self._failure = self._failure or away
            raise

    def _news_now(self, *, last: bool) -> Checkpoint:
        if not last and self._durable == self._told:
            # Nobody commits a line that did not move. A part that only took tails in goes with the next one:
            # were it forgotten, what is stored behind it would count, and its tails for what comes last.
            return Checkpoint(offset=self._durable, synced=True)
        news, dropped = tuple(self._news), tuple(self._dropped)
        self._news, self._dropped = [], []
        self._had_parts = self._had_parts or any(not part.is_tail for part in news)
        self._told = self._durable
        return Checkpoint(
            offset=self._durable,
            synced=True,
            parts=news,
            dropped=dropped,
            memory=self._numbers.promise(last=last) if news else None,
        )

    async def _usable(self) -> None:
        await self._lane.idle()
        self._closed_raises()
        self._land()
        await self._raise_failure()

    def _closed_raises(self) -> None:
        if self._closed:
            raise StorageError(f"{self._ref} is closed")

    async def _raise_failure(self) -> None:
        if isinstance(self._failure, Vanished):
            self._failure = await self._after_vanishing(self._failure)
        if self._failure is not None:
            raise self._failure

    async def _after_vanishing(self, vanished: Vanished) -> StorageError:
        """The store says that our multipart upload is not there. What was sent into it is gone then."""
        multipart = self._numbers.multipart
        if multipart is not None and await self._store.is_there(self._ref, multipart):
            return StorageAway(f"{self._ref}: the store contradicts itself: {vanished}")
        self._news, self._dropped, self._durable = [], [], self._told
        if self._had_parts:
            return StorageMissing(str(vanished))
        # Nothing was acknowledged that lay in it: the next attempt begins another.
        await self._numbers.begun(None, None)
        return StorageAway(f"{self._ref}: {vanished}, which held nothing that was acknowledged")
