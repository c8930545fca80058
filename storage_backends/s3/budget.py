"""How many bytes of bodies a process holds.

Bytes are charged a page at a time, as they come: a slow client holds what it sent and no more. What a part
holds is given back when it is stored. Belongs here: counting. Not here: what a writer does when nothing is
left (writer.py).
"""

import asyncio

PAGE = 256 << 10
"""Bytes charged at once. Each writer has its first page free, so that the smallest always gets on."""


class Budget:
    """Shared by all writers of a process."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.taken = 0
        self.flying = 0
        """Bytes of it that are being sent: they come back without anybody's doing."""
        self._waiting: set[asyncio.Future[None]] = set()

    def take(self, size: int) -> bool:
        """False when that is not there."""
        if self.taken + size > self.total:
            return False
        self.taken += size
        return True

    def take_anyway(self, size: int) -> None:
        """For tails that go into a part: one that waited for room here would hold what others wait for."""
        self.taken += size

    def give(self, size: int) -> None:
        self.taken -= size
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)

    async def given(self) -> None:
        """Wait until somebody gives something back."""
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.add(waiting)
        try:
            await waiting
        finally:
            self._waiting.discard(waiting)
