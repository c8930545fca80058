"""What both databases promise (tusd_py/metadata/database.py)."""

import asyncio
import os
import re
import signal
import time
from functools import partial

import pytest

from tests.services.postgres import PostgresServer, temporary_server
from tusd_py.errors import Refused
from tusd_py.metadata import migrations
from tusd_py.metadata.database import Conflict, Database, DatabaseError, OutcomeUnknown, Query, Script
from tusd_py.metadata.postgres import PostgresDatabase

from .databases import Another, Store
from .facts import fact, put, value_of
from .gates import END_COMMITS, Gate, have_commits_wait


async def test_a_commit_is_seen_by_the_next_read_everywhere(database: Database, another: Another) -> None:
    elsewhere = await another()
    assert await database.transact(lambda: put("a", "1")) == "1"
    assert await value_of(database, "a") == "1"
    assert await value_of(elsewhere, "a") == "1"


async def test_one_statement_commits_by_itself_and_returns_its_rows(
    database: Database, another: Another
) -> None:
    query = Query(fact("a", "1").sql + " RETURNING name, value", {"name": "a", "value": "1"})
    assert await database.execute(query) == [{"name": "a", "value": "1"}]
    assert await value_of(await another(), "a") == "1"
    assert await database.execute(Query("DELETE FROM facts WHERE name = 'a'")) == []
    assert await value_of(database, "a") is None


