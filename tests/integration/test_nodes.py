"""Leases between nodes: one Postgres, no locks and no sockets in common."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from protocol.errors import UploadLocked
from protocol.upload import Upload
from tests.harness.server import until
from tests.services.postgres import PostgresServer
from tusd_py.leases import StopReason
from tusd_py.metadata.postgres_notices import Deaf, PostgresNotices
from tusd_py.metadata.writing import Advance
from tusd_py.standing import Standing

from .house import Worker, new_upload, node, row
from .test_leases import Writing, patient

__all__ = ["patient"]

PATIENCE = 30.0
"""Seconds; nothing here waits for its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two nodes, and whether they listen."""

    one: Worker
    other: Worker


@pytest.fixture(params=["both listen", "one polls", "the other polls", "both poll"])
async def pair(request: pytest.FixtureRequest, tmp_path: Path, postgres_dsn: str) -> AsyncIterator[Pair]:
    listening = {"both listen": (1, 1), "one polls": (0, 1), "the other polls": (1, 0)}
    first, second = listening.get(request.param, (0, 0))
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(node(tmp_path / "1", dsn=postgres_dsn, listens=bool(first)))
        other = await stack.enter_async_context(node(tmp_path / "2", dsn=postgres_dsn, listens=bool(second)))
        yield Pair(one=one, other=other)


async def begun(worker: Worker) -> tuple[Upload, Writing]:
    upload = await worker.rows.create(new_upload(), actor="test")
    writer = Writing(worker, upload.id)
    await writer.began.wait()
    return upload, writer


@pytest.mark.usefixtures("patient")
async def test_a_newcomer_on_another_node_asks_and_goes_on_in_the_same_file(pair: Pair) -> None:
    upload, writer = await begun(pair.one)
    async with pair.other.leases.acquire(upload.id, patience=PATIENCE) as lease:
        assert lease.upload.offset == 10
        assert lease.upload.ref == upload.ref
    await writer.ended()
    assert writer.lease is not None
    assert writer.lease.stop.reason is StopReason.INTERRUPTED
    assert pair.other.meter.seen == []


@pytest.mark.usefixtures("patient")
async def test_the_offset_is_told_when_the_writer_on_another_node_has_saved(pair: Pair) -> None:
    upload, writer = await begun(pair.one)
    await pair.other.leases.settle(await row(pair.other, upload.id), patience=PATIENCE)
    settled = await row(pair.other, upload.id)
    assert (settled.offset, settled.holder) == (10, None)
    await writer.ended()


async def test_a_writer_on_another_node_that_takes_long_to_save_is_not_overtaken(pair: Pair) -> None:
    upload = await pair.one.rows.create(new_upload(), actor="test")
    writer = Writing(pair.one, upload.id, obeys=False)
    await writer.began.wait()
    with pytest.raises(UploadLocked):
        async with pair.other.leases.acquire(upload.id, patience=2.6):
            pass
    assert writer.asked.is_set()
    assert pair.other.meter.seen == []
    writer.may_end.set()
    await writer.ended()
    assert (await row(pair.other, upload.id)).offset == 10


@pytest.mark.usefixtures("patient")
async def test_a_lease_that_was_never_given_back_is_given_back_when_another_node_asks(pair: Pair) -> None:
    upload = await pair.one.rows.create(new_upload(), actor="test")
    assert await pair.one.rows.acquire(upload.id) is not None
    async with pair.other.leases.acquire(upload.id, patience=PATIENCE) as lease:
        assert lease.upload.ref == upload.ref
    assert pair.other.meter.seen == []


@pytest.mark.usefixtures("patient")
async def test_many_newcomers_of_all_nodes_get_their_turns(pair: Pair) -> None:
    upload = await pair.one.rows.create(new_upload(None), actor="test")

    async def turn(worker: Worker) -> None:
        async with worker.leases.acquire(upload.id, patience=PATIENCE) as lease:
            saved = Advance(upload=lease.upload, offset=lease.upload.offset + 1, synced=True, release=True)
            moved = await worker.rows.advance(saved, actor="test")
            assert moved is not None
            lease.upload = moved

    await asyncio.gather(*(turn(worker) for worker in (pair.one, pair.other) * 8))
    assert (await row(pair.one, upload.id)).offset == 16


@pytest.mark.parametrize("listens", [True, False])
async def test_a_node_that_does_not_answer_is_overtaken_into_a_new_segment(
    tmp_path: Path, postgres_dsn: str, *, listens: bool
) -> None:
    async with (
        node(tmp_path / "1", dsn=postgres_dsn, listens=listens, hears=False) as one,
        node(tmp_path / "2", dsn=postgres_dsn, listens=listens) as other,
    ):
        upload, writer = await begun(one)
        if one.notices is not None:
            await one.notices.close()  # as if it were frozen
        async with other.leases.acquire(upload.id, patience=PATIENCE) as lease:
            assert lease.upload.ref != upload.ref
            writer.asked.set()  # it wakes, and tries to commit what it has
            await writer.ended()
        assert other.meter.seen == ["took over: force"]
        assert (await row(other, upload.id)).offset == 0


async def test_a_node_that_is_gone_is_not_asked_any_more(tmp_path: Path, postgres_dsn: str) -> None:
    async with node(tmp_path / "1", dsn=postgres_dsn) as one, node(tmp_path / "2", dsn=postgres_dsn) as other:
        upload, writer = await begun(one)
        assert await other.standings.of(one.id) is Standing.FAR
        await one.workers.renew(one.id, -1)
        assert await other.standings.of(one.id) is Standing.SILENT
        await other.leases.settle(await row(other, upload.id), patience=PATIENCE)
        assert not writer.asked.is_set()
        assert other.meter.seen == ["took over: force"]
        writer.asked.set()
        await writer.ended()
        assert (await row(other, upload.id)).offset == 0


async def test_a_node_whose_lock_is_not_here_is_not_dead(tmp_path: Path, postgres_dsn: str) -> None:
    async with node(tmp_path / "1", dsn=postgres_dsn) as one, node(tmp_path / "2", dsn=postgres_dsn) as other:
        assert other.liveness.is_dead(one.id), "the file is not in this folder"
        assert await other.standings.of(one.id) is Standing.FAR


def _listen(*workers: Worker) -> bool:
    return all(worker.notices is not None and worker.notices.listens for worker in workers)


@pytest.mark.usefixtures("patient")
async def test_listening_goes_on_after_the_connection_was_cut(
    tmp_path: Path, postgres_dsn: str, postgres_server: PostgresServer
) -> None:
    async with node(tmp_path / "1", dsn=postgres_dsn) as one, node(tmp_path / "2", dsn=postgres_dsn) as other:
        database = postgres_dsn.rpartition("/")[2]
        ours = f"application_name = 'tusd-py notices' AND datname = '{database}'"
        listed = f"SELECT pid FROM pg_stat_activity WHERE {ours}"
        before = set(postgres_server.sql(listed).split())
        assert len(before) == 2
        postgres_server.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours}")
        await until(
            lambda: len(set(postgres_server.sql(listed).split()) - before) == 2, "two new ones", PATIENCE
        )
        await until(lambda: _listen(one, other), "they listen again", PATIENCE)
        upload, writer = await begun(one)
        async with other.leases.acquire(upload.id, patience=PATIENCE) as lease:
            assert lease.upload.ref == upload.ref
        await writer.ended()


async def test_many_texts_arrive_together_and_whole(tmp_path: Path, postgres_dsn: str) -> None:
    async with node(tmp_path / "1", dsn=postgres_dsn) as one:
        arrived: list[str] = []
        notices = PostgresNotices(one.database, dsn=postgres_dsn, worker="b" * 16, seconds=5.0)
        await notices.open(arrived.append, listen=True)
        try:
            assert one.notices is not None
            sent = [f"{number} {'x' * 300}" for number in range(1000)]
            for line in sent:
                one.notices.send("b" * 16, line)
            await until(lambda: len(arrived) >= len(sent), "all arrived", PATIENCE)
            assert arrived == sent
        finally:
            await notices.close()


async def test_another_database_is_noticed_because_nothing_arrives(
    tmp_path: Path, postgres_dsn: str, postgres_server: PostgresServer
) -> None:
    elsewhere = postgres_server.create(f"elsewhere_{tmp_path.name[-8:]}")
    async with node(tmp_path / "1", dsn=postgres_dsn, listens=False) as one:
        notices = PostgresNotices(one.database, dsn=elsewhere, worker="b" * 16, seconds=5.0)
        with pytest.raises(Deaf, match="same database"):
            await notices.open(lambda _: None, listen=True)
        assert not notices.listens


async def test_a_connection_to_listen_on_that_is_refused_is_said(tmp_path: Path, postgres_dsn: str) -> None:
    async with node(tmp_path / "1", dsn=postgres_dsn, listens=False) as one:
        notices = PostgresNotices(one.database, dsn=postgres_dsn + "_not_there", worker="b" * 16, seconds=5.0)
        with pytest.raises(Deaf, match="no connection to listen on"):
            await notices.open(lambda _: None, listen=True)


async def test_nobody_but_the_asker_of_a_row_moves_its_deadline(pair: Pair) -> None:
    upload = await pair.one.rows.create(new_upload(), actor="test")
    held = await pair.one.rows.acquire(upload.id)
    assert held is not None
    first = await pair.other.rows.ask(held, within=60_000_000)
    second = await pair.other.rows.ask(held, within=90_000_000)
    assert first is not None
    assert second is not None
    assert first.upload.releasing_until == second.upload.releasing_until
    await pair.one.rows.release(held)
    assert await pair.other.rows.ask(held, within=1) is None
