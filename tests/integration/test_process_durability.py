"""Durability "process": what is synced in the background, and what is said after the machine went down."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from protocol.upload import Dialect, Transfer, Upload
from storage_backends.base import Durability, StorageBroken, Synced
from storage_backends.filesystem import FilesystemBackend
from tusd_py.access.identity import ANONYMOUS
from tusd_py.metadata.database import Query
from tusd_py.uploads.append import append
from tusd_py.uploads.callbacks import Callbacks
from tusd_py.uploads.context import Context
from tusd_py.uploads.create import create
from tusd_py.uploads.terminate import terminate
from tusd_py.work.purge import purge
from tusd_py.work.syncer import ORPHANED, adopt_unsynced, lose_unsynced, sync_written

from .house import DAY, Clock, Worker, context_of, housekeeping_of, in_folder, row, working
from .test_concatenation import final, partial, stored
from .test_uploads import Home, Script, appending, content, creating, files, sent

BOOT = "this boot"


@pytest.fixture(params=["sqlite", "postgres"])
def dsn(request: pytest.FixtureRequest) -> str:
    """Of an empty database; "" is SQLite."""
    return str(request.getfixturevalue("postgres_dsn")) if request.param == "postgres" else ""


@asynccontextmanager
async def forgetful_home(folder: Path, clock: Clock | None = None, *, dsn: str = "") -> AsyncIterator[Home]:
    async with (
        in_folder(folder, FilesystemBackend, Durability.PROCESS) as backend,
        working(folder, clock, dsn=dsn) as worker,
    ):
        context = context_of(worker, backend)
        context = replace(context, rules=replace(context.rules, survives_power=False))
        yield Home(worker=worker, context=context, backend=backend, folder=folder / "data")


async def begun(house: Home, *, length: int = 3000, body: bytes = b"x" * 1000) -> Upload:
    upload = (await create(house.context, ANONYMOUS, creating(length), Script())).upload
    return (await append(house.context, ANONYMOUS, upload.id, appending(0), Script(body))).upload


async def synced(house: Home) -> None:
    # A fact is told on two calls in a row: at the first one its commit may still be on the way.
    for _ in range(2):
        await sync_written(house.backend, housekeeping_of(house.worker), BOOT)


async def test_the_background_syncer_cleans_rows(tmp_path: Path) -> None:
    async with forgetful_home(tmp_path) as house:
        upload = await begun(house)
        assert (upload.synced_offset, upload.dirty_boot) == (0, BOOT)
        await synced(house)
        clean = await row(house.worker, upload.id)
        assert (clean.synced_offset, clean.dirty_boot) == (1000, None)


async def test_small_uploads_are_cleaned_too(tmp_path: Path) -> None:
    async with forgetful_home(tmp_path) as house:
        whole = await create(house.context, ANONYMOUS, creating(5, body=5), Script(b"abcde"))
        assert whole.upload.dirty_boot == BOOT
        await synced(house)
        assert (await row(house.worker, whole.upload.id)).dirty_boot is None


async def test_what_was_not_synced_before_the_machine_went_down_is_lost_never_zeros(tmp_path: Path) -> None:
    async with forgetful_home(tmp_path) as house:
        safe = await begun(house)
        await synced(house)
        unsafe, finished = await begun(house), await begun(house, length=1000)
        assert finished.state is Transfer.STORED
        assert await lose_unsynced(house.context, housekeeping_of(house.worker), "another boot") == 2
        assert (await row(house.worker, safe.id)).state is Transfer.RECEIVING
        assert (await row(house.worker, unsafe.id)).state is Transfer.LOST
        version = await house.context.files.of_upload(finished.id)
        assert version is not None
        assert version.is_lost


async def test_what_a_dead_worker_left_unsynced_is_adopted(tmp_path: Path) -> None:
    clock = Clock()
    async with forgetful_home(tmp_path, clock) as house:
        dead = await begun(house)
        seized = await house.worker.rows.seize(dead)
        assert seized is not None
        await house.worker.rows.release(seized)
        await append(house.context, ANONYMOUS, dead.id, appending(1000), Script(b"y" * 500))
    async with forgetful_home(tmp_path, clock) as house:
        await adopt_unsynced(house.backend, housekeeping_of(house.worker), BOOT)
        await synced(house)
        assert (await row(house.worker, dead.id)).synced_offset == 0, "its own worker may still do it"
        clock.ahead = ORPHANED + 1_000_000
        for expected in (1000, 1500):
            await adopt_unsynced(house.backend, housekeeping_of(house.worker), BOOT)
            await synced(house)
            assert (await row(house.worker, dead.id)).synced_offset == expected
        assert (await row(house.worker, dead.id)).dirty_boot is None


async def test_what_could_not_be_synced_is_adopted_by_nobody_and_lost_by_the_next_boot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel tells of such a failure once: the sync of another process would seem to succeed."""
    clock = Clock()
    async with forgetful_home(tmp_path, clock) as house:
        upload = await begun(house)
        with monkeypatch.context() as failing:
            failing.setattr(os, "fdatasync", _fail)
            with pytest.raises(StorageBroken):
                await sync_written(house.backend, housekeeping_of(house.worker), BOOT)
    async with forgetful_home(tmp_path, clock) as house:
        # As another process, which goes on in the same file.
        await append(house.context, ANONYMOUS, upload.id, appending(1000), Script(b"y" * 500))
        clock.ahead = ORPHANED + 1_000_000
        await adopt_unsynced(house.backend, housekeeping_of(house.worker), BOOT)
        await synced(house)
        seen = await row(house.worker, upload.id)
        assert (seen.offset, seen.synced_offset, seen.dirty_boot) == (1500, 0, f"!{BOOT}")
        assert await lose_unsynced(house.context, housekeeping_of(house.worker), BOOT) == 0
        assert await lose_unsynced(house.context, housekeeping_of(house.worker), "another boot") == 1


