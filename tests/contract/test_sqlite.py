"""What only SQLite promises: many processes on one host, and nobody else."""

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import LiteralString

import pytest

from tusd_py.errors import Refused
from tusd_py.metadata import links
from tusd_py.metadata.database import DatabaseError, Query, Script
from tusd_py.metadata.event_log import Sought, find_events
from tusd_py.metadata.facts import PRESUMED_GONE
from tusd_py.metadata.host import Host
from tusd_py.metadata.housekeeping import FORGET
from tusd_py.metadata.sqlite import SqliteDatabase
from tusd_py.metadata.sqlite_writer import pause_after
from tusd_py.metadata.statements import for_sqlite
from tusd_py.metadata.totals import TotalRows
from tusd_py.metadata.write_lock import WriteLock, holder, lock_path

from .databases import Store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tusd.db"


def now() -> int:
    return time.time_ns() // 1000


def on(
    path: Path, *, host: Host | None = None, clock: Callable[[], int] = now, **changes: float
) -> SqliteDatabase:
    return SqliteDatabase(
        path,
        durability_full=True,
        clock=clock,
        migrate=bool(changes.get("migrate", True)),
        timeout=changes.get("timeout", 10.0),
        host=host,
    )


async def until(condition: Callable[[], bool]) -> None:
    """The condition, within 10 s."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


_WITHOUT_END = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


async def test_what_takes_too_long_to_browse_is_ended_and_holds_nobody_up(path: Path) -> None:
    database = on(path, timeout=0.5)
    await database.open()
    with pytest.raises(DatabaseError, match=r"did not answer within 0\.5 s"):
        await database.browse(Query(_WITHOUT_END))
    assert await database.browse(Query("SELECT 1 AS one")) == [{"one": 1}]
    await database.close()


async def test_who_waits_behind_a_long_one_and_gives_up_does_not_end_it(path: Path) -> None:
    database = on(path)
    await database.open()
    long = _WITHOUT_END.replace("FROM n)", "FROM n WHERE i < 1000000)")
    first = asyncio.create_task(database.browse(Query(long)))
    second = asyncio.create_task(database.browse(Query("SELECT 1")))
    await asyncio.sleep(0)
    second.cancel()
    assert await first == [{"count(*)": 1_000_000}]
    await database.close()


async def test_what_operators_ask_of_all_rows_does_not_stand_in_the_way_of_requests(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = on(path)
    await database.open()
    monkeypatch.delattr(SqliteDatabase, "read")
    assert await find_events(database, Sought(actor="nobody"), limit=10) == []
    totals = TotalRows(database)
    assert (await totals.stored()).files == await totals.unfinished() == 0
    assert await totals.under_way(10) == []
    await database.close()


async def test_scripts_that_wait_share_one_commit(path: Path) -> None:
    database = on(path)
    await database.open()
    commits_before = _commits(path)

    def touch(name: str) -> Script[None]:
        yield Query("INSERT INTO facts (name, value, updated_at) VALUES (:name, '', {now})", {"name": name})

    lock = WriteLock(path)
    with lock.held():
        tasks = [asyncio.create_task(database.transact(partial(touch, f"{n}"))) for n in range(100)]
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    assert _commits(path) - commits_before == 1
    lock.close()
    await database.close()


async def plan_of(path: Path, text: LiteralString) -> list[str]:
    database = on(path)
    await database.open()
    await database.close()
    statement = for_sqlite(text)
    with closing(sqlite3.connect(path)) as connection:
        params = statement.values(dict.fromkeys(statement.names, 1), 1)
        return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement.text}", params)]


async def test_what_is_forgotten_is_found_without_a_look_at_every_job(path: Path) -> None:
    """A hundred thousand files may wait for a scanner, and the write lock is held meanwhile."""
    steps = await plan_of(path, FORGET)
    assert [step for step in steps if step.startswith("SEARCH j ")]
    assert not [step for step in steps if step.startswith(("SCAN j", "SCAN c"))]


async def test_a_link_is_forgotten_without_a_look_at_every_link(path: Path) -> None:
    steps = await plan_of(path, links.FORGET)
    assert [step for step in steps if step.startswith("SEARCH links ")]
    assert not [step for step in steps if step.startswith("SCAN")]


async def test_scripts_of_many_callers_are_gathered_and_a_lone_one_waits_for_nobody(path: Path) -> None:
    assert pause_after(1) == 0.0
    database = on(path)
    await database.open()
    try:
        commits_before = _commits(path)
        await asyncio.gather(*(_twenty(database, f"{caller}") for caller in range(16)))
        assert _commits(path) - commits_before < 16 * 20 / 4
    finally:
        await database.close()


async def _twenty(database: SqliteDatabase, caller: str) -> None:
    for number in range(20):
        insert = "INSERT INTO facts (name, value, updated_at) VALUES (:name, '', {now})"
        await database.execute(Query(insert, {"name": f"{caller}.{number}"}))


def _commits(path: Path) -> int:
    """SQLite counts them in the log: frames that carry a database size (sqlite.org/fileformat2.html, 4.1)."""
    log = path.with_name(path.name + "-wal").read_bytes()
    page = int.from_bytes(log[8:12], "big")
    frames = range(32, len(log) - page - 23, page + 24)
    return sum(1 for frame in frames if int.from_bytes(log[frame + 4 : frame + 8], "big"))


async def test_a_script_that_got_no_turn_in_time_never_runs(path: Path) -> None:
    database = on(path)
    await database.open()
    ran = []

    def script() -> Script[None]:
        ran.append(1)
        yield Query("SELECT 1 AS one")

    lock = WriteLock(path)
    with lock.held(), pytest.raises(DatabaseError, match="no turn"):
        await database.transact(script, patience=0.05)
    await database.transact(script)
    assert ran == [1]
    lock.close()
    await database.close()


async def test_a_cancelled_script_that_had_not_begun_never_runs(path: Path) -> None:
    database = on(path)
    await database.open()
    ran = []

    def script() -> Script[None]:
        ran.append(1)
        yield Query("SELECT 1 AS one")

    lock = WriteLock(path)
    with lock.held():
        task = asyncio.create_task(database.transact(script))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await database.transact(script)
    assert ran == [1]
    lock.close()
    await database.close()


async def test_a_disk_that_is_full_fails_the_batch_and_loses_nothing_before(path: Path) -> None:
    store = Store("sqlite", str(path))
    process = await store.process("fill")
    output, _ = await process.communicate()
    *promised, failure = output.decode().split()
    assert process.returncode == 0
    assert failure in ("DatabaseError", "OutcomeUnknown")
    assert promised
    with sqlite3.connect(path) as rows:
        found = {name for (name,) in rows.execute("SELECT name FROM facts")}
        assert rows.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    rows.close()
    assert found >= set(promised)


async def test_a_worker_frozen_inside_of_a_commit_is_seen(path: Path) -> None:
    """Stopped at random until it happens to hold the lock."""
    process = await Store("sqlite", str(path)).process("count")
    assert process.stdout is not None
    await process.stdout.readline()
    lock = lock_path(path)

    def is_caught() -> bool:
        os.kill(process.pid, signal.SIGSTOP)
        if holder(lock) is not None and holder(lock) == holder(lock):
            return True
        os.kill(process.pid, signal.SIGCONT)
        return False

    await until(is_caught)
    found = holder(lock)
    assert found is not None
    assert found.pid == process.pid
    if found.held_since_ns:
        assert 0 < time.monotonic_ns() - found.held_since_ns < 30 * 10**9
    process.kill()
    await process.communicate()
    assert holder(lock) is None
    database = on(path)
    await database.open()
    await database.close()


async def test_two_busy_processes_both_get_their_turns(path: Path) -> None:
    store = Store("sqlite", str(path))
    first = on(path)
    await first.open()
    await first.close()
    found = []
    for _ in range(3):  # who starves does so each time; who ran alone while the other was held up does not
        processes = [await store.process("saturate") for _ in range(2)]
        outputs = [await process.communicate() for process in processes]
        rounds, slowest = zip(*(map(float, output.split()) for output, _ in outputs), strict=True)
        if min(rounds) > 0.2 * sum(rounds):
            return
        found.append(f"rounds {rounds}, slowest 1 %: {slowest} ms")
    raise AssertionError("; ".join(found))


HERE = Host(boot="boot-a", machine="machine-a")
REBOOTED = Host(boot="boot-b", machine="machine-a")
CONTAINER = Host(boot="boot-a", machine="")
ELSEWHERE = Host(boot="boot-c", machine="machine-c")


@pytest.mark.parametrize("same", [HERE, REBOOTED, CONTAINER], ids=str)
async def test_the_same_host_may_come_back_at_once(path: Path, same: Host) -> None:
    first = on(path, host=HERE)
    await first.open()
    second = on(path, host=same)
    await second.open()
    await second.close()
    await first.close()


async def test_another_host_is_refused_until_the_first_is_long_gone(path: Path) -> None:
    time_now = now()
    first = on(path, host=HERE, clock=lambda: time_now)
    await first.open()
    await first.close()
    with pytest.raises(Refused, match="another host"):
        await on(path, host=ELSEWHERE, clock=lambda: time_now + PRESUMED_GONE - 1).open()
    late = on(path, host=ELSEWHERE, clock=lambda: time_now + PRESUMED_GONE)
    await late.open()
    await late.close()


async def test_an_old_schema_is_refused_where_it_may_not_be_changed(path: Path) -> None:
    with pytest.raises(Refused, match="0001_initial") as refused:
        await on(path, migrate=False).open()
    assert "tusd-py migrate" in refused.value.hint
    willing = on(path)
    await willing.open()
    await willing.close()
    content = on(path, migrate=False)
    await content.open()
    await content.close()


async def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    await asyncio.to_thread(path.write_bytes, b"this is a letter to my aunt" * 100)
    with pytest.raises(Refused, match="cannot open"):
        await on(path).open()


async def test_nobody_else_may_read_the_rows(path: Path) -> None:
    database = on(path)
    await database.open()
    assert _readable_by_others(path.parent) == []
    await database.close()


def _readable_by_others(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir() if file.stat().st_mode & 0o077]


async def test_what_statements_put_aside_stays_in_memory(tmp_path: Path) -> None:
    """SQLite's default is /var/tmp."""
    database = SqliteDatabase(
        tmp_path / "tusd.db", durability_full=False, clock=lambda: time.time_ns() // 1000, migrate=True
    )
    await database.open()
    try:
        asked = Query("PRAGMA temp_store")
        assert [dict(row) for row in await database.read(asked)] == [{"temp_store": 2}]
        assert [dict(row) for row in await database.execute(asked)] == [{"temp_store": 2}]
    finally:
        await database.close()
