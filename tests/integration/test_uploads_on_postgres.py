"""Uploads on Postgres: its types, its locks, and what READ COMMITTED lets happen at once."""

import asyncio
import random
from pathlib import Path

import asyncpg
import pytest

from protocol.errors import UploadGone
from protocol.upload import Dialect, Step, Transfer, UploadId
from storage_backends.base import Synced
from tusd_py.access.identity import ANONYMOUS
from tusd_py.metadata.database import Buried, DatabaseError, Query
from tusd_py.metadata.files import FileRows
from tusd_py.metadata.writing import Advance
from tusd_py.uploads.append import Appended, append
from tusd_py.uploads.create import create
from tusd_py.uploads.offset import current_offset
from tusd_py.uploads.terminate import terminate
from tusd_py.work.purge import purge
from tusd_py.work.reaper import reap
from tusd_py.work.sweep import sweep
from tusd_py.work.syncer import ORPHANED, adopt_unsynced, lose_unsynced

from .house import DAY, Clock, Worker, context_of, housekeeping_of, new_upload, row, working
from .test_uploads import Home, Script, appending, content, creating, events_of, files, home, made, sent

BUSY = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'
"""


async def test_the_life_of_an_upload_is_the_same(tmp_path: Path, postgres_dsn: str) -> None:
    clock = Clock()
    async with home(tmp_path, clock=clock, dsn=postgres_dsn) as house:
        upload = await made(house, None)
        await sent(house, upload, 0, b"a" * 1000)
        seized = await house.worker.rows.seize(await row(house.worker, upload.id))
        assert seized is not None
        await house.worker.rows.release(seized)
        last = await append(
            house.context, ANONYMOUS, upload.id, appending(1000, length=2000), Script(b"b" * 1000)
        )
        assert last.upload.state is Transfer.STORED
        assert await content(house, upload.id) == b"a" * 1000 + b"b" * 1000
        assert len(files(house)) == 1
        kinds = [event["kind"] for event in await house.worker.database.read(events_of(upload))]
        assert kinds == [
            "upload.created",
            "upload.receiving",
            "upload.seized",
            "upload.completing",
            "upload.stored",
        ]
        assert len(await FileRows(house.worker.database).page(("", 0), 10)) == 1
        assert len(await housekeeping_of(house.worker).page("", 10)) == 1


async def test_ends_are_the_same(tmp_path: Path, postgres_dsn: str) -> None:
    clock = Clock()
    async with home(tmp_path, clock=clock, dsn=postgres_dsn) as house:
        ended, expiring, kept = [await made(house, 10) for _ in range(3)]
        for upload, body in ((ended, b"0123456789"), (expiring, b"0123"), (kept, b"0123456789")):
            await sent(house, upload, 0, body)
        await terminate(house.context, ANONYMOUS, ended.id, Dialect.TUS)
        with pytest.raises(UploadGone):
            await current_offset(house.context, ANONYMOUS, ended.id, Dialect.TUS)
        clock.ahead = DAY + 1_000_000
        housekeeping = housekeeping_of(house.worker)
        assert await reap(house.context, housekeeping) == 1
        for upload in (ended, expiring):
            await purge(house.backend, housekeeping, upload.id)
        assert await content(house, kept.id) == b"0123456789"
        assert len(files(house)) == 1
        assert await sweep(house.backend, housekeeping, house.worker.workers) == []
        assert await house.worker.rows.find(kept.id) is None


async def test_of_many_whole_bodies_at_once_exactly_one_counts(tmp_path: Path, postgres_dsn: str) -> None:
    async with home(tmp_path, dsn=postgres_dsn) as house, working(tmp_path, dsn=postgres_dsn) as other:
        contexts = [house.context, context_of(other, house.backend)]
        for _ in range(5):
            upload = await made(house, 10)
            results = await asyncio.gather(
                *(
                    append(contexts[n % 2], ANONYMOUS, upload.id, appending(0, body=10), Script(letter * 10))
                    for n, letter in enumerate((b"a", b"b", b"c", b"d", b"e", b"f"))
                ),
                return_exceptions=True,
            )
            assert sum(isinstance(result, Appended) for result in results) == 1
            assert len(set(await content(house, upload.id))) == 1
        assert len(files(house)) == 5


async def test_many_newcomers_of_two_workers_get_their_turns(tmp_path: Path, postgres_dsn: str) -> None:
    async with working(tmp_path, dsn=postgres_dsn) as one, working(tmp_path, dsn=postgres_dsn) as other:
        upload = await one.rows.create(new_upload(None), actor="test")

        async def turn(worker: Worker) -> None:
            async with worker.leases.acquire(upload.id, patience=30.0) as lease:
                saved = Advance(
                    upload=lease.upload, offset=lease.upload.offset + 1, synced=False, release=True
                )
                moved = await worker.rows.advance(saved, actor="test")
                assert moved is not None
                lease.upload = moved

        await asyncio.gather(*(turn(worker) for worker in (one, other) * 8))
        assert (await row(one, upload.id)).offset == 16


async def test_a_burial_meets_commits_of_its_worker(tmp_path: Path, postgres_dsn: str) -> None:
    async with home(tmp_path, dsn=postgres_dsn) as house, working(tmp_path, dsn=postgres_dsn) as other:
        upload = await made(house, 10)
        held = await house.worker.rows.acquire(upload.id)
        assert held is not None
        house.worker.liveness.close()
        assert await other.burials().bury() == 1
        for refused in (
            house.worker.rows.create(new_upload(), actor="test"),
            house.worker.rows.advance(Advance(upload=held, offset=1, synced=True), actor="test"),
            house.worker.rows.seize(held),
            house.worker.rows.acquire(upload.id),
        ):
            with pytest.raises(Buried):
                await refused
        async with other.leases.acquire(upload.id, patience=1.0) as lease:
            assert lease.upload.ref == upload.ref


async def test_rows_tell_what_is_synced(tmp_path: Path, postgres_dsn: str) -> None:
    clock = Clock()
    async with home(tmp_path, clock=clock, dsn=postgres_dsn) as house:
        rows, housekeeping = house.worker.rows, housekeeping_of(house.worker)
        uploads = [await made(house, 3000) for _ in range(2)]
        for upload in uploads:
            held = await rows.acquire(upload.id)
            assert held is not None
            moved = await rows.advance(
                Advance(upload=held, offset=1000, synced=False, release=True), actor="test"
            )
            assert moved is not None
            assert (moved.synced_offset, moved.dirty_boot) == (0, "this boot")
        first, second = uploads
        clock.ahead = ORPHANED + 1_000_000
        assert len(await housekeeping.left_dirty("this boot", ORPHANED, 10)) == 2
        await adopt_unsynced(house.backend, housekeeping, "this boot")
        await housekeeping.raise_synced([Synced(upload_id=first.id, ref=first.ref, start=0, offset=1000)])
        assert (await row(house.worker, first.id)).dirty_boot is None
        assert await lose_unsynced(house.context, housekeeping, "another boot") == 1
        assert (await row(house.worker, second.id)).state is Transfer.LOST


async def test_a_post_with_a_body_is_one_commit(tmp_path: Path, postgres_dsn: str) -> None:
    async with home(tmp_path, dsn=postgres_dsn) as house:
        done = await create(house.context, ANONYMOUS, creating(5, body=5), Script(b"abcde"))
        assert done.upload.state is Transfer.STORED
        assert await content(house, done.upload.id) == b"abcde"


async def test_what_was_answered_is_there_however_often_connections_are_cut(
    tmp_path: Path, postgres_dsn: str, seed: int
) -> None:
    """Small uploads share transactions: whoever is answered must have been in one that was committed."""
    dice = random.Random(seed)
    answered: dict[UploadId, bytes] = {}
    cut = 0

    async def client(house: Home, name: int) -> None:
        for number in range(30):
            body = b"%d of %d" % (number, name)
            try:
                done = await create(
                    house.context, ANONYMOUS, creating(len(body), body=len(body)), Script(body)
                )
            except DatabaseError:
                continue
            answered[done.upload.id] = body

    async with home(tmp_path, dsn=postgres_dsn) as house:
        killer = await asyncpg.connect(postgres_dsn)
        clients = [asyncio.create_task(client(house, name)) for name in range(16)]
        while not all(one.done() for one in clients):
            found = await killer.fetch(BUSY)
            if found and dice.random() < 0.05:
                cut += await killer.fetchval("SELECT pg_terminate_backend($1)", dice.choice(found)["pid"])
        await asyncio.gather(*clients)
        await killer.close()
        for upload_id, body in answered.items():
            assert (await row(house.worker, upload_id)).state is Transfer.STORED
            assert await content(house, upload_id) == body
        assert answered
        assert cut


async def test_a_worker_goes_on_when_a_newer_version_adds_a_column(tmp_path: Path, postgres_dsn: str) -> None:
    async with working(tmp_path, dsn=postgres_dsn) as worker, working(tmp_path, dsn=postgres_dsn) as newer:
        one, other = [await worker.rows.create(new_upload(), actor="test") for _ in range(2)]
        assert await worker.rows.end(one.id, Step.TERMINATE, actor="test") is not None
        await newer.database.execute(Query("ALTER TABLE uploads ADD COLUMN of_the_future TEXT"))
        # The connection has prepared the statements for the table as it was.
        assert await worker.rows.end(other.id, Step.TERMINATE, actor="test") is not None
