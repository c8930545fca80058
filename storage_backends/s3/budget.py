"""How many bytes of bodies a process holds, and the pages that hold them.

Bytes are charged a page at a time, as they come: a slow client holds what it sent and no more. What a part
holds is given back when it is stored. Pages are used again: memory that is new to a process costs more than
what is done with it here. Belongs here: counting. Not here: what a writer does when nothing is left
(writer.py).
"""

import asyncio
import mmap
from collections.abc import Sequence

PAGE = 1 << 20
"""Bytes charged at once; their memory is the kernel's until they are written to."""
FREE = 64 << 10
"""Bytes that each writer has free at first, so that the smallest always gets on."""
UNCHARGED = 16
"""One byte in so many of a buffer is left to those first ones, and to what is between sockets and pages."""


class Budget:
    """Shared by all writers of a process."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.taken = 0
        self.flying = 0
        """Bytes of it that are being sent: they come back without anybody's doing."""
        self._waiting: set[asyncio.Future[None]] = set()
        self._fillers: dict[object, int] = {}
        self._pages: list[memoryview] = []
        """Not in use."""

    def take(self, size: int) -> bool:
        """False when that is not there."""
        if self.taken + size > self.total:
            return False
        self.taken += size
        return True

    def take_page(self) -> memoryview | None:
        """Bytes that may hold anything; None when there is no more room."""
        if not self.take(PAGE):
            return None
        return self._pages.pop() if self._pages else memoryview(mmap.mmap(-1, PAGE))

    def give_pages(self, pages: Sequence[memoryview]) -> None:
        """Nobody may look at them any more."""
        self._pages += pages
        self.give(len(pages) * PAGE)
        if not self.taken:
            # A host at rest holds nothing.
            self._pages.clear()

    def take_anyway(self, size: int) -> None:
        """For tails that go into a part: one that waited for room here would hold what others wait for."""
        self.taken += size

    def give(self, size: int) -> None:
        self.taken -= size
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)

    def grow(self, filler: object, size: int) -> None:
        """`filler` holds so many bytes that are not being sent; 0 is none any more."""
        if size:
            self._fillers[filler] = size
        else:
            self._fillers.pop(filler, None)

    def is_largest(self, filler: object) -> bool:
        """Nobody holds more that is not being sent."""
        return self._fillers.get(filler, 0) >= max(self._fillers.values(), default=0)

    async def given_within(self, seconds: float) -> bool:
        """Whether somebody gave something back meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                await self.given()
        except TimeoutError:
            return False
        return True

    async def given(self) -> None:
        """Wait until somebody gives something back."""
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.add(waiting)
        try:
            await waiting
        finally:
            self._waiting.discard(waiting)
