"""Events on their way to a receiver that is down, slow, answers 500 or loses answers."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.contract.test_event_log import OWNED
from tests.harness.receiver import SECRET, How, Receiver
from tests.integration.house import Counted
from tusd_py.metadata.database import Database, Query, Script
from tusd_py.metadata.event_log import newest
from tusd_py.metadata.events import EventKind, record
from tusd_py.metadata.postgres import PostgresDatabase
from tusd_py.metadata.relays import DeliveryState, Message, Progress, RelayRows
from tusd_py.metadata.sqlite import SqliteDatabase
from tusd_py.metadata.workers import WorkerRows
from tusd_py.outbox import relay as relay_module
from tusd_py.outbox.addresses import Guard
from tusd_py.outbox.relay import Relay, RelayRules
from tusd_py.outbox.sink import Sink, Wanted
from tusd_py.outbox.webhooks import Webhook, WebhookRules
from tusd_py.standard_webhooks import parse_secrets

KINDS = (EventKind.CREATED, EventKind.RECEIVING, EventKind.COMPLETING, EventKind.STORED)
RULES = RelayRules(
    wanted=Wanted(), timeout=10.0, first_pause=0.05, longest_pause=0.2, look_every=0.05, attempts=1000
)
"""Patient: what is sent again because this machine was slow would count as having come twice."""
IMPATIENT = replace(RULES, timeout=0.5)


@pytest.fixture(params=["sqlite", "postgres"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    made: Database
    if request.param == "sqlite":
        made = _sqlite(tmp_path)
    else:
        dsn = request.getfixturevalue("postgres_dsn")
        made = PostgresDatabase(dsn, pool_size=4, timeout=10, require_power=False, migrate=True)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Database]:
    made = _sqlite(tmp_path)
    await made.open()
    yield made
    await made.close()


def _sqlite(folder: Path) -> Database:
    return SqliteDatabase(
        folder / "tusd.db", durability_full=False, clock=lambda: time.time_ns() // 1000, migrate=True
    )


def webhook(receiver: Receiver, timeout: float) -> Webhook:
    rules = WebhookRules(
        guard=Guard(["127.0.0.0/8"]), timeout=timeout, max_response=1024, user_agent="tusd-py/test"
    )
    return Webhook("test", receiver.url, parse_secrets(SECRET), rules)


@dataclass(kw_only=True)
class Watched:
    """A sink that says how many messages it was given at once.

    Asked on this side: a receiver may still be busy with what its sender gave up.
    """

    inner: Sink
    now: int = 0
    most: int = 0

    @property
    def name(self) -> str:
        return self.inner.name

    async def open(self) -> None:
        await self.inner.open()

    async def close(self) -> None:
        await self.inner.close()

    async def send(self, message: Message) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await self.inner.send(message)
        finally:
            self.now -= 1


def make_relay(
    database: Database,
    receiver: Receiver,
    rules: RelayRules = RULES,
    worker: str = "a",
    sink: Sink | None = None,
) -> Relay:
    return Relay(
        sink or webhook(receiver, rules.timeout),
        rules,
        database,
        worker=worker,
        installation="f" * 32,
        meter=Counted(),
    )


@asynccontextmanager
async def relaying(*relays: Relay) -> AsyncIterator[None]:
    for relay in relays:
        await relay.prepare()
    tasks = [asyncio.create_task(relay.run()) for relay in relays]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def write(database: Database, subjects: int, seed: int, prefix: str = "") -> list[tuple[str, str]]:
    """Four events for each subject, mixed, as concurrent uploads make them; in the order of the log."""
    dice = random.Random(seed)
    left = {f"{prefix}{number:032x}": list(KINDS) for number in range(subjects)}
    written: list[tuple[str, str]] = []
    while left:
        some = dice.sample(sorted(left), min(len(left), 20))

        def script(chosen: list[str] = some) -> Script[None]:
            for subject in chosen:
                yield record(left[subject][0], subject, "test", OWNED)

        await database.transact(script)
        for subject in some:
            written.append((subject, left[subject].pop(0)))
            if not left[subject]:
                del left[subject]
    return written


async def all_is_written(database: Database) -> None:
    """Wait until the rows say that nothing is left to do: who is stopped before has them sent again."""
    rows = RelayRows(database)
    async with asyncio.timeout(20):
        while True:
            waiting = await rows.page(limit=1, state=DeliveryState.WAITING)
            cursors = {one.cursor for one in await rows.standings()}
            if not waiting and cursors == {await newest(database)}:
                return
            await asyncio.sleep(0.01)


async def until(condition: Callable[[], bool], within: float = 20.0) -> None:
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.01)


@dataclass
class Moods:
    """A receiver that changes its mind."""

    dice: random.Random
    bad: bool = True

    def __call__(self, _subject: str) -> How:
        if not self.bad:
            return How.TAKE
        return self.dice.choices(list(How), (60, 10, 10, 5, 5, 1, 5))[0]


async def test_each_event_arrives_in_the_order_of_its_upload_whatever_the_receiver_does(
    database: Database, seed: int
) -> None:
    moods = Moods(random.Random(seed))
    async with Receiver(choose=moods, slow=0.2) as receiver:
        watched = Watched(inner=webhook(receiver, IMPATIENT.timeout))
        async with relaying(make_relay(database, receiver, IMPATIENT, sink=watched)):
            written = await write(database, 50, seed)
            await until(lambda: len(set(receiver.ids())) > len(written) // 4)
            await receiver.stop()
            await asyncio.sleep(0.3)
            await receiver.start()
            await until(lambda: len(set(receiver.ids())) > len(written) // 2)
            moods.bad = False
            await until(lambda: len(set(receiver.ids())) == len(written))
            await all_is_written(database)
        assert not receiver.out_of_order(written)
        assert not receiver.forged
        assert 1 < watched.most <= IMPATIENT.parallel
        by_id: dict[str, bytes] = {}
        for one in receiver.taken:
            assert by_id.setdefault(one.id, one.body) == one.body, "the same id, another message"
        assert await RelayRows(database).page(limit=10) == []


async def test_a_poisonous_event_holds_back_its_upload_and_no_other(sqlite: Database, seed: int) -> None:
    poisonous = f"{0:032x}"
    async with Receiver(choose=lambda subject: How.FAIL if subject == poisonous else How.TAKE) as receiver:
        async with relaying(make_relay(sqlite, receiver)):
            written = await write(sqlite, 10, seed)
            await until(lambda: len(receiver.ids()) == 36)
            assert poisonous not in {one.subject for one in receiver.taken}
            receiver.choose = lambda _subject: How.TAKE
            await until(lambda: len(receiver.ids()) == 40)
        assert not receiver.out_of_order(written)
        assert len(set(receiver.ids())) == 40, "something that was taken came again"


async def test_what_is_refused_too_often_is_given_up_and_can_be_sent_again(
    sqlite: Database, seed: int
) -> None:
    rules = replace(RULES, attempts=3)
    rows = RelayRows(sqlite)
    async with Receiver(choose=lambda _subject: How.FAIL) as receiver:
        async with relaying(make_relay(sqlite, receiver, rules)):
            await write(sqlite, 1, seed)
            await _dead(rows, 4)
            assert receiver.met.total() == 12
            receiver.choose = lambda _subject: How.TAKE
            dead = await rows.page(limit=10)
            assert {one.last_error for one in dead} == {"answered 500"}
            assert await rows.again(dead[1].id)
            await until(lambda: receiver.ids() == [dead[1].message.id])
            assert not await rows.again(dead[1].id)
            await all_is_written(sqlite)
        assert [one.id for one in await rows.page(limit=10)] == [dead[0].id, dead[2].id, dead[3].id]


async def _dead(rows: RelayRows, count: int) -> None:
    async with asyncio.timeout(20):
        while len(await rows.page(limit=10, state=DeliveryState.DEAD)) < count:
            await asyncio.sleep(0.01)


async def test_an_event_that_nobody_takes_for_long_enough_is_given_up(sqlite: Database, seed: int) -> None:
    rules = replace(RULES, give_up_after=0.3)
    receiver = Receiver()  # nobody listens there
    async with relaying(make_relay(sqlite, receiver, rules)):
        await write(sqlite, 1, seed)
        await _dead(RelayRows(sqlite), 1)


async def test_of_several_workers_one_delivers_and_another_goes_on(
    database: Database, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "LOOK_FOR_TURN_EVERY", 0.05)
    async with Receiver() as receiver:
        first, second = (make_relay(database, receiver, worker=name) for name in ("a", "b"))
        async with relaying(second):
            async with relaying(first):
                written = await write(database, 20, seed)
                await until(lambda: len(receiver.ids()) == len(written))
                await all_is_written(database)
            more = await write(database, 20, seed, prefix="x")
            await until(lambda: len(set(receiver.ids())) == len(written) + len(more))
        assert len(receiver.ids()) == len(set(receiver.ids())), "something came twice"


async def test_who_goes_on_sends_nothing_again_of_what_was_taken_or_parked(
    database: Database, seed: int
) -> None:
    """The first event gets no answer, so the cursor stays before what was dealt with behind it."""
    rows = RelayRows(database)
    slow, taken = f"{0:032x}", set[str]()

    def take_the_first_of_each(subject: str) -> How:
        if subject == slow:
            return How.HANG
        if subject in taken:
            return How.FAIL
        taken.add(subject)
        return How.TAKE

    async with Receiver(choose=take_the_first_of_each) as receiver:
        async with relaying(make_relay(database, receiver, worker="a")):
            written = await write(database, 4, seed)
            async with asyncio.timeout(20):
                while len(await rows.page(limit=20)) < 9:
                    await asyncio.sleep(0.01)
        receiver.choose = lambda _subject: How.TAKE
        async with relaying(make_relay(database, receiver, worker="b")):
            await until(lambda: len(set(receiver.ids())) == len(written))
            await all_is_written(database)
        assert not receiver.out_of_order(written)
        assert len(receiver.ids()) == len(written), "something came twice"


async def test_a_holder_that_is_overtaken_writes_nothing_more(sqlite: Database) -> None:
    rows = RelayRows(sqlite)
    await rows.create("r", "")
    old = await rows.take("r", "a", 0)
    new = await rows.take("r", "b", 1_000_000)
    assert old is not None
    assert new is not None
    assert await rows.take("r", "c", 1_000_000) is None
    assert not await rows.settle(old, Progress(cursor="0.5"), 1_000_000)
    assert await rows.settle(new, Progress(cursor="0.7"), 1_000_000)
    await rows.release(old)
    assert [(one.cursor, one.holder) for one in await rows.standings()] == [("0.7", "b")]


async def test_a_buried_holder_loses_its_relay(sqlite: Database) -> None:
    rows, workers = RelayRows(sqlite), WorkerRows(sqlite)
    await rows.create("r", "")
    await workers.register("aa", "host", "boot", "", 1)
    assert await rows.take("r", "aa", 10**9) is not None
    assert await rows.take("r", "bb", 10**9) is None
    await workers.bury("aa")
    assert await rows.take("r", "aa", 10**9) is None
    assert await rows.take("r", "bb", 10**9) is not None


async def test_a_new_relay_begins_with_what_happens_from_now_on(database: Database, seed: int) -> None:
    await write(database, 3, seed)
    async with Receiver() as receiver, relaying(make_relay(database, receiver)):
        later = await write(database, 2, seed, prefix="later")
        await until(lambda: len(receiver.ids()) == len(later))
        assert {one.subject for one in receiver.taken} == {subject for subject, _ in later}


async def test_an_endpoint_gets_the_events_it_asked_for(sqlite: Database, seed: int) -> None:
    wanted = Wanted(kinds=("upload.st*", "file.*"), tenants=("acme",))
    async with Receiver() as receiver, relaying(make_relay(sqlite, receiver, replace(RULES, wanted=wanted))):
        await sqlite.execute(record(EventKind.STORED, "of nobody", "test", None))
        await write(sqlite, 3, seed)
        await until(lambda: len(receiver.ids()) == 3)
        assert {one.kind for one in receiver.taken} == {"upload.stored"}
        await _cursor_is_at_the_end(sqlite)


async def _cursor_is_at_the_end(database: Database) -> None:
    async with asyncio.timeout(10):
        while True:
            (row,) = await database.read(Query("SELECT max(id) AS id FROM events"))
            (standing,) = await RelayRows(database).standings()
            if standing.cursor == f"0.{row['id']}":
                return
            await asyncio.sleep(0.02)
