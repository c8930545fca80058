"""The filesystem backend: what the seam asks for, put together.

Everything that touches the disk runs in the pool that is passed in; methods without `async` block and run
there. Belongs here: who opens, runs and lets go. Not here: what is done to a file (the modules beside).
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import aclosing, asynccontextmanager, suppress
from functools import partial
from itertools import groupby, islice
from pathlib import Path
from typing import TypeVar

from storage_backends.base import (
    About,
    Block,
    Durability,
    Ledger,
    Listed,
    Segment,
    Sending,
    StorageBroken,
    StorageError,
    StorageMissing,
    Stored,
    Synced,
    total_length,
)
from storage_backends.lane import Lane, claimed, to_the_end
from storage_backends.refs import components

from . import walk
from .assembly import Piece, copy, pieces
from .dirty import DirtyLedger
from .folder import Folders, Made
from .gathered import Gathered
from .oserrors import told_as_storage_error, told_as_write_error, write_error
from .preallocation import Preallocation
from .putting import Put, Putting
from .room import Room, look_at
from .root import make_root, probe, told_to_the_operator
from .sending import FileSending
from .whole import WholeFiles, close_made, is_sealed
from .writer import FilesystemWriter, Opened

T = TypeVar("T")

_Outcome = tuple[list[Synced], dict[Synced, StorageError]]

READ_BLOCK = 256 << 10
"""Bytes given out at once by `read`."""

_BATCH = 512
"""Names listed, or removed, by one disk operation."""

_SYNCS = 64
"""Files synced by one disk operation."""

_SYNCING = 4
"""Threads of one process that sync small files: what comes meanwhile goes together. Fewer would wait for one
flush of the disk after the other, and each more is a thread to be woken."""


class FilesystemBackend:
    """Files below `root`. Sizes are bytes; `preallocate` and `free_space_floor` may be 0 for off."""

    name = "filesystem"

    def __init__(
        self,
        root: Path,
        *,
        durability: Durability,
        preallocate: int,
        free_space_floor: int,
        dir_perms: int,
        file_perms: int,
        executor: Executor,
    ) -> None:
        """`executor` is the disk pool; it stays the caller's and must outlive this backend."""
        self._root = root
        self._durability = durability
        self._preallocate = preallocate
        self._free_space_floor = free_space_floor
        self._dir_perms = dir_perms
        self._executor = executor
        self._folders = Folders(root, dir_perms=dir_perms, durability=durability)
        self._whole = WholeFiles(self._folders, file_perms=file_perms, durability=durability)
        self._ledger = DirtyLedger()
        at_once = _SYNCING if durability is Durability.POWER else None
        putting = Putting(self._whole, durability)
        self._puts: Gathered[Put, Stored] = Gathered(executor, putting.put, at_once=at_once)
        self._room: Room | None = None

    async def open(self) -> None:
        await self._run(self._open)

    def _open(self) -> None:
        make_root(self._root, self._dir_perms)
        with told_to_the_operator(self._root):
            self._folders.open()
        try:
            probe(self._root)
        except StorageError:
            self._folders.close()
            raise

    async def close(self) -> None:
        await self._run(self._folders.close)

    async def _run(self, operation: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, operation)

    # Receiving

    async def writer(
        self,
        upload_id: str,
        segment: Segment,
        length: int | None,
        ledger: Ledger,  # noqa: ARG002 - the seam's; a file remembers by itself
        *,
        coming: int | None = None,
    ) -> FilesystemWriter:
        preallocation = Preallocation(window=self._preallocate, end=_end_of_file(segment, length, coming))
        opened = await claimed(self._executor, partial(self._open_segment, segment), _close_opened)
        return FilesystemWriter(
            upload_id,
            segment,
            opened,
            durability=self._durability,
            preallocation=preallocation,
            ledger=self._ledger,
            lane=Lane(self._executor),
        )

    def _open_segment(self, segment: Segment) -> Opened:
        opened = self._open_to_write(segment)
        try:
            _check_to_write(segment, opened.file)
        except StorageError:
            _close_opened(opened)
            raise
        return opened

    def _open_to_write(self, segment: Segment) -> Opened:
        parts = components(segment.ref)
        with told_as_storage_error(segment.ref):
            if segment.length:
                # Its name was made durable before the first of its bytes was committed.
                return Opened(file=self._folders.open_file(parts, os.O_WRONLY), unsynced_folder=None)
            made = self._folders.make_file(parts, os.O_WRONLY, self._whole.file_perms)
        return Opened(file=made.file, unsynced_folder=made.folder)

    async def put(self, about: About, ref: str, content: Sequence[Block], *, sealed: bool) -> Stored:
        stored = await self._puts.run(Put(ref=ref, content=content, sealed=sealed))
        if self._durability is Durability.PROCESS:
            self._ledger.note(about.upload_id, ref, start=0, offset=stored.length)
        return stored

    # Finishing

    async def finish(self, segments: Sequence[Segment], ref: str, ledger: Ledger) -> Stored:
        length = total_length(segments, ref)
        if len(segments) > 1:
            return await self.assemble(segments, ref, ledger.about)
        return await self._run(partial(self._whole.seal, segments[0].ref if segments else ref, length))

    async def assemble(
        self,
        segments: Sequence[Segment],
        ref: str,
        about: About,  # noqa: ARG002 - the seam's; a file says nothing of itself
    ) -> Stored:
        length = total_length(segments, ref)
        before = await self._run(partial(self._whole.sealed_before, ref, length))
        if before is not None:
            return before
        made = await claimed(self._executor, partial(self._begin_assembly, ref), close_made)
        lane = Lane(self._executor)
        stored = None
        try:
            for piece in pieces(segments):
                await lane.run(partial(self._copy, piece, made.file))
            stored = await lane.run(partial(self._whole.seal_assembled, ref, made))
            return stored
        finally:
            let_go = partial(close_made, made) if stored else partial(self._abandon_assembly, ref, made)
            await to_the_end(lane.run(let_go))

    def _begin_assembly(self, ref: str) -> Made:
        # A new inode, not O_TRUNC: whoever began this before us and is still at it writes into a dead file.
        self._delete(components(ref)[:-1], [components(ref)[-1]])
        return self._whole.make(ref)

    def _copy(self, piece: Piece, target: int) -> None:
        source = self._whole.open(piece.ref)
        try:
            with told_as_write_error(piece.ref):
                copy(piece, source, target)
        finally:
            os.close(source)

    def _abandon_assembly(self, ref: str, made: Made) -> None:
        self._whole.remove_made(ref, made)
        close_made(made)

    # Reading

    async def read(
        self, ref: str, start: int, stop: int, *, identity: str | None = None
    ) -> AsyncGenerator[bytes, None]:
        opening = partial(self._whole.open, ref, at_least=stop, identity=identity)
        file = await claimed(self._executor, opening, os.close)
        lane = Lane(self._executor)
        try:
            while start < stop:
                block = await lane.run(partial(_read_block, ref, file, start, stop))
                start += len(block)
                yield block
        finally:
            await to_the_end(lane.run(partial(os.close, file)))

    @asynccontextmanager
    async def sending(
        self, ref: str, start: int, stop: int, *, identity: str | None = None
    ) -> AsyncGenerator[Sending, None]:
        opening = partial(self._whole.open, ref, at_least=stop, identity=identity)
        file = await claimed(self._executor, opening, os.close)
        lane = Lane(self._executor)
        try:
            yield FileSending(ref, file, start, stop, lane)
        finally:
            await to_the_end(lane.run(partial(os.close, file)))

    async def stat(self, ref: str) -> Stored:
        return await self._run(partial(self._whole.stat, ref))

    # Names

    async def delete(self, refs: Sequence[str]) -> None:
        paths = sorted(components(ref) for ref in refs)
        for folder, inside in groupby(paths, key=lambda parts: parts[:-1]):
            for names in _batches(parts[-1] for parts in inside):
                await self._run(partial(self._delete, folder, names))

    def _delete(self, folder: tuple[str, ...], names: Sequence[str]) -> None:
        with (
            told_as_storage_error("/".join(folder)),
            suppress(FileNotFoundError),
            self._folders.reached(folder) as descriptor,
        ):
            for name in names:
                with suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=descriptor)
            if self._durability is Durability.POWER:
                # Even when nothing was there: whoever removed it may have died before this.
                os.fsync(descriptor)

    async def list(self) -> AsyncGenerator[Listed, None]:
        async with aclosing(self._walk(walk.files)) as batches:
            async for batch in batches:
                for listed in batch:
                    yield listed

    async def remove_empty_folders(self) -> None:
        async with aclosing(self._walk(walk.remove_empty_folders)) as batches:
            async for _ in batches:
                pass

    async def _walk(
        self, walking: Callable[[int], Generator[T, None, None]]
    ) -> AsyncGenerator[Sequence[T], None]:
        root = await claimed(self._executor, self._folders.root, os.close)
        found = walking(root)
        lane = Lane(self._executor)
        try:
            while batch := await lane.run(partial(_next_batch, found)):
                yield batch
        finally:
            await to_the_end(lane.run(partial(_end_walk, found, root)))

    # Room and syncing

    async def ensure_room(self, wanted: int) -> None:
        if not self._free_space_floor:
            return
        room = self._room
        if room is None or not room.is_recent() or not room.has(wanted):
            room = await self._look()
        room.check(wanted)

    async def free(self) -> int:
        return (await self._look()).free

    async def _look(self) -> Room:
        self._room = await self._run(partial(look_at, self._folders.root, self._free_space_floor))
        return self._room

    def adopt_dirty(self, written: Sequence[Synced]) -> None:
        for one in written:
            self._ledger.adopt(one)

    async def sync_dirty(self) -> Sequence[Synced]:
        left = list(self._ledger.take())
        done: list[Synced] = []
        failed: dict[Synced, StorageError] = {}
        folders: set[tuple[str, ...]] = set()
        try:
            while left:
                some_done, some_failed = await self._run(partial(self._sync_some, left[-_SYNCS:], folders))
                done += some_done
                failed |= some_failed
                del left[-_SYNCS:]
        finally:
            if left or failed:
                self._ledger.put_back([*left, *done, *failed])
        if failed:
            raise StorageBroken("; ".join(map(str, failed.values())))
        return self._ledger.tell(done)

    def unsyncable(self) -> Sequence[str]:
        return self._ledger.unsyncable()

    def _sync_some(self, dirty: Sequence[Synced], folders: set[tuple[str, ...]]) -> _Outcome:
        """What is done, and what failed; what is gone is neither."""
        done: list[Synced] = []
        failed: dict[Synced, StorageError] = {}
        for one in dirty:
            try:
                if self._sync_one(one, folders):
                    done.append(one)
            except StorageError as exc:
                failed[one] = exc
        return done, failed

    def _sync_one(self, one: Synced, folders: set[tuple[str, ...]]) -> bool:
        """False when it is gone, deleted or assembled into another."""
        try:
            file = self._whole.open_to_sync(one.ref)
        except StorageMissing:
            return False
        try:
            os.fdatasync(file)
            self._whole.sync_names(one.ref, folders)
        except OSError as exc:
            self._ledger.give_up(one)
            raise write_error(exc, one.ref) from exc
        finally:
            os.close(file)
        return True


