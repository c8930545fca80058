"""Scripts that share a transaction on Postgres (tusd_py/metadata/postgres_in_step.py)."""

import asyncio
from functools import partial

from tusd_py.metadata.database import Conflict, DatabaseError, OutcomeUnknown, Query, Script
from tusd_py.metadata.postgres import PostgresDatabase

from .facts import fact, put, value_of
from .gates import END_COMMITS, Gate, have_commits_wait

WAITING = Query(
    """
    SELECT pid FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND datname = current_database()
    """
)


def at_gate(name: str) -> Script[str]:
    """Waits in its second statement."""
    yield fact(name, "1")
    yield Query("UPDATE gate SET n = n + 1")
    return name


def in_step(postgres: PostgresDatabase, name: str) -> "asyncio.Task[str]":
    return asyncio.create_task(postgres.transact(lambda: put(name, "1"), in_step=True))


async def until_waiting(postgres: PostgresDatabase, count: int) -> None:
    while len(await postgres.read(WAITING)) < count:
        await asyncio.sleep(0)


async def transactions(postgres: PostgresDatabase) -> int:
    (found,) = await postgres.read(Query("SELECT count(DISTINCT xmin::text) AS n FROM facts"))
    return int(found["n"])


async def test_those_that_come_while_one_is_under_way_share_the_next_transaction(
    postgres: PostgresDatabase,
) -> None:
    names = [str(number) for number in range(20)]
    assert await asyncio.gather(*(in_step(postgres, name) for name in names)) == ["1"] * 20
    assert [await value_of(postgres, name) for name in names] == ["1"] * 20
    assert await transactions(postgres) == 2


async def test_who_comes_alone_waits_for_nobody(postgres: PostgresDatabase) -> None:
    for name in ("a", "b", "c"):
        await in_step(postgres, name)
    assert await transactions(postgres) == 3


async def test_one_that_stands_still_holds_nobody_up(postgres: PostgresDatabase, held_gate: Gate) -> None:
    slow = asyncio.create_task(postgres.transact(lambda: at_gate("slow"), in_step=True))
    await until_waiting(postgres, 1)
    assert await asyncio.gather(*(in_step(postgres, name) for name in ("a", "b"))) == ["1", "1"]
    assert not slow.done()
    await held_gate.close()
    assert await slow == "slow"


async def test_one_that_fails_takes_nobody_along(postgres: PostgresDatabase) -> None:
    done = await asyncio.gather(
        *(in_step(postgres, name) for name in ("a", "b", "b", "c")), return_exceptions=True
    )
    assert [outcome for outcome in done if isinstance(outcome, str)] == ["1"] * 3
    assert [type(outcome) for outcome in done if isinstance(outcome, BaseException)] == [Conflict]
    assert [await value_of(postgres, name) for name in ("a", "b", "c")] == ["1"] * 3


async def test_one_that_reads_after_all_is_answered(postgres: PostgresDatabase) -> None:
    def curious() -> Script[str]:
        yield fact("c", "1")
        found = yield Query("SELECT count(*) AS n FROM facts WHERE name = 'c'")
        return str(found[0]["n"])

    asking = [postgres.transact(curious, in_step=True)]
    assert await asyncio.gather(in_step(postgres, "a"), in_step(postgres, "b"), *asking) == ["1"] * 3


async def test_who_was_cancelled_while_it_waited_never_runs(
    postgres: PostgresDatabase, held_gate: Gate
) -> None:
    slow = asyncio.create_task(postgres.transact(lambda: at_gate("slow"), in_step=True))
    await until_waiting(postgres, 1)
    unwanted, wanted = in_step(postgres, "unwanted"), in_step(postgres, "wanted")
    await asyncio.sleep(0)
    unwanted.cancel()
    assert await wanted == "1"
    await held_gate.close()
    await slow
    assert await value_of(postgres, "unwanted") is None


async def test_who_is_cancelled_under_way_leaves_a_lane_for_others(
    postgres: PostgresDatabase, held_gate: Gate
) -> None:
    slow = asyncio.create_task(postgres.transact(lambda: at_gate("slow"), in_step=True))
    await until_waiting(postgres, 1)
    waiting = in_step(postgres, "a")
    await asyncio.sleep(0)
    slow.cancel()
    assert await waiting == "1"
    assert await in_step(postgres, "b") == "1"
    assert await value_of(postgres, "slow") is None


async def test_a_connection_lost_during_their_commit_is_an_unknown_outcome_of_each(
    postgres: PostgresDatabase, held_gate: Gate
) -> None:
    await have_commits_wait(postgres)
    slow = asyncio.create_task(postgres.transact(lambda: at_gate("slow"), in_step=True))
    await until_waiting(postgres, 1)
    together = [in_step(postgres, name) for name in ("a", "b")]
    while not await postgres.read(END_COMMITS):
        assert not any(one.done() for one in together)
    done = await asyncio.gather(*together, return_exceptions=True)
    assert [type(outcome) for outcome in done] == [OutcomeUnknown] * 2
    assert done[0] is not done[1]
    await held_gate.close()
    await slow
    assert [await value_of(postgres, name) for name in ("a", "b")] == [None, None]


async def test_what_got_no_answer_in_time_is_not_asked_again_one_by_one(
    postgres_dsn: str, postgres: PostgresDatabase, held_gate: Gate
) -> None:
    hasty = PostgresDatabase(postgres_dsn, pool_size=3, timeout=1, require_power=True, migrate=False)
    await hasty.open()
    runs = []

    def counted(name: str) -> Script[str]:
        runs.append(name)
        return (yield from at_gate(name))

    done = await asyncio.gather(
        *(hasty.transact(partial(counted, name), in_step=True) for name in ("alone", "a", "b")),
        return_exceptions=True,
    )
    assert all(isinstance(outcome, DatabaseError) for outcome in done)
    assert not any(isinstance(outcome, OutcomeUnknown) for outcome in done)
    assert runs == ["alone", "a", "b"]
    await hasty.close()
