"""One file being received: threads that outlive their task, disks that fail, space reserved ahead."""

import asyncio
import errno
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import pytest

from storage_backends.base import (
    Durability,
    LendsThread,
    Segment,
    StorageBroken,
    StorageError,
    StorageFull,
    WriteNow,
)
from tests.contract.books import ABOUT, no_rows

from .places import MIB, HeldPool, filesystem, open_descriptors, turns

UPLOAD = "1"
NEW = Segment(ref="a/b", offset=0, length=0)


def fails(code: int) -> Callable[..., NoReturn]:
    def failing(*_: object) -> NoReturn:
        raise OSError(code, os.strerror(code))

    return failing


async def test_close_waits_for_the_write_of_a_cancelled_task(tmp_path: Path) -> None:
    pool = HeldPool()
    async with filesystem(tmp_path, pool=pool) as backend:
        writer = await backend.writer(UPLOAD, NEW, None, no_rows())
        pool.hold()
        writing = asyncio.create_task(writer.write(b"abc"))
        await pool.reached()
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing
        closing = asyncio.create_task(writer.close(0))
        await turns()
        assert not closing.done()
        assert (pool.running, pool.most_at_once) == (1, 1)
        pool.release()
        await closing
        assert pool.most_at_once == 1
        assert (tmp_path / "a/b").read_bytes() == b""


async def test_a_cancelled_close_lets_go_all_the_same(tmp_path: Path) -> None:
    pool = HeldPool()
    async with filesystem(tmp_path, pool=pool) as backend:
        writer = await backend.writer(UPLOAD, NEW, None, no_rows())
        before = open_descriptors()
        pool.hold()
        writing = asyncio.create_task(writer.write(b"abc"))
        await pool.reached()
        writing.cancel()
        closing = asyncio.create_task(writer.close(0))
        await turns()
        closing.cancel()
        await turns()
        closing.cancel()
        await turns()
        assert not closing.done()
        pool.release()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert open_descriptors() == before - 1  # the file; the folder of its name may be wanted again


async def test_a_checkpoint_covers_the_write_of_a_cancelled_task(tmp_path: Path) -> None:
    pool = HeldPool()
    async with filesystem(tmp_path, pool=pool) as backend:
        writer = await backend.writer(UPLOAD, NEW, None, no_rows())
        pool.hold()
        writing = asyncio.create_task(writer.write(b"abc"))
        await pool.reached()
        writing.cancel()
        saving = asyncio.create_task(writer.checkpoint())
        await turns()
        pool.release()
        assert (await saving).offset == 3
        assert pool.most_at_once == 1
        await writer.close(3)
        assert (tmp_path / "a/b").read_bytes() == b"abc"


async def test_a_file_opened_for_a_cancelled_task_is_closed(tmp_path: Path) -> None:
    pool = HeldPool()
    async with filesystem(tmp_path, pool=pool) as backend:
        before = open_descriptors()
        pool.hold()
        opening = asyncio.create_task(backend.writer(UPLOAD, NEW, None, no_rows()))
        await pool.reached()
        opening.cancel()
        await turns()
        assert not opening.done(), "whoever writes next could meet it while it still reserves room"
        pool.release()
        with pytest.raises(asyncio.CancelledError):
            await opening
        assert (tmp_path / "a/b").exists()
        assert open_descriptors() == before + 2  # the folder: known to be durable now, and at hand


async def test_a_failed_sync_ends_the_writer_and_is_never_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with filesystem(tmp_path) as backend:
        writer = await backend.writer(UPLOAD, NEW, None, no_rows())
        await writer.write(b"abc")
        with monkeypatch.context() as broken:
            broken.setattr(os, "fdatasync", fails(errno.EIO))
            with pytest.raises(StorageBroken):
                await writer.checkpoint()
        # The kernel calls the lost pages clean now, so that a second sync would succeed.
        with pytest.raises(StorageBroken):
            await writer.checkpoint()
        with pytest.raises(StorageBroken):
            await writer.write(b"def")
        await writer.close(0)
        assert (tmp_path / "a/b").read_bytes() == b""


