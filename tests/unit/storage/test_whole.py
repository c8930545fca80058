"""Files as a whole: what is synced when one is put, sealed, assembled, deleted; and copying by hand."""

import asyncio
import errno
import os
from collections.abc import Callable, Iterator
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import NoReturn

import pytest

from storage_backends.base import Durability, Segment, StorageBroken, StorageError, StorageMissing
from storage_backends.filesystem import FilesystemBackend, assembly
from tests.contract.books import ABOUT, no_rows

from .places import HeldPool, filesystem, open_descriptors, path_of, turns


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The files and folders that were synced since this list was cleared."""
    paths: list[str] = []

    def noting(real: Callable[[int], None]) -> Callable[[int], None]:
        def note(descriptor: int) -> None:
            real(descriptor)
            paths.append(path_of(descriptor))

        return note

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", noting(os.fdatasync))
        patched.setattr(os, "fsync", noting(os.fsync))
        yield paths


async def received(backend: FilesystemBackend, ref: str, content: bytes, offset: int = 0) -> Segment:
    writer = await backend.writer("1", Segment(ref=ref, offset=offset, length=0), None, no_rows())
    await writer.write(content)
    await writer.checkpoint()
    await writer.close(writer.offset)
    return Segment(ref=ref, offset=offset, length=len(content))


async def test_sealing_syncs_the_file_even_when_it_was_sealed_before(
    tmp_path: Path, synced: list[str]
) -> None:
    async with filesystem(tmp_path) as backend:
        segment = await received(backend, "a/b", b"abc")
        for _ in range(2):
            synced.clear()
            await backend.finish([segment], "a/b", no_rows())
            assert synced == [str(tmp_path / "a/b")]


async def test_an_empty_file_made_for_finishing_has_a_durable_name(tmp_path: Path, synced: list[str]) -> None:
    async with filesystem(tmp_path) as backend:
        for _ in range(2):
            synced.clear()
            await backend.finish([], "a/b", no_rows())
            assert {str(tmp_path / "a"), str(tmp_path / "a/b")} <= set(synced)


async def test_deleting_syncs_each_folder_once_even_when_nothing_was_there(
    tmp_path: Path, synced: list[str]
) -> None:
    async with filesystem(tmp_path) as backend:
        for ref in ("a/1", "b/1", "a/2"):
            await backend.put(ABOUT, ref, [b"x"], sealed=True)
        for _ in range(2):
            synced.clear()
            await backend.delete(["a/1", "b/1", "a/2"])
            assert synced == [str(tmp_path / "a"), str(tmp_path / "b")]


async def test_nothing_is_synced_on_the_way_with_durability_process(
    tmp_path: Path, synced: list[str]
) -> None:
    async with filesystem(tmp_path, Durability.PROCESS) as backend:
        synced.clear()
        await backend.finish([await received(backend, "a/b", b"abc")], "a/b", no_rows())
        await backend.put(ABOUT, "a/c", [b"x"], sealed=True)
        await backend.delete(["a/c"])
        assert synced == []


def _stopping(before: int) -> Callable[[int, int, int, int, int], int]:
    """Copies the first `before` bytes of a file and nothing of the others, as some filesystems do."""
    real = os.copy_file_range

    def copy(source: int, target: int, count: int, position: int, at: int) -> int:
        count = min(count, before - position)
        return real(source, target, count, position, at) if count > 0 else 0

    return copy


def _failing(code: int) -> Callable[..., NoReturn]:
    def failing(*_: object) -> NoReturn:
        raise OSError(code, os.strerror(code))

    return failing


@pytest.mark.parametrize(
    "make_copy",
    [
        *(partial(_failing, code) for code in (errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP)),
        # One that copies nothing has not said that the segment ends.
        *(partial(_stopping, before) for before in (0, 1000)),
    ],
)
async def test_segments_are_copied_by_hand_where_the_kernel_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_copy: Callable[[], Callable[..., int]]
) -> None:
    monkeypatch.setattr(os, "copy_file_range", make_copy())
    first, second = bytes(range(256)) * 10_000, b"tail"
    async with filesystem(tmp_path) as backend:
        segments = [await received(backend, "a", first), await received(backend, "b", second, len(first))]
        await backend.finish(segments, "c", no_rows())
    assert (tmp_path / "c").read_bytes() == first + second


@pytest.mark.parametrize("before", [0, 1000])
async def test_a_segment_that_ends_early_is_missing_also_where_the_kernel_copies_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    monkeypatch.setattr(os, "copy_file_range", _stopping(before))
    async with filesystem(tmp_path) as backend:
        whole, cut = await received(backend, "a", b"a" * 500), await received(backend, "b", b"b" * 2000, 500)
        os.truncate(tmp_path / "b", 1500)
        with pytest.raises(StorageMissing, match="b ends at 1500, below the line"):
            await backend.finish([whole, cut], "c", no_rows())
        assert not (tmp_path / "c").exists()


async def test_a_large_assembly_goes_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembly, "PIECE", 1000)
    async with filesystem(tmp_path) as backend:
        segments = [
            await received(backend, "a", b"a" * 2500),
            await received(backend, "b", b"b" * 1000, 2500),
        ]
        await backend.finish(segments, "c", no_rows())
    assert (tmp_path / "c").read_bytes() == b"a" * 2500 + b"b" * 1000


async def test_an_assembly_that_could_not_be_synced_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with filesystem(tmp_path) as backend:
        segments = [await received(backend, "a", b"one"), await received(backend, "b", b"two", 3)]
        with monkeypatch.context() as broken:
            broken.setattr(os, "fdatasync", _failing(errno.EIO))
            with pytest.raises(StorageBroken):
                await backend.finish(segments, "c", no_rows())
        assert not (tmp_path / "c").exists()


async def test_a_small_body_that_could_not_be_synced_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with filesystem(tmp_path) as backend:
        await backend.put(ABOUT, "a/before", [b"x"], sealed=True)
        with monkeypatch.context() as broken:
            broken.setattr(os, "fsync", _failing(errno.EIO))
            with pytest.raises(StorageBroken):
                await backend.put(ABOUT, "a/b", [b"abc"], sealed=True)
        assert not (tmp_path / "a/b").exists()


async def test_bodies_put_together_share_the_sync_of_their_folder(tmp_path: Path, synced: list[str]) -> None:
    names = [f"a/{number}" for number in range(8)]
    async with filesystem(tmp_path) as backend:
        await backend.put(ABOUT, "a/before", [b"x"], sealed=True)
        synced.clear()
        stored = await asyncio.gather(*(backend.put(ABOUT, name, [b"abc"], sealed=True) for name in names))
        assert [one.ref for one in stored] == names
        files, folders = synced[:], [path for path in synced if path == str(tmp_path / "a")]
    assert set(files) == {str(tmp_path / name) for name in ("a", *names)}
    assert len(files) - len(folders) == len(names)
    assert len(folders) < len(names)


@pytest.mark.parametrize("call", ["fsync", "close"])
async def test_one_of_several_bodies_that_fails_takes_no_other_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    real = getattr(os, call)

    def broken(descriptor: int) -> None:
        is_third = path_of(descriptor).endswith("/3")
        real(descriptor)
        if is_third:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    async with filesystem(tmp_path) as backend:
        await backend.put(ABOUT, "a/5", [b"taken"], sealed=True)
        before = open_descriptors()
        with monkeypatch.context() as patched:
            patched.setattr(os, call, broken)
            found = await asyncio.gather(
                *(backend.put(ABOUT, f"a/{number}", [b"abc"], sealed=True) for number in range(8)),
                return_exceptions=True,
            )
        assert open_descriptors() == before
    assert [number for number, one in enumerate(found) if isinstance(one, StorageError)] == [3, 5]
    assert isinstance(found[3], StorageBroken)
    assert {path.name for path in (tmp_path / "a").iterdir()} == set("0124567")
    assert (tmp_path / "a/5").read_bytes() == b"taken"


async def test_a_cancelled_assembly_lets_go_when_its_piece_is_done(tmp_path: Path) -> None:
    pool = HeldPool()
    async with filesystem(tmp_path, pool=pool) as backend:
        segments = [await received(backend, "a", b"one"), await received(backend, "b", b"two", 3)]
        before = open_descriptors()
        pool.hold(after=2)  # looking for an earlier attempt, and making the file
        finishing = asyncio.create_task(backend.finish(segments, "c", no_rows()))
        await pool.reached()
        finishing.cancel()
        await turns()
        assert not finishing.done()
        pool.release()
        with pytest.raises(asyncio.CancelledError):
            await finishing
        assert open_descriptors() == before
        assert not (tmp_path / "c").exists()


async def test_a_reader_that_stops_early_closes_the_file(tmp_path: Path) -> None:
    async with filesystem(tmp_path) as backend:
        await received(backend, "a", bytes(1 << 20))
        before = open_descriptors()
        async with aclosing(backend.read("a", 0, 1 << 20)) as blocks:
            await anext(blocks)
            assert open_descriptors() == before + 1
        assert open_descriptors() == before


async def test_a_file_cut_short_under_a_reader_is_never_padded(tmp_path: Path) -> None:
    async with filesystem(tmp_path) as backend:
        await received(backend, "a", bytes(1 << 20))
        async with aclosing(backend.read("a", 0, 1 << 20)) as blocks:
            await anext(blocks)
            os.truncate(tmp_path / "a", 300_000)
            await anext(blocks)
            with pytest.raises(StorageMissing):
                await anext(blocks)
