"""Reading events: each one once, however often the reader loses its connection, whoever writes meanwhile."""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
import pytest

from tusd_py.metadata.database import Database, Script
from tusd_py.metadata.event_log import BadCursor, events_after
from tusd_py.metadata.events import EventKind, record

from .databases import Another, Store

RECONNECTS = int(os.environ.get("TEST_RECONNECTS", "200"))
WRITERS = 3


@dataclass(frozen=True, slots=True)
class Owned:
    """What an event is about."""

    tenant: str = "acme"
    owner: str = "ann"
    file_id: str = "f"


OWNED = Owned()


def committing(*subjects: str) -> Callable[[], Script[None]]:
    def script() -> Script[None]:
        for subject in subjects:
            yield record(EventKind.CREATED, subject, "test", OWNED, length=1)

    return script


async def test_events_come_in_order_with_what_was_recorded(database: Database) -> None:
    assert await events_after(database) == []
    await database.transact(committing("a", "b"))
    await database.transact(committing("c"))
    first = await events_after(database, limit=2)
    assert [(event.subject, event.kind, event.actor, event.data) for event in first] == [
        (subject, "upload.created", "test", {"length": 1}) for subject in ("a", "b")
    ]
    assert [(event.tenant, event.owner, event.file_id) for event in first] == [("acme", "ann", "f")] * 2
    rest = await events_after(database, first[-1].cursor)
    assert [event.subject for event in rest] == ["c"]
    assert await events_after(database, rest[-1].cursor) == []
    assert [event.subject for event in await events_after(database, first[0].cursor)] == ["b", "c"]


@pytest.mark.parametrize(
    "cursor",
    ["x", "1", "1.", ".1", "-1.1", "1.1 ", "1.99999999999999999999", "99999999999999999999.1", "\u0661.1"],
)
async def test_a_cursor_of_nobody_is_refused(database: Database, cursor: str) -> None:
    with pytest.raises(BadCursor):
        await events_after(database, cursor)


async def test_a_transaction_that_began_first_and_commits_last_is_not_missed(
    database: Database, store: Store
) -> None:
    if store.kind == "sqlite":
        return  # its transactions do not overlap
    slow = await asyncpg.connect(store.where)
    try:
        await slow.execute("BEGIN")
        await _insert(slow, "slow")
        await database.transact(committing("quick"))
        assert await events_after(database) == []
        await slow.execute("COMMIT")
    finally:
        await slow.close()
    assert [event.subject for event in await events_after(database)] == ["slow", "quick"]


async def test_events_of_a_restored_database_are_read_from_the_start(
    database: Database, store: Store
) -> None:
    if store.kind == "sqlite":
        return  # it has no numbers of transactions
    await database.transact(committing("old"))
    restored = await asyncpg.connect(store.where)
    try:
        # Transactions of the server that was dumped, which is older than this one.
        await restored.execute("UPDATE events SET tx = '999999999'")
        assert await events_after(database) == []
        await restored.execute("UPDATE events SET tx = '0'")
    finally:
        await restored.close()
    await database.transact(committing("new"))
    assert [event.subject for event in await events_after(database)] == ["old", "new"]


@pytest.mark.timeout(240)
async def test_a_reader_that_reconnects_all_the_time_sees_each_event_once(
    another: Another, store: Store, seed: int
) -> None:
    dice = random.Random(seed)
    written: list[str] = []
    read: list[str] = []
    cursor = ""

    async def go_on(limit: int) -> int:
        nonlocal cursor
        async with reader(store) as database:
            events = await events_after(database, cursor, limit=limit)
        read.extend(event.subject for event in events)
        cursor = events[-1].cursor if events else cursor
        return len(events)

    stop = asyncio.Event()
    writers = [
        asyncio.create_task(write(await another(), f"{number}", stop, written)) for number in range(WRITERS)
    ]
    if store.kind == "postgres":
        writers += [
            asyncio.create_task(write_slowly(store.where, f"slow{n}", stop, written, seed)) for n in range(3)
        ]
    for _ in range(RECONNECTS):
        await go_on(dice.choice((1, 7, 1000)))
    stop.set()
    await asyncio.gather(*writers)
    while await go_on(1000):
        pass
    assert len(written) > RECONNECTS
    assert len(read) == len(set(read)), "an event came twice"
    assert set(read) == set(written), "an event is missing"


@asynccontextmanager
async def reader(store: Store) -> AsyncIterator[Database]:
    """A connection that was just made."""
    database = store.connect()
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def write(database: Database, name: str, stop: asyncio.Event, written: list[str]) -> None:
    """As nodes do, in transactions as short as they can be."""
    await _until(stop, lambda n: _commit(database, [f"{name}-{n}a", f"{name}-{n}b"], written))


async def _commit(database: Database, subjects: list[str], written: list[str]) -> None:
    await database.transact(committing(*subjects))
    written.extend(subjects)
    await asyncio.sleep(0.005)


async def write_slowly(dsn: str, name: str, stop: asyncio.Event, written: list[str], seed: int) -> None:
    """Transactions that stay open while others commit; some are undone, which leaves holes in the numbers."""
    dice = random.Random(f"{seed}/{name}")
    connection = await asyncpg.connect(dsn)

    async def once(n: int) -> None:
        await connection.execute("BEGIN")
        await _insert(connection, f"{name}-{n}")
        await asyncio.sleep(dice.uniform(0, 0.05))
        if dice.random() < 0.2:
            await connection.execute("ROLLBACK")
            return
        await connection.execute("COMMIT")
        written.append(f"{name}-{n}")

    try:
        await _until(stop, once)
    finally:
        await connection.close()


async def _until(stop: asyncio.Event, once: Callable[[int], Awaitable[None]]) -> None:
    n = 0
    while not stop.is_set():
        await once(n)
        n += 1


async def _insert(connection: "asyncpg.Connection[asyncpg.Record]", subject: str) -> None:
    await connection.execute(
        "INSERT INTO events (created_at, subject, kind, actor) VALUES (1, $1, 'upload.created', 'test')",
        subject,
    )
