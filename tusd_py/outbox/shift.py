"""What the holder of a relay does, from taking it to losing it.

The window are the events that were read and are not settled; the cursor stands before its first. A chain are
those of one subject, of which one is sent at a time. What fails is parked: it becomes a row, with the rest of
its chain, and later events of that subject follow it there while it has rows that wait.

While nothing is taken the sink is down: then one event is tried now and then, and the log keeps the rest.

Belongs here: that bookkeeping. Not here: rows (metadata/relays.py), who holds the relay (relay.py).
"""

import asyncio
import random
from collections import Counter, deque
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tusd_py.log import get_logger
from tusd_py.metadata.database import Database, DatabaseError
from tusd_py.metadata.event_log import Event, events_after
from tusd_py.metadata.relays import Delivery, DeliveryState, Failure, Message, Progress, RelayRows, Term

from .message import to_message
from .sink import Sink, SinkMeter, Undelivered

if TYPE_CHECKING:
    from .relay import RelayRules

log = get_logger("tusd_py.outbox")

WINDOW = 500
"""Events read and not settled; so many may be sent again after a crash."""
PAGE = 200
SETTLE_EVERY = 1.0
"""Seconds between commits while things go well."""
SETTLE_SOON = 0.1
"""The same while rows wait for it."""
RENEW_EVERY = 5.0
LAST_SENDS = 2.0
"""Seconds that what is under way may still take at the end."""
DOWN_AFTER = 5
"""Subjects that failed with nothing taken in between; then the sink is down."""
FIRST_PROBE, LONGEST_PROBE = 0.5, 5.0
"""Seconds between tries while it is."""
AWAY_PAUSE = 10.0
"""The longest pause of an event that nobody refused."""
MICROSECONDS = 1_000_000


@dataclass(slots=True, kw_only=True)
class _Entry:
    """An event in the window."""

    cursor: str
    message: Message | None
    """None where it is not wanted."""
    is_settled: bool = False


@dataclass(slots=True)
class _Unwritten:
    """What the next commit records."""

    parked: list[tuple[Message, Failure]] = field(default_factory=list)
    delivered: list[int] = field(default_factory=list)
    failed: list[tuple[int, Failure]] = field(default_factory=list)
    hurry: bool = False

    def __bool__(self) -> bool:
        return bool(self.parked or self.delivered or self.failed or self.hurry)