async def test_a_name_that_could_not_be_synced_ends_the_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with filesystem(tmp_path) as backend:
        writer = await backend.writer(UPLOAD, NEW, None, no_rows())
        await writer.write(b"abc")
        with monkeypatch.context() as broken:
            broken.setattr(os, "fsync", fails(errno.EIO))
            with pytest.raises(StorageBroken):
                await writer.checkpoint()
        with pytest.raises(StorageBroken):
            await writer.checkpoint()
        await writer.close(0)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
async def test_a_disk_that_turns_out_full_at_the_sync_ends_the_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    async with filesystem(tmp_path) as backend:
        writer = await backend.writer(UPLOAD, NEW, None, no_rows())
        await writer.write(b"abc")
        with monkeypatch.context() as full:
            full.setattr(os, "fdatasync", fails(code))
            with pytest.raises(StorageFull):
                await writer.checkpoint()
        with pytest.raises(StorageBroken):
            await writer.checkpoint()
        await writer.close(0)


async def test_a_failed_write_ends_the_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with filesystem(tmp_path) as backend:
        writer = await backend.writer(UPLOAD, NEW, None, no_rows())
        with monkeypatch.context() as broken:
            broken.setattr(os, "pwrite", fails(errno.EIO))
            with pytest.raises(StorageBroken):
                await writer.write(b"abc")
        with pytest.raises(StorageBroken):
            await writer.checkpoint()
        await writer.close(0)


async def test_short_writes_go_on_until_all_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pwrite = os.pwrite
    async with filesystem(tmp_path) as backend:
        writer = await backend.writer(UPLOAD, NEW, None, no_rows())
        with monkeypatch.context() as slow:
            slow.setattr(os, "pwrite", lambda file, block, position: pwrite(file, block[:3], position))
            await writer.write(b"hello world")
        await writer.checkpoint()
        await writer.close(11)
        assert (tmp_path / "a/b").read_bytes() == b"hello world"


async def test_space_is_reserved_ahead_and_given_back(tmp_path: Path) -> None:
    async with filesystem(tmp_path, preallocate=4 * MIB) as backend:
        writer, file = await backend.writer(UPLOAD, NEW, 10 * MIB, no_rows()), tmp_path / "a/b"
        await writer.write(b"x")
        assert file.stat().st_size == MIB
        await writer.write(bytes(MIB))
        assert file.stat().st_size == 3 * MIB
        await writer.write(bytes(2 * MIB))
        assert file.stat().st_size == 7 * MIB
        await writer.write(bytes(5 * MIB))
        assert file.stat().st_size == 10 * MIB
        checkpoint = await writer.checkpoint()
        await writer.close(checkpoint.offset)
        assert file.stat().st_size == 8 * MIB + 1


@pytest.mark.parametrize("length", [None, 100 * MIB])
async def test_no_more_is_reserved_than_what_the_writer_brings(tmp_path: Path, length: int | None) -> None:
    async with filesystem(tmp_path, preallocate=64 * MIB) as backend:
        before = Segment(ref="a/b", offset=0, length=MIB)
        (tmp_path / "a").mkdir()
        (tmp_path / "a/b").write_bytes(bytes(MIB))
        writer = await backend.writer(UPLOAD, before, length, no_rows(), coming=8 * MIB)
        sizes = []
        for _ in range(8):
            await writer.write(bytes(MIB))
            sizes.append((tmp_path / "a/b").stat().st_size // MIB)
        assert sizes == [2, 4, 4, 8, 8, 8, 8, 9]
        await writer.close(9 * MIB)


@pytest.mark.parametrize("length", [None, 0, MIB - 1])
async def test_nothing_is_reserved_for_small_or_unknown_lengths(tmp_path: Path, length: int | None) -> None:
    async with filesystem(tmp_path, preallocate=4 * MIB) as backend:
        writer = await backend.writer(UPLOAD, NEW, length, no_rows())
        await writer.write(b"abc")
        assert (tmp_path / "a/b").stat().st_size == 3
        await writer.close(0)


async def test_a_later_segment_reserves_only_what_remains_of_the_upload(tmp_path: Path) -> None:
    async with filesystem(tmp_path, preallocate=4 * MIB) as backend:
        segment = Segment(ref="a/b~e2", offset=8 * MIB, length=0)
        writer = await backend.writer(UPLOAD, segment, 10 * MIB, no_rows())
        await writer.write(b"x")
        await writer.write(bytes(MIB))
        assert (tmp_path / "a/b~e2").stat().st_size == 2 * MIB
        await writer.close(8 * MIB)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EOPNOTSUPP, errno.EINVAL, errno.EFBIG])
