"""Bytes in this process's memory, for tests and demonstrations: it forgets everything at exit.

Keeps every promise of the seam as far as memory can, the awkward ones too: rubbish behind the line, a full
disk, writers that go on writing into a deleted file. Belongs here: that. Not here: anything persistent.
"""

from collections.abc import AsyncGenerator, Sequence
from itertools import count

from .base import (
    About,
    Block,
    Checkpoint,
    Ledger,
    Listed,
    Segment,
    StorageChanged,
    StorageError,
    StorageFull,
    StorageMissing,
    Stored,
    Synced,
    total_length,
)
from .refs import components

READ_BLOCK = 256 << 10
"""Bytes given out at once by `read`."""


class _Room:
    """How many bytes all files together may have; None is no limit."""

    def __init__(self, capacity: int | None) -> None:
        self._capacity = capacity
        self._taken = 0

    def left(self, wanted: int) -> int:
        """How many of the wanted bytes fit."""
        if self._capacity is None:
            return wanted
        return max(0, min(wanted, self._capacity - self._taken))

    def take(self, size: int) -> None:
        self._taken += size


class _File:
    def __init__(self, serial: int, room: _Room) -> None:
        self.content = bytearray()
        self.sealed = False
        self._serial = serial
        self._room = room

    def write(self, position: int, block: memoryview) -> int:
        """How many bytes were written; fewer than asked for when it is full."""
        growth = max(0, position + len(block) - len(self.content))
        fitting = max(0, len(block) - growth + self._room.left(growth))
        before = len(self.content)
        self.content.extend(bytes(max(0, position - before)))
        self.content[position : position + fitting] = block[:fitting]
        self._room.take(len(self.content) - before)
        return fitting

    def cut(self, length: int) -> None:
        self._room.take(-len(self.content[length:]))
        del self.content[length:]

    def leave(self) -> None:
        """Give back its room; a writer may still have it open, as a deleted file on a disk."""
        self._room.take(-len(self.content))
        self._room = _Room(None)

    def stored(self, ref: str) -> Stored:
        size = len(self.content)
        return Stored(ref=ref, length=size, identity=f"{self._serial}-{size}")


class MemoryWriter:
    """Writes one file at absolute positions; a position is an upload offset minus the segment's."""

    def __init__(self, segment: Segment, file: _File) -> None:
        self._segment = segment
        self._file: _File | None = file
        self._position = self._covered = segment.length

    @property
    def offset(self) -> int:
        return self._segment.offset + self._position

    async def write(self, block: Block) -> None:
        rest = memoryview(block).cast("B")
        written = self._open().write(self._position, rest)
        self._position += written
        if written < len(rest):
            raise StorageFull(f"no room for {self._segment.ref}")

    async def checkpoint(self) -> Checkpoint:
        self._open()
        self._covered = self._position
        return Checkpoint(offset=self.offset, synced=True)

    async def progress(self) -> Checkpoint:
        return await self.checkpoint()

    async def close(self, committed: int) -> None:
        if self._file is not None:
            self._file.cut(max(committed - self._segment.offset, self._covered))
            self._file = None

    def _open(self) -> _File:
        if self._file is None:
            raise StorageError(f"{self._segment.ref} is closed")
        return self._file