async def test_what_could_not_be_synced_is_not_called_synced_by_being_assembled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the kernel failed to write it may forget, and give back what was there before."""
    async with forgetful_home(tmp_path) as house:
        upload = await begun(house, length=2000)
        with monkeypatch.context() as failing:
            failing.setattr(os, "fdatasync", _fail)
            with pytest.raises(StorageBroken):
                await sync_written(house.backend, housekeeping_of(house.worker), BOOT)
        seized = await house.worker.rows.seize(await row(house.worker, upload.id))
        assert seized is not None
        await house.worker.rows.release(seized)
        done = await append(house.context, ANONYMOUS, upload.id, appending(1000), Script(b"y" * 1000))
        assert (done.upload.state, done.upload.dirty_boot) == (Transfer.STORED, f"!{BOOT}")
        assert await lose_unsynced(house.context, housekeeping_of(house.worker), "another boot") == 1
        version = await house.context.files.of_upload(upload.id)
        assert version is not None
        assert version.is_lost


async def test_a_final_of_what_could_not_be_synced_is_not_called_synced_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with forgetful_home(tmp_path) as house:
        good = await partial(house, 1000, b"x" * 1000)
        await synced(house)
        bad = await partial(house, 1000, b"y" * 1000)
        with monkeypatch.context() as failing:
            failing.setattr(os, "fdatasync", _fail)
            with pytest.raises(StorageBroken):
                await sync_written(house.backend, housekeeping_of(house.worker), BOOT)
        doubtful, whole = await final(house, good, bad), await final(house, good)
        assert [doubtful.state, whole.state] == [Transfer.STORED] * 2
        assert [doubtful.dirty_boot, whole.dirty_boot] == [f"!{BOOT}", None]
        assert await lose_unsynced(house.context, housekeeping_of(house.worker), "another boot") == 2
        assert (await row(house.worker, doubtful.id)).state is Transfer.LOST


async def test_a_final_is_not_called_synced_where_what_could_not_be_was_deleted_by_its_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dsn: str
) -> None:
    async with forgetful_home(tmp_path, dsn=dsn) as house:
        begun_one = await partial(house, 2000, b"x" * 1000)
        bad, worse = [await partial(house, 1000, b"y" * 1000) for _ in range(2)]
        whole = await final(house, bad, worse, begun_one)
        # One is deleted before it is known, the other after.
        await terminate(house.context, ANONYMOUS, bad.id, Dialect.TUS)
        with monkeypatch.context() as failing:
            failing.setattr(os, "fdatasync", _fail)
            with pytest.raises(StorageBroken):
                await sync_written(house.backend, housekeeping_of(house.worker), BOOT)
        await terminate(house.context, ANONYMOUS, worse.id, Dialect.TUS)
        assert [(await row(house.worker, one.id)).dirty_boot for one in (bad, worse)] == [f"!{BOOT}"] * 2
        await sent(house, await released(house, begun_one), 1000, b"x" * 1000)
        doubtful = await stored(house, whole)
        assert (doubtful.state, doubtful.dirty_boot) == (Transfer.STORED, f"!{BOOT}")
        assert await lose_unsynced(house.context, housekeeping_of(house.worker), "another boot") == 2
        assert (await row(house.worker, whole.id)).state is Transfer.LOST


async def test_a_deleted_partial_that_a_final_needs_is_synced_like_others(tmp_path: Path, dsn: str) -> None:
    clock = Clock()
    async with forgetful_home(tmp_path, clock, dsn=dsn) as house:
        done, begun_one = await partial(house, 1000, b"y" * 1000), await partial(house, 2000, b"x" * 1000)
        whole = await final(house, done, begun_one)
        await terminate(house.context, ANONYMOUS, done.id, Dialect.TUS)
    async with forgetful_home(tmp_path, clock, dsn=dsn) as house:
        clock.ahead = ORPHANED + 1_000_000
        await adopt_unsynced(house.backend, housekeeping_of(house.worker), BOOT)
        await synced(house)
        assert (await row(house.worker, done.id)).dirty_boot is None
        assert await lose_unsynced(house.context, housekeeping_of(house.worker), "another boot") == 0
        await sent(house, begun_one, 1000, b"x" * 1000)
        assert (await stored(house, whole)).state is Transfer.STORED
        assert await content(house, whole.id) == b"y" * 1000 + b"x" * 2000


async def test_a_final_that_waits_ends_with_what_its_deleted_partial_lost(tmp_path: Path, dsn: str) -> None:
    async with forgetful_home(tmp_path, dsn=dsn) as house:
        safe = await partial(house, 2000, b"x" * 1000)
        await synced(house)
        done = await partial(house, 1000, b"y" * 1000)
        whole = await final(house, done, safe)
        await terminate(house.context, ANONYMOUS, done.id, Dialect.TUS)
        housekeeping = housekeeping_of(house.worker)
        await lose_unsynced(house.context, housekeeping, "another boot")
        states = [(await row(house.worker, one.id)).state for one in (done, safe, whole)]
        assert states == [Transfer.TERMINATED, Transfer.RECEIVING, Transfer.TERMINATED]
        assert await housekeeping.dirty_from_other_boots("another boot", "", 10) == []
        assert await housekeeping.left_dirty(BOOT, -DAY, 10) == [], "nobody needs its bytes any more"
        await purge(house.backend, housekeeping, done.id)
        assert len(files(house)) == 1


@pytest.mark.parametrize("deletes", [False, True])
async def test_a_final_that_is_not_put_together_yet_is_lost_with_its_partials(
    tmp_path: Path, dsn: str, deletes: bool
) -> None:
    """Its client was told that it is complete."""

    async def fail(_upload: Upload) -> None:
        raise ConnectionError("the other system is down")

    async with forgetful_home(tmp_path, dsn=dsn) as house:
        done = await partial(house, 1000, b"y" * 1000)
        failing = replace(house, context=replace(house.context, callbacks=Callbacks(pre_finish=fail)))
        whole = await final(failing, done, done)
        assert whole.state is Transfer.COMPLETING
        if deletes:
            await terminate(house.context, ANONYMOUS, done.id, Dialect.TUS)
        await lose_unsynced(house.context, housekeeping_of(house.worker), "another boot")
        assert (await stored(house, whole)).state is Transfer.LOST
        told = Query("SELECT kind FROM events WHERE subject = :id ORDER BY id", {"id": whole.id})
        kinds = [event["kind"] for event in await house.worker.database.read(told)]
        assert kinds[-1] == "upload.lost"


async def released(house: Home, upload: Upload) -> Upload:
    """In the hands of another process, which goes on in a file of its own: this one's could not be synced."""
    seized = await house.worker.rows.seize(await row(house.worker, upload.id))
    assert seized is not None
    await house.worker.rows.release(seized)
    return seized


