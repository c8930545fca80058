"""The SHA-256 of what passes by on its way to the scanner.

Belongs here: hashing beside sending. Not here: what the hash is compared with (examine.py, streams.py).
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator

from tusd_py.sniffing import LONGEST

_INLINE = 16 << 10
"""Bytes for whose hash a thread costs more than it saves."""


class Hashed:
    """Takes the hash of blocks that pass by, beside their being sent."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._length = 0
        self.head = b""
        """The first bytes, for whoever wants to know what they look like."""

    async def passing(self, blocks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        loop = asyncio.get_running_loop()
        async for block in blocks:
            self._length += len(block)
            if len(self.head) < LONGEST:
                self.head += block[: LONGEST - len(self.head)]
            if len(block) <= _INLINE:
                self._digest.update(block)
                yield block
                continue
            hashing = loop.run_in_executor(None, self._digest.update, block)
            try:
                yield block
            finally:
                await hashing

    def hexdigest(self, length: int) -> str | None:
        """None when not all of it came by."""
        return self._digest.hexdigest() if self._length == length else None