class MemoryBackend:
    """Files in a dict."""

    name = "memory"

    def __init__(self, *, capacity: int | None = None) -> None:
        """`capacity` is how many bytes all files together may have; None is no limit."""
        self._room = _Room(capacity)
        self._serials = count(1)
        self._files: dict[str, _File] = {}

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def writer(
        self,
        upload_id: str,  # noqa: ARG002 - the seam's; nothing to sync, so nobody to tell
        segment: Segment,
        length: int | None,  # noqa: ARG002 - the seam's; nothing to preallocate
        ledger: Ledger,  # noqa: ARG002 - the seam's; a name is all there is to know
        *,
        coming: int | None = None,  # noqa: ARG002 - the seam's; nothing to preallocate
    ) -> MemoryWriter:
        file = self._found(segment.ref) if segment.length else self._found_or_made(segment.ref)
        if file.sealed:
            raise StorageError(f"{segment.ref} is sealed")
        if len(file.content) < segment.length:
            raise StorageMissing(f"{segment.ref} has {len(file.content)} bytes, wanted {segment.length}")
        return MemoryWriter(segment, file)

    async def put(
        self,
        about: About,  # noqa: ARG002 - the seam's; nothing to sync, so nobody to tell
        ref: str,
        content: Sequence[Block],
        *,
        sealed: bool,
    ) -> Stored:
        components(ref)
        if ref in self._files:
            raise StorageError(f"{ref} exists")
        file = self._filled(ref, [memoryview(block).cast("B") for block in content])
        file.sealed = sealed
        self._files[ref] = file
        return file.stored(ref)

    async def finish(self, segments: Sequence[Segment], ref: str, ledger: Ledger) -> Stored:
        length = total_length(segments, ref)
        if len(segments) > 1:
            return await self.assemble(segments, ref, ledger.about)
        if segments:
            ref = segments[0].ref
        return self._seal(ref, self._found(ref) if length else self._found_or_made(ref), length)

    async def assemble(
        self,
        segments: Sequence[Segment],
        ref: str,
        about: About,  # noqa: ARG002 - the seam's; bytes in memory say nothing of themselves
    ) -> Stored:
        total_length(segments, ref)
        components(ref)
        before = self._files.get(ref)
        if before is not None and before.sealed:
            return before.stored(ref)
        blocks = [memoryview(self._committed(segment)) for segment in segments if segment.length]
        self._remove(ref)
        file = self._filled(ref, blocks)
        self._files[ref] = file
        return self._seal(ref, file, len(file.content))

    def _committed(self, segment: Segment) -> bytes:
        content = self._found(segment.ref).content
        if len(content) < segment.length:
            raise StorageMissing(f"{segment.ref} has {len(content)} bytes, wanted {segment.length}")
        return bytes(content[: segment.length])

    def _seal(self, ref: str, file: _File, length: int) -> Stored:
        if len(file.content) < length:
            raise StorageMissing(f"{ref} has {len(file.content)} bytes, wanted {length}")
        if not file.sealed:
            file.cut(length)
            file.sealed = True
        return file.stored(ref)

    async def read(
        self, ref: str, start: int, stop: int, *, identity: str | None = None
    ) -> AsyncGenerator[bytes, None]:
        file = self._found(ref)
        found = file.stored(ref).identity
        if identity is not None and found != identity:
            raise StorageChanged(f"{ref} is {found}, wanted {identity}")
        content = file.content
        if len(content) < stop:
            raise StorageMissing(f"{ref} ends at {len(content)}, wanted {stop}")
        for position in range(start, stop, READ_BLOCK):
            yield bytes(content[position : min(position + READ_BLOCK, stop)])

    async def stat(self, ref: str) -> Stored:
        return self._found(ref).stored(ref)

    async def delete(self, refs: Sequence[str]) -> None:
        for ref in refs:
            components(ref)
        for ref in refs:
            self._remove(ref)

    async def list(self) -> AsyncGenerator[Listed, None]:
        for ref, file in tuple(self._files.items()):
            yield Listed(ref=ref, size=len(file.content))

    async def remove_empty_folders(self) -> None:
        pass

    async def ensure_room(self, wanted: int) -> None:
        if self._room.left(wanted) < wanted:
            raise StorageFull(f"no room for {wanted} bytes")

    def adopt_dirty(self, written: Sequence[Synced]) -> None:
        """Nobody else can have written to this process's memory."""

    async def sync_dirty(self) -> Sequence[Synced]:
        return ()

    def unsyncable(self) -> Sequence[str]:
        return ()

    def _found(self, ref: str) -> _File:
        components(ref)
        try:
            return self._files[ref]
        except KeyError:
            raise StorageMissing(f"{ref} is not there") from None

    def _found_or_made(self, ref: str) -> _File:
        components(ref)
        return self._files.setdefault(ref, _File(next(self._serials), self._room))

    def _filled(self, ref: str, blocks: Sequence[memoryview]) -> _File:
        """A new file, not yet under its name. Raises StorageFull and gives back what it took."""
        file = _File(next(self._serials), self._room)
        for block in blocks:
            if file.write(len(file.content), block) < len(block):
                file.leave()
                raise StorageFull(f"no room for {ref}")
        return file

    def _remove(self, ref: str) -> None:
        file = self._files.pop(ref, None)
        if file is not None:
            file.leave()
