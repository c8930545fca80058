"""The part that is being filled: the blocks that came, and what they are charged.

Small parts stay in memory: the first bytes as the blocks that they came in, the rest in pages, which a
thread may read a socket right into. A large part, which only very large uploads have, is a file without a
name, mapped into memory: the kernel keeps as much of it as it likes.

Belongs here: holding bytes, and the digest of what a thread put there. Not here: when a part is full
(writer.py), how many all may hold (budget.py).
"""

import asyncio
import errno
import mmap
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from storage_backends.base import Block, StorageError, StorageFull

from .body import Sum
from .budget import FREE, PAGE, Budget
from .profiles import MIB

IN_MEMORY = 64 * MIB
"""Parts up to this size."""
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
LENT = PAGE
"""Bytes of room that a thread is lent at a time; when they are there, the processor's cache has them."""


class Filling:
    """Blocks in memory: at first as small as they came, which is free, then in pages of the budget."""

    def __init__(self, budget: Budget, digest: Sum) -> None:
        """`digest` is new."""
        self._budget = budget
        self._first: list[bytes] = []
        self._first_size = 0
        """Up to FREE; no more are added once there are pages."""
        self._pages: list[memoryview] = []
        self.size = 0
        self.digest = digest
        """Of the first bytes; what was added last may be missing."""
        self._flying = 0
        self.since = time.monotonic()
        """When the first byte came."""

    @property
    def room(self) -> int:
        """Bytes that fit without another page."""
        return self.lendable if self._pages else FREE - self.size

    @property
    def lendable(self) -> int:
        """Bytes of pages that are free."""
        return PAGE * len(self._pages) - (self.size - self._first_size)

    def charge(self) -> bool:
        """One more page; False when the budget has none."""
        page = self._budget.take_page()
        if page is None:
            return False
        self._pages.append(page)
        self._budget.grow(self, PAGE * len(self._pages))
        return True

    def give_back(self) -> None:
        """Pages without a byte."""
        used = -(-(self.size - self._first_size) // PAGE)
        free, self._pages = self._pages[used:], self._pages[:used]
        if free:
            self._budget.grow(self, PAGE * len(self._pages))
            self._budget.give_pages(free)

    def add(self, block: memoryview) -> None:
        """A copy of at most `room` bytes. From any thread, but one at a time."""
        self._begin()
        if not self._pages:
            self._first.append(bytes(block))
            self._first_size += len(block)
            self.size += len(block)
            return
        while block:
            number, at = divmod(self.size - self._first_size, PAGE)
            count = min(len(block), PAGE - at)
            self._pages[number][at : at + count] = block[:count]
            self.size += count
            block = block[count:]

    def lend(self, most: int) -> list[memoryview]:
        """Where the next bytes go, up to `most`; empty where there is no page. See `landed`."""
        return list(self._views(self.size, self.size + min(most, LENT, self.lendable)))

    def landed(self, count: int) -> None:
        """The next bytes are there, in the first `count` bytes of what was lent."""
        self._begin()
        self.size += count
        if self.size - self.digest.size >= LENT:
            self.sum_up()

    def sum_up(self) -> None:
        """Bring the digest up to date; in a thread, as large blocks give up the interpreter's lock."""
        for block in self._views(self.digest.size, self.size):
            self.digest.update(block)

    def _begin(self) -> None:
        if not self.size:
            self.since = time.monotonic()

    def blocks(self) -> Sequence[Block]:
        """What was added, until `free`."""
        return list(self._views(0, self.size))

    def _views(self, start: int, stop: int) -> Iterator[memoryview]:
        """Of bytes [start, stop), whether they were added or not."""
        at = 0
        for block in self._first:
            if start < at + len(block) and at < stop:
                yield memoryview(block)[max(0, start - at) : stop - at]
            at += len(block)
        at = max(0, start - self._first_size)
        end = stop - self._first_size
        while at < end:
            number, begin = divmod(at, PAGE)
            count = min(PAGE - begin, end - at)
            yield self._pages[number][begin : begin + count]
            at += count

    def fly(self) -> None:
        """They are being sent, so their pages will come back."""
        self._flying = PAGE * len(self._pages)
        self._budget.flying += self._flying
        self._budget.grow(self, 0)

    def free(self) -> None:
        """Give everything back, once nobody reads it any more. May be called twice."""
        pages, self._pages = self._pages, []
        flying, self._flying = self._flying, 0
        self._budget.flying -= flying
        self._first = []
        self._budget.grow(self, 0)
        if pages:
            self._budget.give_pages(pages)


class Spooled(Filling):
    """Bytes in a file without a name, of `capacity` bytes."""

    def __init__(self, budget: Budget, digest: Sum, mapped: mmap.mmap) -> None:
        super().__init__(budget, digest)
        self._mapped = mapped

    @property
    def room(self) -> int:
        return self.lendable

    @property
    def lendable(self) -> int:
        return len(self._mapped) - self.size

    def charge(self) -> bool:
        return False

    def add(self, block: memoryview) -> None:
        self._begin()
        self._mapped[self.size : self.size + len(block)] = block
        self.size += len(block)

    def _views(self, start: int, stop: int) -> Iterator[memoryview]:
        yield memoryview(self._mapped)[start:stop]


async def spooled(filling: Filling, budget: Budget, capacity: int, folder: Path | None) -> Filling:
    """The same bytes in a file. Raises StorageFull when the disk has no room for it, StorageError."""
    moved = Spooled(budget, filling.digest, await asyncio.to_thread(_map, capacity, folder))
    for block in filling.blocks():
        moved.add(memoryview(block))
    moved.since = filling.since
    filling.free()
    return moved


def _map(size: int, folder: Path | None) -> mmap.mmap:
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            # All of it now: a page that finds no room later would kill the process.
            os.posix_fallocate(file.fileno(), 0, size)
            return mmap.mmap(file.fileno(), size)
    except OSError as failed:
        kind = StorageFull if failed.errno in _NO_ROOM else StorageError
        raise kind(f"no place to hold a part of {size} bytes: {failed}") from failed
