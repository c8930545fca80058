"""The part that is being filled: the blocks that came, and what they are charged.

Small parts stay in memory, as the blocks that they came in. A large part, which only very large uploads
have, is a file without a name, mapped into memory: the kernel keeps as much of it as it likes.

Belongs here: holding bytes. Not here: when a part is full (writer.py), how many all may hold (budget.py).
"""

import asyncio
import mmap
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from storage_backends.base import Block, StorageFull

from .budget import PAGE, Budget
from .profiles import MIB

IN_MEMORY = 64 * MIB
"""Parts up to this size."""


class Filling:
    """Blocks in memory, charged by the page; the first page is free."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._blocks: list[Block] = []
        self.size = 0
        self._charged = self._flying = 0
        self.since = time.monotonic()
        """When the first byte came."""

    @property
    def room(self) -> int:
        """Bytes that fit without another page."""
        return PAGE + self._charged - self.size

    def charge(self) -> bool:
        """One more page; False when the budget has none."""
        if not self._budget.take(PAGE):
            return False
        self._charged += PAGE
        return True

    def add(self, block: memoryview, owner: Block) -> None:
        """`block` is (a part of) `owner`, whose bytes may change unless they are `bytes`."""
        if not self.size:
            self.since = time.monotonic()
        self._blocks.append(block if isinstance(owner, bytes) else bytes(block))
        self.size += len(block)

    def blocks(self) -> Sequence[Block]:
        return self._blocks

    def fly(self) -> None:
        """They are being sent, so their pages will come back."""
        self._flying = self._charged
        self._budget.flying += self._flying

    def free(self) -> None:
        """Give everything back. May be called twice."""
        charged, self._charged = self._charged, 0
        flying, self._flying = self._flying, 0
        self._budget.flying -= flying
        self._blocks = []
        if charged:
            self._budget.give(charged)


class Spooled(Filling):
    """Bytes in a file without a name, of `capacity` bytes."""

    def __init__(self, budget: Budget, mapped: mmap.mmap) -> None:
        super().__init__(budget)
        self._mapped = mapped

    @property
    def room(self) -> int:
        return len(self._mapped) - self.size

    def add(self, block: memoryview, owner: Block) -> None:  # noqa: ARG002 - copied in any case
        if not self.size:
            self.since = time.monotonic()
        self._mapped[self.size : self.size + len(block)] = block
        self.size += len(block)

    def blocks(self) -> Sequence[Block]:
        return [memoryview(self._mapped)[: self.size]]


async def spooled(filling: Filling, budget: Budget, capacity: int, folder: Path | None) -> Filling:
    """The same bytes in a file. Raises StorageFull when the disk has no room for it."""
    moved = Spooled(budget, await asyncio.to_thread(_map, capacity, folder))
    for block in filling.blocks():
        moved.add(memoryview(block), block)
    moved.since = filling.since
    filling.free()
    return moved


def _map(size: int, folder: Path | None) -> mmap.mmap:
    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            # All of it now: a page that finds no room later would kill the process.
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as full:
            raise StorageFull(f"no room to hold a part of {size} bytes: {full}") from full
        return mmap.mmap(file.fileno(), size)
