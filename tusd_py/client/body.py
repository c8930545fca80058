"""The bytes of one request, handed to the socket as fast as it takes them.

Belongs here: one pass over a range of a source, and what became of it. Not here: requests (wire.py).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from .sources import Source


@dataclass(slots=True, kw_only=True)
class Body:
    """Bytes [start, stop) of a source, iterated once. No generator, because those have to be closed."""

    source: Source
    start: int
    stop: int
    on_sent: Callable[[int], None]
    """Is told the offset up to which the socket took the bytes."""
    failure: Exception | None = None
    """Why it broke off: the source, or who watches. HTTP libraries only say that they could not write."""
    _at: int = field(init=False)
    _deadline: asyncio.Timeout | None = field(default=None, init=False)
    _seconds: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._at = self.start

    @property
    def size(self) -> int:
        return self.stop - self.start

    @property
    def handed_out(self) -> int:
        """The offset up to which bytes were handed out, whether or not the socket took the last of them."""
        return self._at

    @property
    def is_over(self) -> bool:
        """Every byte was handed out."""
        return self._at == self.stop

    def extend(self, deadline: asyncio.Timeout, seconds: float) -> None:
        """From now on, move the deadline to `seconds` from whenever bytes were taken."""
        self._deadline, self._seconds = deadline, seconds

    def leave_deadline(self) -> None:
        """The request is over, however it ended."""
        self._deadline = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            block = await self._next()
        except Exception as failed:
            # Kept, because the library that iterates would take it for a broken connection.
            self.failure = failed
            raise
        if not block:
            raise StopAsyncIteration
        return block

    async def _next(self) -> bytes:
        """The next block, once the last one was taken; empty at the end."""
        if self._at > self.start:
            self._taken()
        if self.is_over:
            return b""
        block = await self.source.read(self._at, self.stop)
        self._at += len(block)
        return block

    def _taken(self) -> None:
        if self._deadline is not None and not self._deadline.expired():
            self._deadline.reschedule(asyncio.get_running_loop().time() + self._seconds)
        self.on_sent(self._at)
