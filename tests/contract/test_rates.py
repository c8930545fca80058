"""Nodes that count together, on the Postgres that they share."""

from collections.abc import AsyncIterator

import pytest

from tests.contract.database_process import connect
from tusd_py.access.rates import Rate, RateTable
from tusd_py.metadata.database import Database, DatabaseError, Query
from tusd_py.metadata.rates import RateRows
from tusd_py.work.rates import Exchange

TEN = Rate(per_second=0.001, burst=10.0)
"""So slow that nothing comes up again while a test runs."""


@pytest.fixture
async def postgres(postgres_dsn: str) -> AsyncIterator[Database]:
    database = connect("postgres", postgres_dsn)
    await database.open()
    yield database
    await database.close()


def a_table() -> RateTable:
    return RateTable(None, boot="this one", clock=lambda: 1000.0)


def had(table: RateTable, key: str) -> int:
    """How often it may be had until it is refused."""
    count = 0
    while not table.take(key, 1, TEN).wait:
        count += 1
    return count


async def test_what_one_node_gave_no_other_gives_again(postgres: Database) -> None:
    here, there = a_table(), a_table()
    tell_here, tell_there = (Exchange(table, RateRows(postgres)) for table in (here, there))
    for _ in range(6):
        assert here.take("ann", 1, TEN).wait == 0
    await tell_here()
    there.take("ann", 1, TEN)
    await tell_there()
    assert had(there, "ann") == 3
    assert had(there, "bob") == 10
    # What was had meanwhile is told in the next round, and heard where the key is used.
    await tell_there()
    here.take("ann", 1, TEN)
    await tell_here()
    assert had(here, "ann") == 0


async def test_all_nodes_together_may_be_further_ahead_than_one(postgres: Database) -> None:
    shared = Rate(per_second=0.001, burst=10.0, others=20 / 0.001)
    tables = [a_table() for _ in range(3)]
    exchanges = [Exchange(table, RateRows(postgres)) for table in tables]

    def let_through(table: RateTable) -> int:
        return sum(not table.take("ann", 1, shared).wait for _ in range(12))

    assert [let_through(table) for table in tables] == [10, 10, 10]
    for exchange in exchanges:
        await exchange()
    assert [let_through(table) for table in tables] == [0, 0, 0]


async def test_rounds_without_anybody_cost_nothing_and_nothing_is_told_twice(postgres: Database) -> None:
    table = a_table()
    exchange = Exchange(table, RateRows(postgres))
    await exchange()
    assert await postgres.read(Query("SELECT key FROM rates")) == []
    table.take("ann", 1, TEN)
    await exchange()
    (once,) = await postgres.read(Query("SELECT idle_at FROM rates"))
    await exchange()
    (twice,) = await postgres.read(Query("SELECT idle_at FROM rates"))
    assert once == twice


async def test_many_keys_are_told_in_pieces_by_several_at_once(postgres: Database) -> None:
    rows = RateRows(postgres)
    tables = [a_table() for _ in range(3)]
    exchanges = [Exchange(table, rows) for table in tables]
    for table in tables:
        for number in range(2500):
            table.take(f"user {number}", 1, TEN)
    for exchange in exchanges:
        await exchange()
    (found,) = await postgres.read(Query("SELECT count(*) AS number FROM rates"))
    assert found["number"] == 2500
    last = tables[-1]
    assert {had(last, f"user {number}") for number in (0, 1000, 2499)} == {7}


async def test_what_is_idle_is_forgotten(postgres: Database) -> None:
    rows = RateRows(postgres)
    await rows.add({1: 0.0, (1 << 64) - 1: 3600.0})
    await rows.forget()
    assert await rows.add({(1 << 64) - 1: 0.0}) == pytest.approx({(1 << 64) - 1: 3600.0}, abs=600)
    (found,) = await postgres.read(Query("SELECT count(*) AS number FROM rates"))
    assert found["number"] == 1


class Away(RateRows):
    """A database that cannot be reached."""

    async def add(self, account: object) -> dict[int, float]:
        raise DatabaseError(f"away, with {account}")


async def test_while_the_database_is_away_each_counts_alone_and_tells_it_later(postgres: Database) -> None:
    table = a_table()
    exchange = Exchange(table, Away(postgres))
    for _ in range(4):
        table.take("ann", 1, TEN)
    await exchange()
    await exchange()
    there = a_table()
    back = Exchange(there, RateRows(postgres))
    await RateRows(postgres).add(table.account())
    there.take("ann", 1, TEN)
    await back()
    assert had(there, "ann") == 5
