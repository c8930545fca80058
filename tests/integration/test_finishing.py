"""Finishing, when several do it at once, when it fails, and when the upload ends meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from protocol.upload import Dialect, Transfer, Upload
from storage_backends.base import Ledger, Segment, Stored
from storage_backends.filesystem import FilesystemBackend
from tusd_py.access.identity import ANONYMOUS
from tusd_py.metadata.database import DatabaseError, Query
from tusd_py.metadata.jobs import JobRows
from tusd_py.metadata.writing import Advance
from tusd_py.uploads.append import append
from tusd_py.uploads.context import Context
from tusd_py.uploads.create import create
from tusd_py.uploads.finish import finish
from tusd_py.uploads.terminate import terminate
from tusd_py.work import runner
from tusd_py.work.purge import purge
from tusd_py.work.runner import holding

from .house import Worker, context_of, housekeeping_of, in_folder, row, working
from .test_uploads import Home, Script, appending, content, creating, events_of, files


class Gate:
    """Everybody waits here until it opens."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    async def pass_through(self) -> None:
        self.reached.set()
        await self.opened.wait()


class SlowBackend(FilesystemBackend):
    """Finishes only when it is let; `before` the bytes are touched, or `after` they are sealed."""

    before: Gate | None = None
    after: Gate | None = None
    finishes = 0

    async def finish(self, segments: Sequence[Segment], ref: str, ledger: Ledger) -> Stored:
        self.finishes += 1
        if self.before is not None:
            await self.before.pass_through()
        stored = await super().finish(segments, ref, ledger)
        if self.after is not None:
            await self.after.pass_through()
        return stored


@asynccontextmanager
async def slow_home(folder: Path, worker: Worker) -> AsyncIterator[tuple[Home, SlowBackend]]:
    async with in_folder(folder, SlowBackend) as backend:
        context = context_of(worker, backend)
        yield Home(worker=worker, context=context, backend=backend, folder=folder / "data"), backend


@asynccontextmanager
async def two_homes(folder: Path) -> AsyncIterator[tuple[Home, Home, SlowBackend]]:
    """Two workers over one folder; the second one's backend is the slow one."""
    async with (
        working(folder) as one,
        working(folder) as other,
        slow_home(folder, one) as (fast, _),
        slow_home(folder, other) as (slow, gated),
    ):
        yield fast, slow, gated


async def in_two_segments(house: Home) -> Upload:
    """All bytes are durable, nothing was assembled yet."""
    upload = (await create(house.context, ANONYMOUS, creating(2000), Script())).upload
    await append(house.context, ANONYMOUS, upload.id, appending(0), Script(b"a" * 1000))
    seized = await house.worker.rows.seize(await row(house.worker, upload.id))
    assert seized is not None
    await house.worker.rows.release(seized)
    async with house.context.leases.acquire(upload.id, patience=1.0) as lease:
        house.folder.joinpath(lease.upload.ref).write_bytes(b"b" * 1000)
        moved = await house.worker.rows.advance(
            Advance(upload=lease.upload, offset=2000, synced=True, release=True), actor="test"
        )
        assert moved is not None
        lease.upload = moved
    assert moved.state is Transfer.COMPLETING
    return moved


async def test_of_two_that_finish_at_once_the_slower_does_not_call_the_file_lost(tmp_path: Path) -> None:
    async with two_homes(tmp_path) as (fast, slow, gated):
        upload = await in_two_segments(fast)
        gated.before = Gate()
        late = asyncio.create_task(finish(slow.context, upload))
        await gated.before.reached.wait()
        await finish(fast.context, upload)
        gated.before.opened.set()
        await late
        assert (await row(fast.worker, upload.id)).state is Transfer.STORED
        assert await content(fast, upload.id) == b"a" * 1000 + b"b" * 1000
        assert len(files(fast)) == 1
        assert "lost" not in slow.worker.meter.seen


async def test_of_two_that_finish_at_once_only_one_file_is_left(tmp_path: Path) -> None:
    async with two_homes(tmp_path) as (fast, slow, gated):
        upload = await in_two_segments(fast)
        gated.after = Gate()
        late = asyncio.create_task(finish(slow.context, upload))
        await gated.after.reached.wait()
        await finish(fast.context, upload)
        gated.after.opened.set()
        await late
        assert await content(fast, upload.id) == b"a" * 1000 + b"b" * 1000
        assert len(files(fast)) == 1
        events = [event["kind"] for event in await fast.worker.database.read(events_of(upload))]
        assert events.count("upload.stored") == 1