class Shift:
    """One term."""

    def __init__(
        self,
        sink: Sink,
        rules: "RelayRules",
        database: Database,
        rows: RelayRows,
        term: Term,
        *,
        installation: str,
        meter: SinkMeter,
        lease: int,
        held_since: float,
    ) -> None:
        """`lease` in microseconds, `held_since` by the loop's clock, taken before it was asked for."""
        self._sink = sink
        self._rules = rules
        self._database = database
        self._rows = rows
        self._term = term
        self._installation = installation
        self._meter = meter
        self._lease = lease
        self._clock = asyncio.get_running_loop().time
        self._held_until = held_since + lease / MICROSECONDS
        self._settled_at = held_since
        self._cursor = self._read_to = term.cursor
        self._window: deque[_Entry] = deque()
        self._chains: dict[str, deque[_Entry]] = {}
        self._sending: set[str] = set()
        """Subjects of the log of which an event is under way."""
        self._held_back: Counter[str] = Counter()
        self._dealt_with: dict[str, str] = {}
        """By subject, the cursor up to which a predecessor dealt with it; it had read further than it could
        move the relay's."""
        self._due: deque[Delivery] = deque()
        self._busy: set[int] = set()
        """Deliveries under way, or done and not written yet."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._unwritten = _Unwritten()
        self._failing: Counter[str] = Counter()
        self._probe_at = 0.0
        self._probe_pause = FIRST_PROBE
        self._is_down = False
        self._is_in_doubt = False
        """What was to be written may be lost: only the rows know where to go on."""
        self._look_at = 0.0
        self._look_for_due_at = 0.0
        self._wake = asyncio.Event()

    def kick(self) -> None:
        """There may be an event now."""
        self._look_at = 0.0
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled, or somebody else holds the relay."""
        self._held_back.update(await self._rows.held_back(self._term.relay))
        await self._look_ahead()
        try:
            while True:
                self._wake.clear()
                await self._read()
                await self._look_for_due()
                self._begin()
                if self._settling_is_due() and not await self._settle():
                    log.warning("relay.overtaken", relay=self._term.relay, epoch=self._term.epoch)
                    return
                await self._pause()
        finally:
            await self._end()

    # --- reading

    async def _look_ahead(self) -> None:
        """Where a subject has a delivery, all that came before it was taken or has one, too (see a chain)."""
        # Those of a window that was moved by as much as it has, and no predecessor was further.
        recorded = await self._rows.newest(self._term.relay, 2 * WINDOW)
        if not recorded:
            return
        for event in await events_after(self._database, self._cursor, limit=WINDOW):
            message = self._message_of(event)
            if message is not None and message.id in recorded:
                self._dealt_with[message.subject] = event.cursor

    async def _read(self) -> None:
        """As much of the log as the window has room for."""
        while self._clock() >= self._look_at and len(self._window) < WINDOW:
            page = min(PAGE, WINDOW - len(self._window))
            events = await events_after(self._database, self._read_to, limit=page)
            for event in events:
                self._admit(event)
            if len(events) < page:
                self._look_at = self._clock() + self._rules.look_every

    def _admit(self, event: Event) -> None:
        self._read_to = event.cursor
        message = self._message_of(event)
        entry = _Entry(cursor=event.cursor, message=message)
        self._window.append(entry)
        if message is None or self._was_dealt_with(message.subject, event.cursor):
            entry.is_settled = True
            return
        if self._held_back[message.subject]:
            self._park(entry, Failure(tries=0, refusals=0, pause=0, error=None))
        else:
            self._chains.setdefault(message.subject, deque()).append(entry)

    def _message_of(self, event: Event) -> Message | None:
        """None where it is not wanted."""
        wanted = self._rules.wanted.has(event.kind, event.tenant)
        return to_message(event, self._installation) if wanted else None

    def _was_dealt_with(self, subject: str, cursor: str) -> bool:
        until = self._dealt_with.get(subject)
        if until == cursor:
            del self._dealt_with[subject]
        return until is not None

    async def _look_for_due(self) -> None:
        if self._due or self._clock() < self._look_for_due_at or not self._has_rows():
            return
        limit = self._rules.parallel + len(self._busy)
        found = await self._rows.due(self._term.relay, limit)
        self._due.extend(one for one in found if one.id not in self._busy)
        self._look_for_due_at = self._clock() + self._rules.look_every

    def _has_rows(self) -> bool:
        """Also when an operator asked for some again, which only a look can tell."""
        return bool(self._held_back) or self._clock() >= self._look_for_due_at + 2 * self._rules.look_every

    # --- sending

    def _begin(self) -> None:
        while self._has_room():
            if not (self._begin_probe() if self._is_down else self._begin_due() or self._begin_chain()):
                return

    def _has_room(self) -> bool:
        if self._clock() >= self._held_until:
            return False
        if self._is_down:
            return not self._tasks and self._clock() >= self._probe_at
        return len(self._tasks) < self._rules.parallel

    def _begin_probe(self) -> bool:
        """Something that was not tried yet, if there is: what failed may be to blame itself."""
        return self._begin_chain() or self._begin_due()

    def _begin_due(self) -> bool:
        if not self._due:
            return False
        delivery = self._due.popleft()
        self._busy.add(delivery.id)
        self._start(self._send_row(delivery))
        return True

    def _begin_chain(self) -> bool:
        for subject in self._chains:
            if subject not in self._sending:
                self._sending.add(subject)
                self._start(self._send_next(subject))
                return True
        return False

    def _start(self, sending: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(sending, name=f"relay:{self._term.relay}")
        self._tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._wake.set()
        if not task.cancelled() and (failed := task.exception()) is not None:
            log.error("relay.broken", relay=self._term.relay, error=repr(failed))

    async def _send_next(self, subject: str) -> None:
        """The first of a chain."""
        chain = self._chains[subject]
        entry = chain[0]
        try:
            assert entry.message is not None  # noqa: S101 - only wanted events are in chains
            failed = await self._try(entry.message)
            chain.popleft()
            if failed is None:
                entry.is_settled = True
                return
            self._park(entry, self._failure(failed, tries=0, refusals=0, age=0.0, message=entry.message))
            while chain:
                self._park(chain.popleft(), Failure(tries=0, refusals=0, pause=0, error=None))
        finally:
            self._sending.discard(subject)
            # Behind the others, so that a long chain does not starve them.
            chain = self._chains.pop(subject)
            if chain:
                self._chains[subject] = chain

    async def _send_row(self, delivery: Delivery) -> None:
        message = delivery.message
        try:
            failed = await self._try(message)
        except BaseException:
            self._busy.discard(delivery.id)
            raise
        if failed is None:
            self._unwritten.delivered.append(delivery.id)
            self._let_go(delivery)
            return
        failure = self._failure(
            failed,
            tries=delivery.tries,
            refusals=delivery.refusals,
            age=delivery.age / MICROSECONDS,
            message=message,
        )
        self._unwritten.failed.append((delivery.id, failure))
        if failure.is_dead:
            self._let_go(delivery)

    def _let_go(self, delivery: Delivery) -> None:
        """What follows it need not wait any more."""
        subject = delivery.message.subject
        if delivery.state is DeliveryState.WAITING:
            self._held_back[subject] -= 1
            if self._held_back[subject] <= 0:
                del self._held_back[subject]

    async def _try(self, message: Message) -> Undelivered | None:
        failed = None
        try:
            async with asyncio.timeout(self._rules.timeout):
                await self._sink.send(message)
        except TimeoutError:
            failed = Undelivered(f"no answer within {self._rules.timeout:g} s", is_away=True)
        except Undelivered as undelivered:
            failed = undelivered
        except Exception as problem:
            # An outermost loop: whatever a library says, the event was not delivered.
            log.exception("relay.send_failed", relay=self._term.relay, event_id=message.id)
            failed = Undelivered(f"unexpected {type(problem).__name__}", is_away=True)
        self._judge(message, failed)
        return failed

    def _judge(self, message: Message, failed: Undelivered | None) -> None:
        """Is the sink down?"""
        if failed is None:
            self._meter.relayed(self._term.relay, "delivered")
            self._failing.clear()
            self._probe_pause = FIRST_PROBE
            if self._is_down:
                self._is_down = False
                self._unwritten.hurry = True
                log.info("relay.up", relay=self._term.relay)
            return
        self._failing[message.subject] += 1
        if not self._is_down and len(self._failing) >= DOWN_AFTER:
            self._is_down = True
            log.warning("relay.down", relay=self._term.relay, error=str(failed))
        self._probe_at = self._clock() + random.uniform(0.5, 1) * self._probe_pause  # noqa: S311 - no secret
        self._probe_pause = min(LONGEST_PROBE, 2 * self._probe_pause)

    def _failure(
        self, failed: Undelivered, *, tries: int, refusals: int, age: float, message: Message
    ) -> Failure:
        refusals += not failed.is_away
        is_dead = refusals >= self._rules.attempts or age >= self._rules.give_up_after
        longest = AWAY_PAUSE if failed.is_away else self._rules.longest_pause
        pause = min(longest, self._rules.first_pause * 2 ** min(tries, 20))
        pause = max(pause * random.uniform(0.5, 1), min(failed.pause or 0.0, self._rules.longest_pause))  # noqa: S311 - spreads load
        outcome = "dead" if is_dead else "failed"
        self._meter.relayed(self._term.relay, outcome)
        say = log.error if is_dead else log.info
        say(
            f"relay.{outcome}",
            relay=self._term.relay,
            event_id=message.id,
            tries=tries + 1,
            error=str(failed),
        )
        return Failure(
            tries=tries + 1,
            refusals=refusals,
            pause=int(pause * MICROSECONDS),
            error=str(failed),
            is_dead=is_dead,
        )

    def _park(self, entry: _Entry, failure: Failure) -> None:
        assert entry.message is not None  # noqa: S101 - only wanted events fail
        self._unwritten.parked.append((entry.message, failure))
        self._held_back[entry.message.subject] += 1
        entry.is_settled = True

    # --- settling

    def _settling_is_due(self) -> bool:
        since = self._clock() - self._settled_at
        if since >= RENEW_EVERY:
            return True
        if self._unwritten:
            return since >= SETTLE_SOON
        return since >= SETTLE_EVERY and bool(self._window) and self._window[0].is_settled

    async def _settle(self) -> bool:
        """Write down what was done since the last time. False when the relay is not ours any more."""
        cursor = self._cursor
        settled = 0
        for entry in self._window:
            if not entry.is_settled:
                break
            cursor, settled = entry.cursor, settled + 1
        unwritten, self._unwritten = self._unwritten, _Unwritten()
        progress = Progress(
            cursor=cursor,
            parked=unwritten.parked,
            delivered=unwritten.delivered,
            failed=unwritten.failed,
            hurry=unwritten.hurry,
        )
        began = self._clock()
        self._is_in_doubt = True
        if not await self._rows.settle(self._term, progress, self._lease):
            return False
        self._is_in_doubt = False
        self._settled_at = self._clock()
        self._held_until = began + self._lease / MICROSECONDS
        self._cursor = cursor
        for _ in range(settled):
            self._window.popleft()
        self._busy.difference_update(unwritten.delivered, (one for one, _ in unwritten.failed))
        if unwritten:
            self._look_for_due_at = 0.0
            self._wake.set()
        self._meter.relay_stands(
            self._term.relay, waiting=self._held_back.total() + len(self._window), is_down=self._is_down
        )
        return True

    async def _pause(self) -> None:
        now = self._clock()
        until = min(self._look_at, now + self._rules.look_every)
        if self._unwritten:
            until = min(until, self._settled_at + SETTLE_SOON)
        if self._is_down and not self._tasks:
            until = min(until, self._probe_at)
        if len(self._window) >= WINDOW:
            until = now + SETTLE_SOON
        with suppress(TimeoutError):
            async with asyncio.timeout(max(until - now, 0.005)):
                await self._wake.wait()

    async def _end(self) -> None:
        """Let what is under way end, and write down what can be."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=LAST_SENDS)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        if not self._is_in_doubt:
            with suppress(DatabaseError):
                await self._settle()
