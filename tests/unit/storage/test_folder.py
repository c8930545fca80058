"""Nothing outside the root, whatever lies in it; and folders that come and go."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from storage_backends.base import Durability, Segment, StorageError
from storage_backends.filesystem import FilesystemBackend
from storage_backends.filesystem.folder import Folders
from tests.contract.books import ABOUT, no_rows

from .places import filesystem, open_descriptors, path_of


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_bytes(b"secret")
    return folder


@pytest.fixture
async def backend(tmp_path: Path, outside: Path) -> AsyncIterator[FilesystemBackend]:
    """With a link to a folder, and one to a file, planted in it."""
    async with filesystem(tmp_path / "root") as one:
        (tmp_path / "root/link").symlink_to(outside)
        (tmp_path / "root/a").mkdir()
        (tmp_path / "root/a/file").symlink_to(outside / "secret")
        yield one


@pytest.mark.parametrize("ref", ["link/secret", "a/file", "link/deeper/secret"])
async def test_no_link_leads_out(backend: FilesystemBackend, outside: Path, ref: str) -> None:
    for length in (0, 3):
        with pytest.raises(StorageError):
            await backend.writer("1", Segment(ref=ref, offset=0, length=length), None, no_rows())
    with pytest.raises(StorageError):
        await backend.put(ABOUT, ref, [b"x"], sealed=True)
    with pytest.raises(StorageError):
        await backend.stat(ref)
    with pytest.raises(StorageError):
        await backend.finish([Segment(ref=ref, offset=0, length=6)], "b", no_rows())
    assert names_in(outside) == {"secret"}
    assert (outside / "secret").read_bytes() == b"secret"


async def test_deleting_a_link_deletes_the_link(backend: FilesystemBackend, outside: Path) -> None:
    await backend.delete(["a/file"])
    with pytest.raises(StorageError):
        await backend.delete(["link/secret"])
    assert (outside / "secret").exists()


async def test_links_are_neither_listed_nor_followed_nor_tidied_away(
    backend: FilesystemBackend, tmp_path: Path, outside: Path
) -> None:
    await backend.put(ABOUT, "b", [b"x"], sealed=True)
    assert [one.ref async for one in backend.list()] == ["b"]
    (outside / "secret").unlink()
    (outside / "empty").mkdir()
    await backend.remove_empty_folders()
    assert (outside / "empty").exists()
    assert (tmp_path / "root/link").is_symlink()


async def test_a_fifo_under_a_name_of_ours_blocks_nobody(backend: FilesystemBackend, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "root/fifo")
    for attempt in (
        lambda: backend.stat("fifo"),
        lambda: backend.writer("1", Segment(ref="fifo", offset=0, length=0), None, no_rows()),
        lambda: backend.finish([Segment(ref="fifo", offset=0, length=0)], "b", no_rows()),
    ):
        with pytest.raises(StorageError):
            await asyncio.wait_for(attempt(), 10)


async def test_the_folder_of_the_service_is_neither_listed_nor_touched(
    backend: FilesystemBackend, tmp_path: Path
) -> None:
    service = tmp_path / "root/.tusd"
    (service / "empty").mkdir(parents=True)
    (service / "tusd.db").write_bytes(b"rows")
    assert [one.ref async for one in backend.list()] == []
    await backend.remove_empty_folders()
    assert (service / "empty").exists()
    assert (service / "tusd.db").exists()


async def test_names_that_no_ref_can_spell_are_not_listed(backend: FilesystemBackend, tmp_path: Path) -> None:
    (tmp_path / "root" / os.fsdecode(b"\xff")).write_bytes(b"x")
    (tmp_path / "root" / "größe").write_bytes(b"x")
    assert [one.ref async for one in backend.list()] == ["größe"]


async def test_only_empty_folders_are_removed_and_never_the_root(
    backend: FilesystemBackend, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    (root / "x/y/z").mkdir(parents=True)
    (root / "full/empty").mkdir(parents=True)
    (root / "full/file").write_bytes(b"x")
    await backend.remove_empty_folders()
    assert not (root / "x").exists()
    assert names_in(root / "full") == {"file"}
    await backend.delete(["full/file", "a/file"])
    (root / "link").unlink()
    await backend.remove_empty_folders()
    assert names_in(root) == set()


async def test_modes_are_those_of_the_config_and_sealing_takes_the_write_bits(
    backend: FilesystemBackend, tmp_path: Path
) -> None:
    mask = os.umask(0)
    try:
        writer = await backend.writer("1", Segment(ref="m/n", offset=0, length=0), None, no_rows())
        await writer.close(0)
        assert (tmp_path / "root/m").stat().st_mode & 0o777 == 0o750
        assert (tmp_path / "root/m/n").stat().st_mode & 0o777 == 0o640
        await backend.finish([Segment(ref="m/n", offset=0, length=0)], "m/n", no_rows())
        assert (tmp_path / "root/m/n").stat().st_mode & 0o777 == 0o440
        await backend.put(ABOUT, "m/o", [b"x"], sealed=True)
        assert (tmp_path / "root/m/o").stat().st_mode & 0o777 == 0o440
    finally:
        os.umask(mask)


async def test_a_file_being_received_is_never_taken_for_a_sealed_one(tmp_path: Path) -> None:
    async with filesystem(tmp_path, file_perms=0o440) as backend:
        for length in (0, 3):
            writer = await backend.writer("1", Segment(ref="a", offset=0, length=length), None, no_rows())
            await writer.write(b"abc")
            await writer.checkpoint()
            await writer.close(length + 3)
        await backend.finish([Segment(ref="a", offset=0, length=6)], "a", no_rows())
        assert (tmp_path / "a").stat().st_mode & 0o222 == 0


async def test_a_folder_that_vanishes_under_a_new_file_is_made_again(tmp_path: Path) -> None:
    async with filesystem(tmp_path / "root") as backend:
        stop = Event()
        tidying = Thread(target=_tidy_until, args=(tmp_path / "root/a", stop))
        tidying.start()
        try:
            for number in range(100):
                await backend.put(ABOUT, f"a/b/{number}", [b"x"], sealed=True)
                await backend.delete([f"a/b/{number}"])
        finally:
            stop.set()
            tidying.join()


def _tidy_until(folder: Path, stop: Event) -> None:
    # As the sweep of another process would; the wait leaves the disk to the others.
    while not stop.wait(0.02):
        for path in (folder / "b", folder):
            try:
                path.rmdir()
            except OSError:
                continue


def note_syncs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is synced from now on."""
    synced: list[str] = []
    real = os.fsync

    def note(descriptor: int) -> None:
        synced.append(path_of(descriptor))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    return synced