async def test_an_upload_that_is_deleted_while_it_is_finished_leaves_no_bytes(tmp_path: Path) -> None:
    async with working(tmp_path) as worker, slow_home(tmp_path, worker) as (house, backend):
        for gate in ("before", "after"):
            upload = await in_two_segments(house)
            setattr(backend, gate, Gate())
            late = asyncio.create_task(finish(house.context, upload))
            await getattr(backend, gate).reached.wait()
            await terminate(house.context, ANONYMOUS, upload.id, Dialect.TUS)
            await purge(backend, housekeeping_of(worker), upload.id)
            getattr(backend, gate).opened.set()
            await late
            assert files(house) == []
            assert "lost" not in worker.meter.seen


async def test_bytes_that_no_row_came_to_name_are_given_back(tmp_path: Path) -> None:
    async with working(tmp_path) as worker, slow_home(tmp_path, worker) as (house, backend):
        upload = await in_two_segments(house)
        bare = (await create(house.context, ANONYMOUS, creating(5), Script())).upload
        before = set(files(house))
        backend.after = Gate()
        late = asyncio.create_task(finish(house.context, upload))
        await backend.after.reached.wait()
        await worker.database.close()
        backend.after.opened.set()
        with pytest.raises(DatabaseError):
            await late
        with pytest.raises(DatabaseError):
            await create(house.context, ANONYMOUS, creating(5, body=5), Script(b"abcde"))
        assert set(files(house)) == before
        await worker.database.open()
        assert (await row(worker, bare.id)).offset == 0


async def test_a_request_and_the_job_share_one_finish(tmp_path: Path) -> None:
    async with working(tmp_path) as worker, slow_home(tmp_path, worker) as (house, backend):
        upload = await in_two_segments(house)
        backend.before = Gate()
        request = asyncio.create_task(finish(house.context, upload))
        await backend.before.reached.wait()
        job = asyncio.create_task(finish(house.context, upload))
        request.cancel()  # it does not wait any longer
        await asyncio.wait([request])
        backend.before.opened.set()
        assert (await job).state is Transfer.STORED
        assert backend.finishes == 1


async def test_a_finish_that_nobody_waits_for_ends_before_the_storage_does(tmp_path: Path) -> None:
    async with working(tmp_path) as worker, slow_home(tmp_path, worker) as (house, backend):
        upload = await in_two_segments(house)
        before = set(files(house))
        backend.after = Gate()
        request = asyncio.create_task(finish(house.context, upload))
        await backend.after.reached.wait()
        request.cancel()
        await house.context.finishes.close()
        assert (await row(worker, upload.id)).state is Transfer.COMPLETING
        assert set(files(house)) >= before
        backend.after = None
        assert (await finish(house.context, upload)).state is Transfer.STORED


CLAIMS = Query("SELECT claimed_by, due_at FROM jobs WHERE consumer = 'finish'")
ALL_DUE = Query("UPDATE jobs SET due_at = 0")


def holding_jobs(house: Home) -> Context:
    jobs, worker = JobRows(house.worker.database), house.worker.id
    return replace(house.context, holding=lambda upload_id: holding(jobs, "finish", upload_id, worker=worker))


async def claimed(worker: Worker) -> None:
    async with asyncio.timeout(20):
        while (await worker.database.read(CLAIMS))[0]["claimed_by"] is None:
            await asyncio.sleep(0.01)


@dataclass(frozen=True, slots=True, kw_only=True)
class LongFinish:
    """A finish that has claimed its job and waits at a gate, and another worker that looks for jobs."""

    worker: Worker
    other: Worker
    context: Context
    upload: Upload
    gate: Gate
    request: asyncio.Task[Upload]


@asynccontextmanager
async def long_finish(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LongFinish]:
    monkeypatch.setattr(runner, "CLAIM_AFTER", 0.0)
    async with (
        working(folder) as worker,
        working(folder) as other,
        slow_home(folder, worker) as (house, backend),
    ):
        upload = await in_two_segments(house)
        backend.before = gate = Gate()
        context = holding_jobs(house)
        request = asyncio.create_task(finish(context, upload))
        await claimed(worker)
        yield LongFinish(
            worker=worker, other=other, context=context, upload=upload, gate=gate, request=request
        )


async def test_a_finish_that_takes_long_is_not_begun_by_another_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with long_finish(tmp_path, monkeypatch) as long:
        await long.worker.database.execute(ALL_DUE)
        assert await JobRows(long.other.database).claim("finish", long.other.id, 10, runner.LEASE) == []
        long.gate.opened.set()
        assert (await long.request).state is Transfer.STORED
        assert await long.worker.database.read(CLAIMS) == []


async def test_a_long_finish_that_failed_is_left_to_whoever_is_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with long_finish(tmp_path, monkeypatch) as long:
        long.request.cancel()
        await long.context.finishes.close()
        (job,) = await JobRows(long.other.database).claim("finish", long.other.id, 10, runner.LEASE)
        assert job.subject == long.upload.id
