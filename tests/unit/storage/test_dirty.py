"""Durability "process": what is synced behind the writers, and what may be said about it."""

import errno
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from storage_backends.base import Durability, Segment, StorageBroken, Synced
from storage_backends.filesystem.backend import FilesystemBackend
from tests.contract.books import ABOUT, no_rows

from .places import filesystem, path_of


async def receive(backend: FilesystemBackend, segment: Segment, content: bytes, committed: int) -> None:
    writer = await backend.writer("1", segment, None, no_rows())
    await writer.write(content)
    await writer.checkpoint()
    await writer.close(committed)


@pytest.fixture
async def backend(tmp_path: Path) -> AsyncIterator[FilesystemBackend]:
    async with filesystem(tmp_path, Durability.PROCESS) as one:
        yield one


@pytest.fixture
def synced_paths(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files and folders that are synced from here on."""
    paths: list[str] = []
    for name in ("fdatasync", "fsync"):
        real = getattr(os, name)

        def note(descriptor: int, real: Callable[[int], None] = real) -> None:
            paths.append(path_of(descriptor))
            real(descriptor)

        monkeypatch.setattr(os, name, note)
    return paths


async def test_content_and_every_name_on_the_way_are_synced(
    backend: FilesystemBackend, tmp_path: Path, synced_paths: list[str]
) -> None:
    await receive(backend, Segment(ref="a/b/c", offset=0, length=0), b"abc", 3)
    await backend.put(replace(ABOUT, upload_id="2"), "a/d", [b"defg"], sealed=True)
    assert synced_paths == []
    told = await backend.sync_dirty()
    assert sorted(told, key=lambda one: one.ref) == [
        Synced(upload_id="1", ref="a/b/c", start=0, offset=3),
        Synced(upload_id="2", ref="a/d", start=0, offset=4),
    ]
    assert set(synced_paths) == {str(tmp_path / name) for name in ("", "a", "a/b", "a/b/c", "a/d")}
    assert len(synced_paths) == 5


async def test_each_fact_is_told_twice_and_synced_once(
    backend: FilesystemBackend, synced_paths: list[str]
) -> None:
    await receive(backend, Segment(ref="a", offset=0, length=0), b"abc", 3)
    first = await backend.sync_dirty()
    synced_paths.clear()
    assert await backend.sync_dirty() == first
    assert await backend.sync_dirty() == []
    assert synced_paths == []


async def test_a_later_segment_says_nothing_about_the_earlier_ones(backend: FilesystemBackend) -> None:
    await receive(backend, Segment(ref="a~e2", offset=100, length=0), b"abc", 103)
    assert await backend.sync_dirty() == [Synced(upload_id="1", ref="a~e2", start=100, offset=103)]


async def test_what_was_never_committed_is_taken_back(backend: FilesystemBackend) -> None:
    writer = await backend.writer("1", Segment(ref="a", offset=0, length=0), None, no_rows())
    await writer.write(b"abc")
    await writer.checkpoint()
    assert [one.offset for one in await backend.sync_dirty()] == [3]
    # The commit was fenced.
    await writer.close(0)
    assert [one.offset for one in await backend.sync_dirty()] == [0]


async def test_a_file_that_vanished_is_dropped(backend: FilesystemBackend) -> None:
    await receive(backend, Segment(ref="a", offset=0, length=0), b"abc", 3)
    await backend.delete(["a"])
    assert await backend.sync_dirty() == []


async def test_one_failing_file_keeps_no_other_from_being_synced(
    backend: FilesystemBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fdatasync

    def failing(descriptor: int) -> None:
        if path_of(descriptor).endswith("bad"):
            raise OSError(errno.EIO, "Input/output error")
        real(descriptor)

    await receive(backend, Segment(ref="good", offset=0, length=0), b"abc", 3)
    await receive(backend, Segment(ref="bad", offset=0, length=0), b"abc", 3)
    await backend.put(ABOUT, "fine", [b"abc"], sealed=True)
    monkeypatch.setattr(os, "fdatasync", failing)
    with pytest.raises(StorageBroken, match="bad"):
        await backend.sync_dirty()
    monkeypatch.setattr(os, "fdatasync", real)
    assert {one.ref for one in await backend.sync_dirty()} == {"good", "fine"}


async def test_a_file_whose_sync_failed_is_never_reported_again(
    backend: FilesystemBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    await receive(backend, Segment(ref="bad", offset=0, length=0), b"abc", 3)
    writer = await backend.writer("1", Segment(ref="bad", offset=0, length=3), None, no_rows())
    await writer.write(b"def")
    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", _io_error)
        with pytest.raises(StorageBroken):
            await backend.sync_dirty()
    with pytest.raises(StorageBroken):
        await writer.checkpoint()
    await writer.close(3)
    assert await backend.sync_dirty() == []


async def test_what_cannot_be_opened_now_is_tried_again(
    backend: FilesystemBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    await receive(backend, Segment(ref="a", offset=0, length=0), b"abc", 3)
    with monkeypatch.context() as busy:
        busy.setattr(os, "open", _too_many_files)
        with pytest.raises(StorageBroken):
            await backend.sync_dirty()
    assert [one.ref for one in await backend.sync_dirty()] == ["a"]


async def test_a_folder_that_cannot_be_opened_now_is_tried_again(
    backend: FilesystemBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file is on the medium, and no sync failed: nothing is lost, not even at the next boot."""
    await receive(backend, Segment(ref="a", offset=0, length=0), b"abc", 3)
    with monkeypatch.context() as busy:
        real = os.fdatasync

        def sync_and_leave_no_descriptors(descriptor: int) -> None:
            real(descriptor)
            busy.setattr(os, "open", _too_many_files)

        busy.setattr(os, "fdatasync", sync_and_leave_no_descriptors)
        with pytest.raises(StorageBroken):
            await backend.sync_dirty()
    assert backend.unsyncable() == []
    assert [one.ref for one in await backend.sync_dirty()] == ["a"]


async def test_what_is_assembled_survives_a_power_cut_at_once(
    backend: FilesystemBackend, tmp_path: Path, synced_paths: list[str]
) -> None:
    await receive(backend, Segment(ref="a/1", offset=0, length=0), b"abc", 3)
    await receive(backend, Segment(ref="a/2", offset=3, length=0), b"def", 6)
    segments = [Segment(ref="a/1", offset=0, length=3), Segment(ref="a/2", offset=3, length=3)]
    await backend.finish(segments, "b/c", no_rows())
    assert {str(tmp_path), str(tmp_path / "b"), str(tmp_path / "b/c")} <= set(synced_paths)


async def test_with_durability_power_there_is_nothing_left_to_sync(tmp_path: Path) -> None:
    async with filesystem(tmp_path) as durable:
        await receive(durable, Segment(ref="a", offset=0, length=0), b"abc", 3)
        assert await durable.sync_dirty() == []


def _io_error(_: int) -> None:
    raise OSError(errno.EIO, "Input/output error")


def _too_many_files(*_: object, **__: object) -> int:
    raise OSError(errno.EMFILE, "Too many open files")