async def test_an_upload_that_cannot_be_reserved_is_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(os, "posix_fallocate", fails(code))
    async with filesystem(tmp_path, preallocate=4 * MIB) as backend:
        writer = await backend.writer(UPLOAD, NEW, 2 * MIB, no_rows())
        await writer.write(bytes(2 * MIB))
        assert (await writer.checkpoint()).offset == 2 * MIB
        await writer.close(2 * MIB)


async def test_what_a_failed_reservation_took_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taking_half(descriptor: int, begin: int, count: int) -> NoReturn:
        os.ftruncate(descriptor, begin + count // 2)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", taking_half)
    async with filesystem(tmp_path, preallocate=4 * MIB) as backend:
        writer = await backend.writer(UPLOAD, NEW, 10 * MIB, no_rows())
        await writer.write(b"abc")
        assert (tmp_path / "a/b").stat().st_size == 3
        await writer.close(0)


async def test_somebody_else_may_write_in_the_writers_thread(tmp_path: Path) -> None:
    def twice(write: WriteNow, room: int) -> str:
        assert room == 100
        write(b"by the ")
        write(b"thread")
        return threading.current_thread().name

    async with filesystem(tmp_path) as backend:
        writer = await backend.writer(UPLOAD, Segment(ref="a/b~e2", offset=100, length=0), None, no_rows())
        assert isinstance(writer, LendsThread)
        await writer.write(b"by the task, ")
        assert await writer.run(twice, 100) != threading.current_thread().name
        assert writer.offset == 126
        assert (await writer.checkpoint()).offset == 126
        await writer.close(126)
        assert (tmp_path / "a/b~e2").read_bytes() == b"by the task, by the thread"
        with pytest.raises(StorageError):
            await writer.run(twice, 100)


async def test_closing_waits_for_whoever_works_in_the_writers_thread(tmp_path: Path) -> None:
    began, may_end = threading.Event(), threading.Event()

    def slowly(write: WriteNow, _room: int) -> None:
        write(b"in time")
        began.set()
        assert may_end.wait(10)

    async with filesystem(tmp_path) as backend:
        writer = await backend.writer(UPLOAD, NEW, None, no_rows())
        working = asyncio.create_task(writer.run(slowly, 100))
        await asyncio.to_thread(began.wait, 10)
        working.cancel()
        closing = asyncio.create_task(writer.close(7))
        await asyncio.sleep(0)
        assert not closing.done()
        may_end.set()
        await closing
        assert (tmp_path / "a/b").read_bytes() == b"in time"


async def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    async with filesystem(tmp_path) as backend:
        await backend.put(ABOUT, "a/whole", [b"x"], sealed=True)
        before = open_descriptors()
        for epoch in range(3):
            writer = await backend.writer(
                UPLOAD, Segment(ref=f"a/{epoch}", offset=epoch, length=0), None, no_rows()
            )
            await writer.write(b"x")
            await writer.checkpoint()
            await writer.close(epoch + 1)
        segments = [Segment(ref=f"a/{epoch}", offset=epoch, length=1) for epoch in range(3)]
        await backend.finish(segments, "a/final", no_rows())
        await backend.finish(segments[:1], "a/final", no_rows())
        async for _ in backend.list():
            pass
        await backend.remove_empty_folders()
        await backend.delete(["a/0", "a/1", "a/2"])
        assert open_descriptors() == before


async def test_a_checkpoint_in_cache_promises_no_more_than_the_process(tmp_path: Path) -> None:
    async with filesystem(tmp_path, Durability.PROCESS) as backend:
        writer = await backend.writer(UPLOAD, NEW, None, no_rows())
        await writer.write(b"abc")
        assert not (await writer.checkpoint()).synced
        await writer.close(3)