def _end_of_file(segment: Segment, length: int | None, coming: int | None) -> int | None:
    """Where the file will end that this writer leaves, as far as anybody knows."""
    ends = [
        *([] if length is None else [length - segment.offset]),
        *([] if coming is None else [segment.length + coming]),
    ]
    return min(ends, default=None)


def _check_to_write(segment: Segment, file: int) -> None:
    if is_sealed(file):
        raise StorageError(f"{segment.ref} is sealed")
    size = os.fstat(file).st_size
    if size < segment.length:
        raise StorageMissing(f"{segment.ref} has {size} bytes, wanted {segment.length}")


def _close_opened(opened: Opened) -> None:
    os.close(opened.file)
    if opened.unsynced_folder is not None:
        opened.unsynced_folder.let_go()


def _read_block(ref: str, file: int, start: int, stop: int) -> bytes:
    with told_as_storage_error(ref):
        block = os.pread(file, min(READ_BLOCK, stop - start), start)
    if not block:
        raise StorageMissing(f"{ref} ends at {start}, wanted {stop}")
    return block


def _batches(names: Iterator[str]) -> Iterator[Sequence[str]]:
    while batch := list(islice(names, _BATCH)):
        yield batch


def _next_batch(found: Iterator[T]) -> Sequence[T]:
    with told_as_storage_error("the folders"):
        return list(islice(found, _BATCH))


def _end_walk(found: Generator[T, None, None], root: int) -> None:
    found.close()
    os.close(root)
