"""The root folder at start: made if need be, refused in one clear sentence, and room kept free on it."""

import errno
import os
from pathlib import Path
from typing import NoReturn

import pytest

from storage_backends.base import StorageError, StorageFull
from storage_backends.filesystem.root import make_root, probe
from tests.contract.books import ABOUT

from .places import filesystem


async def test_a_root_that_is_not_there_is_made(tmp_path: Path) -> None:
    root = tmp_path / "deep/er/root"
    async with filesystem(root):
        assert list(root.iterdir()) == []
    async with filesystem(root) as again:
        assert [one async for one in again.list()] == []


async def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "root").symlink_to("disk")
    async with filesystem(tmp_path / "root") as backend:
        await backend.put(ABOUT, "a", [b"x"], sealed=True)
    assert (tmp_path / "disk/a").read_bytes() == b"x"


@pytest.mark.parametrize("name", ["file", "file/below"])
async def test_a_file_in_the_place_of_the_root_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match=r"is a file, wanted a folder"):
        async with filesystem(tmp_path / name):
            pass


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (errno.EACCES, "may not make files and folders there"),
        (errno.EPERM, "may not make files and folders there"),
        (errno.EROFS, "mounted read-only"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_the_operator_hears_why_the_root_cannot_be_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, sentence: str
) -> None:
    _refuse_files(monkeypatch, code)
    with pytest.raises(StorageError, match=sentence):
        probe(tmp_path)


def test_a_full_disk_does_not_keep_the_server_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _refuse_files(monkeypatch, errno.ENOSPC)
    probe(tmp_path)


def test_making_a_root_that_is_there_changes_nothing(tmp_path: Path) -> None:
    before = tmp_path.stat()
    make_root(tmp_path, 0o700)
    assert tmp_path.stat() == before


async def test_the_floor_is_the_smaller_of_the_setting_and_two_percent(tmp_path: Path) -> None:
    disk = os.statvfs(tmp_path)
    size, free = disk.f_blocks * disk.f_frsize, disk.f_bavail * disk.f_frsize
    async with filesystem(tmp_path, floor=1) as backend:
        await backend.ensure_room(free // 2)
        with pytest.raises(StorageFull):
            await backend.ensure_room(size)
    async with filesystem(tmp_path, floor=2 * size) as backend:
        with pytest.raises(StorageFull, match=str(size // 50)):
            await backend.ensure_room(size)
    async with filesystem(tmp_path, floor=0) as backend:
        await backend.ensure_room(2 * size)


async def test_what_is_free_is_known_with_any_floor(tmp_path: Path) -> None:
    for floor in (0, 1):
        async with filesystem(tmp_path, floor=floor) as backend:
            disk = os.statvfs(tmp_path)
            assert (
                abs(await backend.free() - disk.f_bavail * disk.f_frsize)
                < disk.f_blocks * disk.f_frsize // 50
            )


def _refuse_files(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def refusing(*_: object) -> NoReturn:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "open", refusing)