def _fail(_file: int) -> None:
    raise OSError(errno.EIO, "Input/output error")


async def test_an_assembled_file_is_clean_at_once(tmp_path: Path) -> None:
    async with forgetful_home(tmp_path) as house:
        upload = await begun(house, length=2000)
        seized = await house.worker.rows.seize(upload)
        assert seized is not None
        await house.worker.rows.release(seized)
        done = await append(house.context, ANONYMOUS, upload.id, appending(1000), Script(b"y" * 1000))
        assert (done.upload.state, done.upload.dirty_boot) == (Transfer.STORED, None)
        assert done.upload.synced_offset == 2000


async def test_two_workers_that_start_at_once_both_lose_everything_unsynced(tmp_path: Path) -> None:
    async with forgetful_home(tmp_path) as house:
        uploads = [await begun(house) for _ in range(20)]
        async with working(tmp_path) as other:
            theirs = context_of(other, house.backend)

            async def lose_then_look(context: Context, worker: Worker) -> list[Transfer]:
                await lose_unsynced(context, housekeeping_of(worker), "another boot")
                return [(await row(worker, upload.id)).state for upload in uploads]

            seen = await asyncio.gather(
                lose_then_look(house.context, house.worker), lose_then_look(theirs, other)
            )
        assert {state for states in seen for state in states} == {Transfer.LOST}


async def test_a_file_that_is_not_synced_yet_is_not_forgotten(tmp_path: Path) -> None:
    clock = Clock()
    async with forgetful_home(tmp_path, clock) as house:
        done = await begun(house, length=1000)
        clock.ahead = 2 * DAY
        assert await housekeeping_of(house.worker).forget(10) == 0
        assert (await row(house.worker, done.id)).dirty_boot is not None


async def test_a_closed_segment_is_synced_only_up_to_its_end(tmp_path: Path) -> None:
    async with forgetful_home(tmp_path) as house:
        upload = await begun(house)
        seized = await house.worker.rows.seize(upload)
        assert seized is not None
        await house.worker.rows.release(seized)
        moved = await append(house.context, ANONYMOUS, upload.id, appending(1000), Script(b"y" * 500))
        # What the frozen writer had written behind the line, in the file that is dead now.
        late = Synced(upload_id=upload.id, ref=upload.ref, start=0, offset=1500)
        await housekeeping_of(house.worker).raise_synced([late])
        seen = await row(house.worker, upload.id)
        assert (seen.synced_offset, seen.dirty_boot) == (0, moved.upload.dirty_boot)
