"""At most one request writes to an upload, within a worker and between workers."""

import asyncio
from pathlib import Path

import pytest

from protocol.errors import UploadGone, UploadLocked
from protocol.upload import Step, Transfer, UploadId
from tusd_py import leases
from tusd_py.leases import Lease, NotOpen, StopReason
from tusd_py.metadata.database import Buried
from tusd_py.metadata.writing import Advance
from tusd_py.wakeups import Hint, HintKind

from .house import Worker, new_upload, row, working


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is frozen, and whoever is slow is not overtaken."""
    monkeypatch.setattr(leases, "ANSWER_WITHIN", 20.0)
    monkeypatch.setattr(leases, "LET_GO_WITHIN", 20_000_000)


class Writing:
    """A request that holds a lease until it is asked to stop, then commits and lets go."""

    def __init__(self, worker: Worker, upload_id: UploadId, *, obeys: bool = True) -> None:
        self.began = asyncio.Event()
        self.asked = asyncio.Event()
        self.may_end = asyncio.Event()
        if obeys:
            self.may_end.set()
        self.lease: Lease | None = None
        self._task = asyncio.create_task(self._hold(worker, upload_id))

    async def _hold(self, worker: Worker, upload_id: UploadId) -> None:
        async with worker.leases.acquire(upload_id, patience=30.0) as lease:
            self.lease = lease
            lease.stop.on_ask(self.asked.set)
            self.began.set()
            await self.asked.wait()
            await self.may_end.wait()
            saved = Advance(upload=lease.upload, offset=lease.upload.offset + 10, synced=True, release=True)
            moved = await worker.rows.advance(saved, actor="test")
            if moved is not None:
                lease.upload = moved

    async def ended(self) -> None:
        async with asyncio.timeout(10):
            await self._task


@pytest.mark.usefixtures("patient")
async def test_a_newcomer_of_the_same_worker_waits_until_the_writer_has_saved(tmp_path: Path) -> None:
    async with working(tmp_path) as worker:
        upload = await worker.rows.create(new_upload(), actor="test")
        writer = Writing(worker, upload.id)
        await writer.began.wait()
        async with worker.leases.acquire(upload.id, patience=30.0) as lease:
            assert lease.upload.offset == 10
            assert lease.upload.ref == upload.ref
        await writer.ended()
        assert writer.lease is not None
        assert writer.lease.stop.reason is StopReason.INTERRUPTED


@pytest.mark.usefixtures("patient")
async def test_a_newcomer_of_another_worker_asks_and_goes_on_in_the_same_file(tmp_path: Path) -> None:
    async with working(tmp_path) as one, working(tmp_path) as other:
        upload = await one.rows.create(new_upload(), actor="test")
        writer = Writing(one, upload.id)
        await writer.began.wait()
        async with other.leases.acquire(upload.id, patience=30.0) as lease:
            assert lease.upload.offset == 10
            assert lease.upload.ref == upload.ref
        await writer.ended()
        assert other.meter.seen == []


async def test_a_writer_that_does_not_answer_is_overtaken_into_a_new_segment(tmp_path: Path) -> None:
    async with working(tmp_path) as one, working(tmp_path) as other:
        upload = await one.rows.create(new_upload(), actor="test")
        writer = Writing(one, upload.id)
        await writer.began.wait()
        one.wakeups.close()  # as if it were frozen
        async with other.leases.acquire(upload.id, patience=30.0) as lease:
            assert lease.upload.ref != upload.ref
            assert other.meter.seen == ["took over: force"]
            writer.asked.set()  # it wakes, and tries to commit what it has
            await writer.ended()
            assert (await row(other, upload.id)).offset == 0


async def test_what_a_seized_writer_had_committed_stays_as_a_segment(tmp_path: Path) -> None:
    async with working(tmp_path) as one, working(tmp_path) as other:
        upload = await one.rows.create(new_upload(), actor="test")
        held = await one.rows.acquire(upload.id)
        assert held is not None
        held = await one.rows.advance(Advance(upload=held, offset=30, synced=True), actor="test")
        assert held is not None
        seized = await other.rows.seize(held)
        assert seized is not None
        segments = await other.rows.segments(seized.id)
        assert [(one_.offset, one_.length) for one_ in segments] == [(0, 30), (30, 0)]
        assert len({one_.ref for one_ in segments}) == 2
        assert await one.rows.advance(Advance(upload=held, offset=40, synced=True), actor="test") is None


async def test_only_one_of_two_that_seize_at_once_succeeds(tmp_path: Path) -> None:
    async with working(tmp_path) as one, working(tmp_path) as other, working(tmp_path) as third:
        upload = await one.rows.create(new_upload(), actor="test")
        held = await one.rows.acquire(upload.id)
        assert held is not None
        results = await asyncio.gather(other.rows.seize(held), third.rows.seize(held))
        assert sorted(result is None for result in results) == [False, True]


async def test_the_file_of_a_dead_worker_goes_on(tmp_path: Path) -> None:
    async with working(tmp_path) as one, working(tmp_path) as other:
        upload = await one.rows.create(new_upload(), actor="test")
        assert await one.rows.acquire(upload.id) is not None
        one.liveness.close()  # the kernel does this for a process that died
        async with other.leases.acquire(upload.id, patience=30.0) as lease:
            assert lease.upload.ref == upload.ref
        assert other.meter.seen == ["took over: dead"]


@pytest.mark.usefixtures("patient")
async def test_a_lease_that_was_never_given_back_is_given_back_when_asked_for(tmp_path: Path) -> None:
    async with working(tmp_path) as one, working(tmp_path) as other:
        upload = await one.rows.create(new_upload(), actor="test")
        assert await one.rows.acquire(upload.id) is not None  # its request ended without a release
        async with other.leases.acquire(upload.id, patience=30.0) as lease:
            assert lease.upload.ref == upload.ref
        async with one.leases.acquire(upload.id, patience=30.0) as lease:
            assert lease.upload.ref == upload.ref
        assert other.meter.seen == one.meter.seen == []


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("same_worker", [True, False])
async def test_a_writer_that_takes_too_long_to_save_means_423(tmp_path: Path, *, same_worker: bool) -> None:
    async with working(tmp_path) as one, working(tmp_path) as other:
        upload = await one.rows.create(new_upload(), actor="test")
        writer = Writing(one, upload.id, obeys=False)
        await writer.began.wait()
        asker = one if same_worker else other
        with pytest.raises(UploadLocked):
            async with asker.leases.acquire(upload.id, patience=0.7):
                pass
        with pytest.raises(UploadLocked):
            await asker.leases.settle(await row(asker, upload.id), patience=0.7)
        writer.may_end.set()
        await writer.ended()


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("same_worker", [True, False])
async def test_settling_returns_when_the_offset_can_be_told(tmp_path: Path, *, same_worker: bool) -> None:
    async with working(tmp_path) as one, working(tmp_path) as other:
        upload = await one.rows.create(new_upload(), actor="test")
        writer = Writing(one, upload.id)
        await writer.began.wait()
        asker = one if same_worker else other
        await asker.leases.settle(await row(asker, upload.id), patience=30.0)
        settled = await row(asker, upload.id)
        assert (settled.offset, settled.holder) == (10, None)
        await writer.ended()


async def test_settling_a_writer_that_does_not_answer_fences_it(tmp_path: Path) -> None:
    async with working(tmp_path) as one, working(tmp_path) as other:
        upload = await one.rows.create(new_upload(), actor="test")
        held = await one.rows.acquire(upload.id)
        assert held is not None
        one.wakeups.close()
        await other.leases.settle(held, patience=30.0)
        assert (await row(other, upload.id)).holder is None
        assert await one.rows.advance(Advance(upload=held, offset=10, synced=True), actor="test") is None


async def test_a_buried_worker_can_neither_commit_nor_create(tmp_path: Path) -> None:
    async with working(tmp_path) as one, working(tmp_path) as other:
        upload = await one.rows.create(new_upload(), actor="test")
        held = await one.rows.acquire(upload.id)
        assert held is not None
        assert await other.workers.bury(one.id)
        with pytest.raises(Buried):
            await one.rows.advance(Advance(upload=held, offset=10, synced=True), actor="test")
        with pytest.raises(Buried):
            await one.rows.create(new_upload(), actor="test")
        with pytest.raises(Buried):
            await one.workers.renew(one.id, 1)
        assert (await row(other, upload.id)).offset == 0


async def test_nobody_can_write_to_what_is_over(tmp_path: Path) -> None:
    async with working(tmp_path) as worker:
        gone = await worker.rows.create(new_upload(), actor="test")
        assert await worker.rows.end(gone.id, Step.TERMINATE, actor="test") is not None
        with pytest.raises(UploadGone):
            async with worker.leases.acquire(gone.id, patience=1.0):
                pass
        full = await worker.rows.create(new_upload(0), actor="test")
        async with worker.leases.acquire(full.id, patience=1.0) as lease:
            moved = await worker.rows.advance(
                Advance(upload=lease.upload, offset=0, synced=True), actor="test"
            )
            assert moved is not None
            assert moved.state is Transfer.COMPLETING
            lease.upload = moved
        with pytest.raises(NotOpen):
            async with worker.leases.acquire(full.id, patience=1.0):
                pass


async def test_closing_asks_every_writer_to_save(tmp_path: Path) -> None:
    async with working(tmp_path) as worker:
        uploads = [await worker.rows.create(new_upload(), actor="test") for _ in range(5)]
        writers = [Writing(worker, upload.id) for upload in uploads]
        for writer in writers:
            await writer.began.wait()
        async with asyncio.timeout(10):
            await worker.leases.close()
        for upload, writer in zip(uploads, writers, strict=True):
            await writer.ended()
            assert writer.lease is not None
            assert writer.lease.stop.reason is StopReason.SHUTDOWN
            assert (await row(worker, upload.id)).offset == 10


async def test_a_writer_that_does_not_save_in_time_can_be_cut_off(tmp_path: Path) -> None:
    async with working(tmp_path) as worker:
        upload = await worker.rows.create(new_upload(), actor="test")
        writer = Writing(worker, upload.id, obeys=False)
        await writer.began.wait()
        closing = asyncio.create_task(worker.leases.close())
        await writer.asked.wait()
        worker.leases.cut_off()
        async with asyncio.timeout(10):
            await closing
        with pytest.raises(asyncio.CancelledError):
            await writer.ended()
        seen = await row(worker, upload.id)
        assert (seen.offset, seen.holder) == (0, None)


async def test_many_newcomers_get_their_turns_one_after_another(tmp_path: Path) -> None:
    async with working(tmp_path) as one, working(tmp_path) as other:
        upload = await one.rows.create(new_upload(None), actor="test")

        async def turn(worker: Worker) -> None:
            async with worker.leases.acquire(upload.id, patience=30.0) as lease:
                saved = Advance(
                    upload=lease.upload, offset=lease.upload.offset + 1, synced=True, release=True
                )
                moved = await worker.rows.advance(saved, actor="test")
                assert moved is not None
                lease.upload = moved

        await asyncio.gather(*(turn(worker) for worker in (one, other) * 20))
        assert (await row(one, upload.id)).offset == 40


async def test_a_buried_worker_hears_so_when_it_tries_to_write(tmp_path: Path) -> None:
    async with working(tmp_path) as one, working(tmp_path) as other:
        upload = await one.rows.create(new_upload(), actor="test")
        assert await other.workers.bury(one.id)
        async with asyncio.timeout(5):
            with pytest.raises(Buried):
                async with one.leases.acquire(upload.id, patience=1.0):
                    pass


async def test_a_hint_that_meets_a_closed_database_harms_nobody(tmp_path: Path) -> None:
    async with working(tmp_path) as one, working(tmp_path) as other:
        upload = await one.rows.create(new_upload(), actor="test")
        held = await one.rows.acquire(upload.id)
        assert held is not None
        await one.database.close()
        one.leases.heard(Hint(kind=HintKind.RELEASE, upload=upload.id, sender=other.id))
        await one.leases.close()


async def test_a_hint_of_somebody_else_is_no_answer_of_a_frozen_writer(tmp_path: Path) -> None:
    async with working(tmp_path) as one, working(tmp_path) as other:
        upload = await one.rows.create(new_upload(), actor="test")
        assert await one.rows.acquire(upload.id) is not None
        one.wakeups.close()  # as if it were frozen

        async def take() -> None:
            async with other.leases.acquire(upload.id, patience=2.0):
                assert other.meter.seen == ["took over: force"]

        taking = asyncio.create_task(take())
        while not taking.done():
            other.leases.heard(Hint(kind=HintKind.RELEASED, upload=upload.id, sender="a former writer"))
            await asyncio.sleep(0.05)
        await taking