async def test_a_folder_made_anew_by_another_process_is_synced_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That a folder of this name was durable once says nothing about the one that is there now."""
    async with filesystem(tmp_path / "root") as backend:
        await backend.put(ABOUT, "a/1", [b"x"], sealed=True)
        synced = note_syncs(monkeypatch)
        await backend.put(ABOUT, "a/2", [b"x"], sealed=True)
        assert str(tmp_path / "root") not in synced
        await backend.delete(["a/1", "a/2"])
        (tmp_path / "root/a").rmdir()
        (tmp_path / "root/a").mkdir()
        await backend.put(ABOUT, "a/3", [b"x"], sealed=True)
        assert str(tmp_path / "root") in synced


def test_a_folder_that_was_only_read_from_is_synced_before_files_are_made_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who made it may have had no need to, with another durability."""
    folders = Folders(tmp_path, dir_perms=0o750, durability=Durability.POWER)
    folders.open()
    (tmp_path / "a").mkdir()
    (tmp_path / "a/1").write_bytes(b"x")
    os.close(folders.open_file(("a", "1"), os.O_RDONLY, others_follow=True))
    synced = note_syncs(monkeypatch)
    made = folders.make_file(("a", "2"), os.O_WRONLY, 0o600)
    os.close(made.file)
    made.folder.let_go()
    folders.close()
    assert synced == [str(tmp_path)]


async def test_a_folder_used_a_moment_ago_may_have_been_made_anew(tmp_path: Path) -> None:
    async with filesystem(tmp_path / "root") as backend:
        await backend.put(ABOUT, "a/1", [b"x"], sealed=True)
        (tmp_path / "root/a").rename(tmp_path / "root/old")
        shutil.rmtree(tmp_path / "root/old")
        (tmp_path / "root/a").mkdir()
        (tmp_path / "root/a/theirs").write_bytes(b"of another process")
        assert (await backend.stat("a/theirs")).length == len(b"of another process")
        await backend.put(ABOUT, "a/2", [b"x"], sealed=True)
        assert (tmp_path / "root/a/2").read_bytes() == b"x"


async def test_many_files_in_one_folder_are_made_with_one_walk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    real = os.open

    def note(path: str, *args: Any, **kwargs: Any) -> int:
        opened.append(path)
        return real(path, *args, **kwargs)

    async with filesystem(tmp_path / "root") as backend:
        await backend.put(ABOUT, "a/b/1", [b"x"], sealed=True)
        monkeypatch.setattr(os, "open", note)
        await backend.put(ABOUT, "a/b/2", [b"x"], sealed=True)
        assert opened == ["2"]
        monkeypatch.setattr("storage_backends.filesystem.folder.NEAR_FOR", -1.0)
        await backend.put(ABOUT, "a/b/3", [b"x"], sealed=True)
        assert opened == ["2", ".", "a", "b", "3"]


def test_only_so_many_folders_are_held_open(tmp_path: Path) -> None:
    folders = Folders(tmp_path, dir_perms=0o750, durability=Durability.POWER)
    before = open_descriptors()
    folders.open()
    for number in range(300):
        made = folders.make_file((f"{number}", "f"), os.O_WRONLY, 0o600)
        os.close(made.file)
        made.folder.let_go()
    assert open_descriptors() - before <= 257 + 32  # known to be durable, and walked to a moment ago
    folders.close()
    folders.close()
    assert open_descriptors() == before
    with pytest.raises(StorageError):
        folders.root()
