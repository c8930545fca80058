"""Partitions of events: there before their month, whatever is missing, and dropped when they are old."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg
import pytest

from tests.contract.test_event_log import committing
from tusd_py.metadata.database import DatabaseError, Query
from tusd_py.metadata.event_log import events_after
from tusd_py.metadata.event_months import AHEAD, EventMonths, Month
from tusd_py.metadata.event_retention import EventRetention
from tusd_py.metadata.postgres import PostgresDatabase
from tusd_py.metadata.relays import RelayRows

DAY = 24 * 3600 * 1_000_000


def moment(year: int, month: int, day: int) -> int:
    return int(datetime(year, month, day, tzinfo=UTC).timestamp()) * 1_000_000


@dataclass(kw_only=True)
class Calendar:
    """A database whose clock is set by hand."""

    now: int
    dsn: str

    def connect(self) -> PostgresDatabase:
        return PostgresDatabase(
            self.dsn,
            pool_size=2,
            timeout=10,
            require_power=False,
            migrate=True,
            clock=lambda: self.now,
        )


@pytest.fixture
def calendar(empty_postgres_dsn: str) -> Calendar:
    return Calendar(now=moment(2026, 11, 26), dsn=empty_postgres_dsn)


@pytest.fixture
async def postgres(calendar: Calendar) -> AsyncIterator[PostgresDatabase]:
    database = calendar.connect()
    await database.open()
    yield database
    await database.close()


async def partition_of(database: PostgresDatabase, subject: str) -> str:
    (row,) = await database.read(
        Query(
            "SELECT CAST(CAST(tableoid AS regclass) AS TEXT) AS name FROM events WHERE subject = :s",
            {"s": subject},
        )
    )
    return str(row["name"])


@pytest.mark.parametrize(
    ("at", "name", "following"),
    [
        (moment(2026, 12, 31) + DAY - 1, "events_2026_12", "events_2027_01"),
        (moment(2027, 1, 1), "events_2027_01", "events_2027_02"),
        (moment(2028, 2, 29), "events_2028_02", "events_2028_03"),
    ],
)
def test_a_month_knows_its_name_and_where_it_ends(at: int, name: str, following: str) -> None:
    month = Month.at(at)
    assert (month.partition, month.next.partition) == (name, following)
    assert month.first <= at < month.next.first
    assert Month.of_partition(name) == month
    assert Month.of_partition("events_default") is None


async def test_events_are_in_the_partition_of_their_month(
    postgres: PostgresDatabase, calendar: Calendar
) -> None:
    months = EventMonths(postgres)
    assert await months.prepare() == AHEAD + 1
    assert await months.prepare() == 0
    await postgres.transact(committing("november"))
    calendar.now = moment(2026, 12, 1)
    await postgres.transact(committing("december"))
    assert await partition_of(postgres, "november") == "events_2026_11"
    assert await partition_of(postgres, "december") == "events_2026_12"
    assert await months.prepare() == 1
    assert [month.partition for month in await months.there()][-1] == "events_2027_03"
    assert [event.subject for event in await events_after(postgres)] == ["november", "december"]


async def test_a_month_that_began_without_a_partition_stays_in_the_default_one(
    postgres: PostgresDatabase,
) -> None:
    await postgres.transact(committing("early"))
    assert await EventMonths(postgres).prepare() == AHEAD  # not this month's
    await postgres.transact(committing("late"))
    assert {await partition_of(postgres, subject) for subject in ("early", "late")} == {"events_default"}


async def test_old_months_are_dropped_whole_and_the_rest_one_by_one(
    postgres: PostgresDatabase, calendar: Calendar
) -> None:
    await postgres.transact(committing("default"))
    calendar.now = moment(2026, 12, 1)
    await EventMonths(postgres).prepare()
    for day in (1, 20):
        calendar.now = moment(2026, 12, day)
        await postgres.transact(committing(f"december {day}"))
    calendar.now = moment(2027, 1, 20)
    await postgres.transact(committing("january"))
    retention = EventRetention(postgres)

    assert await retention.forget(40 * DAY) == 2  # all but 11 December and later
    assert [event.subject for event in await events_after(postgres)] == ["december 20", "january"]
    assert await retention.forget(19 * DAY) == 0  # that one is not deleted, but dropped
    assert [event.subject for event in await events_after(postgres)] == ["january"]
    assert Month(year=2026, number=12) not in await EventMonths(postgres).there()


async def test_a_month_that_a_relay_is_not_done_with_is_not_dropped(
    postgres: PostgresDatabase, calendar: Calendar
) -> None:
    await EventMonths(postgres).prepare()
    await postgres.transact(committing("a", "b"))
    first, second = await events_after(postgres)
    calendar.now = moment(2027, 2, 1)
    relays = RelayRows(postgres)
    await relays.create("r", first.cursor)
    assert await EventRetention(postgres).forget(DAY) == 1
    assert [event.subject for event in await events_after(postgres)] == ["b"]
    await postgres.execute(Query("UPDATE relays SET cursor = :cursor", {"cursor": second.cursor}))
    await EventRetention(postgres).forget(DAY)
    assert await events_after(postgres) == []
    assert Month(year=2026, number=11) not in await EventMonths(postgres).there()


async def test_many_workers_may_prepare_and_drop_at_once(
    postgres: PostgresDatabase, calendar: Calendar
) -> None:
    other = calendar.connect()
    await other.open()
    try:
        made = await asyncio.gather(*(EventMonths(one).prepare() for one in (postgres, other) * 3))
        assert len(await EventMonths(postgres).there()) == AHEAD + 1, made
        calendar.now = moment(2027, 6, 1)
        dropped = await asyncio.gather(
            *(EventMonths(one).drop(calendar.now, None) for one in (postgres, other) * 3)
        )
        assert sum(dropped) == AHEAD + 1
    finally:
        await other.close()


async def test_a_reader_that_does_not_end_is_not_waited_for(
    postgres: PostgresDatabase, calendar: Calendar
) -> None:
    """Whoever waits to change partitions holds up every commit behind it."""
    dump = await asyncpg.connect(calendar.dsn)
    try:
        await dump.execute("BEGIN; SELECT count(*) FROM events")
        with pytest.raises(DatabaseError, match="lock timeout"):
            await EventMonths(postgres).prepare()
        await postgres.transact(committing("meanwhile"))
    finally:
        await dump.close()
