"""What the wrong server remembers of uploads of the draft, and who writes to them.

Belongs here: uploads in memory. Not here: requests.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from tests.conformance.wrong_server.http import Request


@dataclass(kw_only=True, eq=False)
class Running:
    """A request that brings content."""

    writer: asyncio.StreamWriter
    done: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(kw_only=True, eq=False)
class Draft:
    path: str
    expires: float
    length: int | None = None
    content: bytearray = field(default_factory=bytearray)
    disposition: str = ""
    digest: str = ""
    """Repr-Digest of the creation."""
    is_complete: bool = False
    is_gone: bool = False
    """It was cancelled, or became invalid."""
    told: int = 0
    """How often its limits were told."""
    running: Running | None = None

    @contextlib.asynccontextmanager
    async def written_by(self, request: Request) -> AsyncIterator[None]:
        mine = self.running = Running(writer=request.writer)
        try:
            yield
        finally:
            mine.done.set()
            if self.running is mine:
                self.running = None

    async def end_running(self) -> None:
        """Hang up on the request that writes, and wait until it has kept what came."""
        while self.running is not None:
            running = self.running
            running.writer.close()
            await running.done.wait()
