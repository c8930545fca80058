"""The workers table on both databases."""

import asyncio
from functools import partial

import pytest

from tusd_py.metadata.database import Buried, Conflict, Database, Query, Script
from tusd_py.metadata.workers import WorkerRows

from .databases import Another

MINUTE = 60_000_000


async def test_a_registered_worker_is_alive_and_found(database: Database) -> None:
    workers = WorkerRows(database)
    await workers.register("a1", "host", "boot", "/run/a1.sock", MINUTE)
    found = await workers.find("a1")
    assert found is not None
    assert (found.host, found.boot_id, found.address) == ("host", "boot", "/run/a1.sock")
    assert found.is_alive
    assert not found.is_buried
    assert await workers.alive() == await workers.unburied() == [found]
    assert await workers.find("a2") is None


async def test_an_id_is_used_once(database: Database) -> None:
    workers = WorkerRows(database)
    await workers.register("a1", "host", "boot", "", MINUTE)
    with pytest.raises(Conflict):
        await workers.register("a1", "host", "boot", "", MINUTE)


async def test_a_worker_that_does_not_renew_is_not_alive_but_not_buried(database: Database) -> None:
    workers = WorkerRows(database)
    await workers.register("a1", "host", "boot", "", -1)
    assert await workers.alive() == []
    assert [worker.id for worker in await workers.unburied()] == ["a1"]
    await workers.renew("a1", MINUTE)
    assert [worker.id for worker in await workers.alive()] == ["a1"]


async def test_a_buried_worker_stays_buried(database: Database) -> None:
    workers = WorkerRows(database)
    await workers.register("a1", "host", "boot", "", MINUTE)
    assert await workers.bury("a1")
    assert not await workers.bury("a1")
    with pytest.raises(Buried):
        await workers.renew("a1", MINUTE)
    assert await workers.alive() == await workers.unburied() == []
    found = await workers.find("a1")
    assert found is not None
    assert found.is_buried


async def test_nobody_renews_who_never_registered(database: Database) -> None:
    with pytest.raises(Buried):
        await WorkerRows(database).renew("a1", MINUTE)


def commit(name: str) -> Script[bool]:
    """As every commit of a worker asks."""
    rows = yield Query(
        """
        INSERT INTO facts (name, value, updated_at)
        SELECT CAST(:name AS TEXT), 'a1', {now}
        WHERE EXISTS (SELECT 1 FROM workers w WHERE w.id = 'a1' AND w.buried = 0 {for_share})
        RETURNING name
        """,
        {"name": name},
    )
    return bool(rows)


async def test_no_commit_of_a_worker_ends_after_its_burial(database: Database, another: Another) -> None:
    workers = WorkerRows(await another())
    await workers.register("a1", "host", "boot", "", MINUTE)
    commits = [asyncio.create_task(database.transact(partial(commit, f"{n}"))) for n in range(40)]
    await workers.bury("a1")
    counted = Query("SELECT count(*) AS n FROM facts WHERE value = 'a1'")
    at_burial = (await database.read(counted))[0]["n"]
    succeeded = sum(await asyncio.gather(*commits))
    assert (await database.read(counted))[0]["n"] == at_burial == succeeded


async def test_a_busy_worker_can_renew(database: Database) -> None:
    workers = WorkerRows(database)
    await workers.register("a1", "host", "boot", "", MINUTE)
    stop = asyncio.Event()

    async def commit_on_and_on(client: int) -> None:
        n = 0
        while not stop.is_set():
            await database.transact(partial(commit, f"{client}-{n}"))
            n += 1

    clients = [asyncio.create_task(commit_on_and_on(client)) for client in range(16)]
    async with asyncio.timeout(60):
        for _ in range(20):
            await workers.renew("a1", MINUTE)
    stop.set()
    await asyncio.gather(*clients)