async def test_a_script_that_raises_takes_back_only_what_it_did(database: Database) -> None:
    def raising() -> Script[None]:
        yield fact("bad", "1")
        raise LookupError("enough")

    outcomes = await asyncio.gather(
        database.transact(lambda: put("before", "1")),
        database.transact(raising),
        database.transact(lambda: put("after", "1")),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [str, LookupError, str]
    assert [await value_of(database, name) for name in ("before", "bad", "after")] == ["1", None, "1"]


async def test_a_broken_uniqueness_rule_is_a_conflict_and_changes_nothing(database: Database) -> None:
    await database.transact(lambda: put("a", "1"))

    def twice() -> Script[None]:
        yield fact("b", "1")
        yield fact("a", "2")

    with pytest.raises(Conflict):
        await database.transact(twice)
    with pytest.raises(Conflict):
        await database.execute(fact("a", "3"))
    assert await value_of(database, "a") == "1"
    assert await value_of(database, "b") is None


async def test_any_other_broken_rule_is_a_database_error(database: Database) -> None:
    with pytest.raises(DatabaseError):
        await database.execute(Query("INSERT INTO facts (name, value, updated_at) VALUES ('a', NULL, 0)"))
    with pytest.raises(DatabaseError):
        await database.read(Query("SELECT * FROM nothing_of_that_name"))


async def test_a_missing_parameter_is_named(database: Database) -> None:
    with pytest.raises(KeyError, match="name"):
        await database.read(Query("SELECT * FROM facts WHERE name = :name"))
    with pytest.raises(KeyError, match="name"):
        await database.execute(Query("SELECT * FROM facts WHERE name = :name"))


async def test_increments_of_many_writers_add_up(database: Database, another: Another) -> None:
    await database.transact(lambda: put("count", "0"))

    def increment() -> Script[None]:
        rows = yield Query("SELECT value FROM facts WHERE name = 'count' {for_update}")
        raised = str(int(rows[0]["value"]) + 1)
        yield Query("UPDATE facts SET value = :raised WHERE name = 'count'", {"raised": raised})

    writers = [database, await another()]
    await asyncio.gather(*(writer.transact(increment) for writer in writers for _ in range(50)))
    assert await value_of(database, "count") == "100"


async def test_a_cancelled_caller_leaves_a_database_that_works(database: Database) -> None:
    tasks = [asyncio.create_task(database.transact(partial(put, f"{n}", "1"))) for n in range(20)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert all([await value_of(database, f"{n}") == "1" for n in range(1, 20, 2)])
    assert await database.transact(lambda: put("after", "1")) == "1"


async def test_a_change_tells_when_it_was_made_once_for_each_row(database: Database) -> None:
    for name in ("a", "b", "c"):
        await database.transact(partial(put, name, "1"))
    touch = "UPDATE facts SET updated_at = {now} WHERE name IN ('a', :name) {returning_at}"
    rows = await database.execute(Query(touch, {"name": "b"}))
    written = await database.read(Query("SELECT DISTINCT updated_at AS at FROM facts WHERE name = 'a'"))
    assert len(rows) == 2
    assert rows[0] == written[0]
    await database.execute(Query("DELETE FROM facts"))
    assert await database.execute(Query(touch, {"name": "b"})) == []


async def test_the_clock_gives_microseconds(database: Database) -> None:
    rows = await database.read(Query("SELECT {now} AS now"))
    assert abs(rows[0]["now"] - time.time_ns() // 1000) < 60_000_000


async def test_a_closed_database_refuses_with_a_database_error(store: Store) -> None:
    database = store.connect()
    await database.open()
    await database.close()
    await database.close()
    with pytest.raises(DatabaseError):
        await database.read(Query("SELECT 1 AS one"))
    with pytest.raises(DatabaseError):
        await database.transact(lambda: put("a", "1"))


async def test_four_processes_may_migrate_at_once(empty_store: Store) -> None:
    processes = [await empty_store.process("migrate") for _ in range(4)]
    outputs = await asyncio.gather(*(process.communicate() for process in processes))
    assert [
        (process.returncode, output) for process, (output, _) in zip(processes, outputs, strict=True)
    ] == [(0, b"migrated\n")] * 4
    database = empty_store.connect()
    await database.open()
    assert await migrations.pending(database) == []
    assert await migrations.apply(database) == []
    await database.close()


async def test_a_process_killed_between_commits_loses_none(store: Store, another: Another) -> None:
    promised = 0
    for _ in range(3):
        process = await store.process("count")
        assert process.stdout is not None
        for _ in range(20):
            promised = int(await process.stdout.readline())
        process.kill()
        rest, _ = await process.communicate()
        promised = int(([b"%d" % promised, *rest.split(b"\n")[:-1]])[-1])
        found = int(await value_of(await another(), "count") or 0)
        # The last commit may have been made without being said.
        assert found in (promised, promised + 1)


async def test_a_schema_from_the_future_is_refused(store: Store, database: Database) -> None:
    await database.execute(
        Query("INSERT INTO schema_version (version, name, applied_at) VALUES (9999, 'x', 0)")
    )
    with pytest.raises(Refused, match="9999"):
        await store.connect().open()


# --- Postgres alone


async def test_a_lost_race_is_run_again_from_the_start(postgres: PostgresDatabase) -> None:
    await postgres.execute(Query("CREATE SEQUENCE tries"))
    await postgres.execute(
        Query(
            """
            CREATE FUNCTION win_the_third_time() RETURNS BIGINT LANGUAGE plpgsql AS $$
            BEGIN
                IF nextval('tries') < 3 THEN RAISE EXCEPTION 'lost' USING ERRCODE = '40001'; END IF;
                RETURN 1;
            END $$
            """
        )
    )
    starts = []

    def script() -> Script[str]:
        starts.append(1)
        yield fact("a", "1")
        yield Query("SELECT win_the_third_time()")
        return "won"

    assert await postgres.transact(script) == "won"
    assert len(starts) == 3
    assert await value_of(postgres, "a") == "1"


async def test_a_server_that_does_not_answer_any_more_stops_nobody_from_closing(postgres_dsn: str) -> None:
    database = PostgresDatabase(postgres_dsn, pool_size=1, timeout=1, require_power=True, migrate=False)
    migrated = PostgresDatabase(postgres_dsn, pool_size=1, timeout=30, require_power=True, migrate=True)
    await migrated.open()
    await migrated.close()
    await database.open()
    (found,) = await database.read(Query("SELECT pg_backend_pid() AS pid"))
    os.kill(found["pid"], signal.SIGSTOP)
    try:
        await database.close()
    finally:
        os.kill(found["pid"], signal.SIGCONT)
    with pytest.raises(DatabaseError):
        await value_of(database, "a")


async def test_a_connection_lost_before_the_commit_promises_nothing(
    postgres: PostgresDatabase,
) -> None:
    def script() -> Script[None]:
        yield fact("a", "1")
        yield Query("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(DatabaseError) as raised:
        await postgres.transact(script)
    assert not isinstance(raised.value, OutcomeUnknown)
    assert await value_of(postgres, "a") is None


async def test_a_connection_lost_during_the_commit_is_an_unknown_outcome(
    postgres: PostgresDatabase, held_gate: Gate
) -> None:
    await have_commits_wait(postgres)
    commit = asyncio.create_task(postgres.transact(lambda: put("a", "1")))
    while not await postgres.read(END_COMMITS):
        assert not commit.done()
    with pytest.raises(OutcomeUnknown):
        await commit
    assert await value_of(postgres, "a") is None


async def test_a_wait_for_a_lock_ends_with_the_patience(postgres: PostgresDatabase, held_gate: Gate) -> None:
    def script() -> Script[None]:
        yield fact("a", "1")
        yield Query("UPDATE gate SET n = 2")

    with pytest.raises(DatabaseError) as raised:
        await postgres.transact(script, patience=0.2)
    assert not isinstance(raised.value, OutcomeUnknown)
    await held_gate.close()
    await postgres.execute(Query("UPDATE gate SET n = 3"))
    assert await value_of(postgres, "a") is None


@pytest.mark.parametrize("setting", ["synchronous_commit"])
async def test_a_server_that_forgets_is_refused(
    postgres_server: PostgresServer, postgres_dsn: str, setting: str
) -> None:
    name = postgres_dsn.rpartition("/")[2]
    postgres_server.sql(f'ALTER DATABASE "{name}" SET {setting} = off')
    careful = PostgresDatabase(postgres_dsn, pool_size=2, timeout=30, require_power=True, migrate=True)
    with pytest.raises(Refused, match=setting):
        await careful.open()
    careless = PostgresDatabase(postgres_dsn, pool_size=2, timeout=30, require_power=False, migrate=True)
    await careless.open()
    await careless.close()


async def test_a_server_that_is_not_there_is_refused_in_one_sentence() -> None:
    database = PostgresDatabase(
        "postgresql://someone:secret@127.0.0.1:1/none",
        pool_size=2,
        timeout=5,
        require_power=True,
        migrate=True,
    )
    with pytest.raises(Refused, match=r"^cannot use the Postgres database at 127\.0\.0\.1:1: ") as refused:
        await database.open()
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://someone:se/cret@127.0.0.1:1/none",
        "postgresql://someone:se@cret@127.0.0.1:1/none",
        "postgresql://someone:se#cret@127.0.0.1:1/none",
        "postgresql://someone:se?cret@127.0.0.1:1/none",
        "postgresql:///none?host=/nowhere&password=cret",
    ],
)
async def test_no_piece_of_a_password_is_taken_for_a_place(dsn: str) -> None:
    database = PostgresDatabase(dsn, pool_size=2, timeout=5, require_power=True, migrate=True)
    with pytest.raises(Refused, match="cannot use the Postgres database") as refused:
        await database.open()
    assert " at " not in str(refused.value).partition(":")[0]
    assert not {"se", "cret"} & set(re.findall(r"\w+", str(refused.value)))


async def test_after_a_crash_of_the_server_the_pool_connects_again() -> None:
    with temporary_server() as server:
        database = PostgresDatabase(
            server.create("crash"), pool_size=2, timeout=30, require_power=True, migrate=True
        )
        await database.open()
        await database.transact(lambda: put("a", "1"))
        server.kill()
        with pytest.raises(DatabaseError):
            await database.transact(lambda: put("b", "1"))
        server.start()
        assert await value_of(database, "a") == "1"
        assert await database.transact(lambda: put("b", "1")) == "1"
        await database.close()
