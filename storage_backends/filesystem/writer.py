"""One upload being received in place.

Belongs here: the order of writing and syncing one file. Not here: opening it (backend.py).
"""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from storage_backends.base import (
    Block,
    Checkpoint,
    Durability,
    Segment,
    StorageBroken,
    StorageError,
    WriteNow,
)
from storage_backends.lane import Lane, T, to_the_end

from .dirty import DirtyLedger
from .folder import OpenFolder
from .oserrors import told_as_write_error
from .preallocation import Preallocation


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A segment's file, ready to be written to."""

    file: int
    unsynced_folder: OpenFolder | None
    """The folder that holds the file's name, until that name is known to be durable."""


class FilesystemWriter:
    """Writes one file at absolute positions; a position is an upload offset minus the segment's."""

    def __init__(
        self,
        upload_id: str,
        segment: Segment,
        opened: Opened,
        *,
        durability: Durability,
        preallocation: Preallocation,
        ledger: DirtyLedger,
        lane: Lane,
    ) -> None:
        self._upload_id = upload_id
        self._ref = segment.ref
        self._start = segment.offset
        self._file: int | None = opened.file
        self._unsynced_folder = opened.unsynced_folder
        self._durability = durability
        self._preallocation = preallocation
        self._ledger = ledger
        self._lane = lane
        self._position = segment.length
        self._covered = segment.length
        """Position below which a checkpoint has promised everything."""
        self._broken = False
        self._closing = False

    @property
    def offset(self) -> int:
        return self._start + self._position

    async def write(self, block: Block) -> None:
        await self._lane.run(lambda: self._write(block))

    async def run(self, operation: Callable[[WriteNow, int], T], most: int) -> T:
        return await self._lane.run(lambda: operation(self._write, most))

    async def checkpoint(self) -> Checkpoint:
        await self._lane.idle()
        self._usable()
        if self._durability is Durability.POWER:
            return await self._checkpoint_on_disk()
        return self._checkpoint_in_cache()

    async def progress(self) -> Checkpoint:
        return await self.checkpoint()

    async def close(self, committed: int) -> None:
        self._closing = True
        if self._file is None:
            return
        await to_the_end(self._lane.run(lambda: self._let_go(committed)))

    def _usable(self) -> int:
        if self._file is None or self._closing:
            raise StorageError(f"{self._ref} is closed")
        if self._broken or self._ledger.is_broken(self._ref):
            raise StorageBroken(f"an earlier write or sync of {self._ref} failed")
        return self._file

    def _write(self, block: Block) -> None:
        file = self._usable()
        rest = memoryview(block).cast("B")
        try:
            with told_as_write_error(self._ref):
                self._preallocation.reach(file, self._position, len(rest))
                while rest:
                    count = os.pwrite(file, rest, self._position)
                    self._position += count
                    rest = rest[count:]
        except StorageBroken:
            # Some filesystems report here that earlier pages were lost (NFS), and only once.
            self._broken = True
            raise

    async def _checkpoint_on_disk(self) -> Checkpoint:
        if self._position != self._covered or self._unsynced_folder is not None:
            await self._lane.run(self._sync)
        return Checkpoint(offset=self.offset, synced=True)

    def _sync(self) -> None:
        file = self._usable()
        try:
            with told_as_write_error(self._ref):
                if self._position != self._covered:
                    os.fdatasync(file)
                if self._unsynced_folder is not None:
                    os.fsync(self._unsynced_folder.descriptor)
        except StorageError:
            # Full means here that delayed allocation failed: pages are lost, and no second sync will say so.
            self._broken = True
            raise
        self._covered = self._position
        self._let_go_of_folder()

    def _checkpoint_in_cache(self) -> Checkpoint:
        if self._position != self._covered:
            self._covered = self._position
            self._ledger.note(self._upload_id, self._ref, start=self._start, offset=self.offset)
        return Checkpoint(offset=self.offset, synced=False)

    def _let_go(self, committed: int) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        self._let_go_of_folder()
        keep = max(committed - self._start, self._covered)
        try:
            # What lies behind the line is rubbish: if it cannot be cut off, nobody is harmed.
            with suppress(OSError):
                if os.fstat(file).st_size > keep:
                    os.ftruncate(file, keep)
        finally:
            os.close(file)
        self._take_back(committed)

    def _take_back(self, committed: int) -> None:
        if self._durability is Durability.PROCESS and committed < self._start + self._covered:
            self._ledger.note(self._upload_id, self._ref, start=self._start, offset=committed)

    def _let_go_of_folder(self) -> None:
        folder, self._unsynced_folder = self._unsynced_folder, None
        if folder is not None:
            folder.let_go()
