"""A stream that cannot be rewound, made to be sent again as far as the server does not have it.

Belongs here: holding those bytes, and no more than those. Not here: what has a length (sources.py).
"""

from collections.abc import AsyncIterable

from .errors import SourceSpent

_BLOCK = 1 << 19


class StreamSource:
    """Bytes of an iterator; at most about `held` of them in memory, and one piece of the iterator."""

    def __init__(self, pieces: AsyncIterable[bytes], held: int) -> None:
        self._pieces = aiter(pieces)
        self._held = held
        self._bytes = bytearray()
        self._floor = 0
        self._length: int | None = None

    @property
    def length(self) -> int | None:
        return self._length

    @property
    def floor(self) -> int:
        return self._floor

    async def reach(self, start: int, size: int) -> int:
        self._let_go(start)
        wanted = min(size, self._held) if size else self._held
        # One byte more than wanted tells whether these are the last, whose request says the length.
        while self._length is None and len(self._bytes) <= wanted:
            piece = await anext(self._pieces, None)
            if piece is None:
                self._length = self._floor + len(self._bytes)
            else:
                self._bytes += piece
        return start + min(wanted, len(self._bytes))

    async def read(self, start: int, stop: int) -> bytes:
        first = start - self._floor
        return bytes(self._bytes[first : min(stop - self._floor, first + _BLOCK)])

    def _let_go(self, start: int) -> None:
        """Of what the server has. Raises SourceSpent."""
        if not self._floor <= start <= self._floor + len(self._bytes):
            raise SourceSpent(
                f"the server wants the stream from byte {start} on, "
                f"bytes {self._floor} to {self._floor + len(self._bytes)} are held"
            )
        del self._bytes[: start - self._floor]
        self._floor = start
