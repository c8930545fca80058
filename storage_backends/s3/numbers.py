"""Part numbers: each is given to one writer, and means one run of bytes, for ever.

They rise with the offset, as the store puts parts together in the order of their numbers. A block of them
is committed before one is used; what a writer that died had left of its block is never used by another. So
a part that arrives late, from a writer that was given up, is under a number that no row will ever name.

Belongs here: reserving. Not here: what is sent under them (writer.py).
"""

from dataclasses import replace

from storage_backends.base import Ledger, StorageFull

from .memory import Memory, parse_memory

BLOCK = 8
"""Numbers reserved at once."""


class Numbers:
    """The numbers, and the rest of the memory, of one writer."""

    def __init__(self, ledger: Ledger, text: str, most: int) -> None:
        """`text` is the memory as it was recalled."""
        self._ledger = ledger
        self._text = text
        self._committed = parse_memory(text)
        """As the row has it."""
        self._next = self._limit = self._committed.next_part
        """Numbers below the limit are this writer's."""
        self._promised: Memory | None = None
        """What the checkpoint under way commits."""
        self._most = most

    @property
    def next(self) -> int:
        return self._next

    @property
    def multipart(self) -> str | None:
        return self._committed.multipart

    @property
    def part_size(self) -> int | None:
        return self._committed.part_size

    async def take(self) -> int:
        """The next number. Raises StorageFull when there are no more, and what the ledger raises."""
        if self._next > self._most:
            raise StorageFull(f"all {self._most} part numbers are used up")
        if self._next >= self._limit:
            await self.remember(replace(self._committed, next_part=self._next + BLOCK))
        self._next += 1
        return self._next - 1

    async def remember(self, memory: Memory) -> None:
        """Commit it now."""
        floor = self._promised.next_part if self._promised is not None else 0
        memory = replace(memory, next_part=max(memory.next_part, floor))
        await self._ledger.remember(memory.as_text(), instead_of=self._text)
        self._text, self._committed, self._promised = memory.as_text(), memory, None
        self._limit = max(self._limit, memory.next_part)

    async def begun(self, multipart: str | None, part_size: int | None) -> None:
        """A multipart upload was begun, or the one that there was is gone."""
        first = self._next + BLOCK
        await self.remember(
            replace(self._committed, multipart=multipart, part_size=part_size, next_part=first)
        )

    def promise(self, *, last: bool) -> str | None:
        """For a checkpoint: reserve the next block in its commit, or give back the rest where it is the last.

        None where nothing is to be committed.
        """
        wanted = self._next if last else self._next + BLOCK
        if self._committed.multipart is None or (not last and self._limit - self._next > BLOCK // 2):
            return None
        if wanted == self._committed.next_part:
            return None
        self._promised = replace(self._committed, next_part=wanted)
        self._limit = min(self._limit, wanted)
        return self._promised.as_text()

    def kept(self) -> None:
        """The promise was committed: its checkpoint was, as the next one is asked for."""
        if self._promised is not None:
            self._text, self._committed, self._promised = self._promised.as_text(), self._promised, None
            self._limit = self._committed.next_part
