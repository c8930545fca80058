"""Bytes on their way to the store: blocks that stay where they are, and their digests.

Belongs here: a body that can be sent again. Not here: requests (wire.py).
"""

import asyncio
import base64
import hashlib
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from aiohttp import Payload
from aiohttp.abc import AbstractStreamWriter
from crc32c import crc32c

from storage_backends.base import Block, StorageError

from .profiles import Digest

PIECE = 256 << 10
"""Bytes handed to the socket at once: larger ones cost copies (perf: 0.15 against 0.8 CPU seconds a GiB)."""

_IN_THREAD = 1 << 20
"""Bytes from which on a digest is made beside the event loop."""


class Blocks(Payload):
    """A request body out of memory; every attempt sends it from the start."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        super().__init__(blocks, content_type="application/octet-stream")
        self._blocks = [memoryview(block).cast("B") for block in blocks]
        self._size = sum(map(len, self._blocks))

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:  # noqa: ARG002 - aiohttp's
        raise TypeError("a body of bytes is no text")

    async def write(self, writer: AbstractStreamWriter) -> None:
        for block in self._blocks:
            for start in range(0, len(block), PIECE):
                # A copy: from Python 3.12 on a transport keeps what it was given, and goes on sending it
                # after the request was given up, when the page holds another upload's bytes.
                await writer.write(bytes(block[start : start + PIECE]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """Blocks and what proves them to the store."""

    blocks: Sequence[Block]
    size: int
    digest: str
    """Base64, as the row keeps it."""
    sha256: str | None
    """Hex, where the signature covers the body."""

    def headers(self, digest: Digest) -> dict[str, str]:
        if digest is Digest.MD5:
            return {"Content-MD5": self.digest}
        return {f"x-amz-checksum-{digest.value}": self.digest}


class Sum:
    """A digest that follows bytes as they come."""

    def __init__(self, digest: Digest) -> None:
        self._running = _RUNNING[digest]()
        self.size = 0
        """Bytes so far."""

    def update(self, block: Block) -> None:
        """Large blocks leave the interpreter to other threads."""
        self._running.update(block)
        self.size += memoryview(block).nbytes

    def digest(self) -> bytes:
        """Of everything so far."""
        return self._running.digest()


async def proven(
    blocks: Sequence[Block], digest: Digest, *, signed: bool, begun: Sum | None = None
) -> Proven:
    """With the digests; what is large is made in a thread. `begun` has taken in the first bytes already."""
    size = sum(memoryview(block).nbytes for block in blocks)
    begun = begun or Sum(digest)
    if not signed and size - begun.size < _IN_THREAD:
        return _proven(blocks, size, begun, signed=signed)
    return await asyncio.to_thread(_proven, blocks, size, begun, signed=signed)


def _proven(blocks: Sequence[Block], size: int, begun: Sum, *, signed: bool) -> Proven:
    sha256 = None
    if signed:
        hashed = hashlib.sha256()
        for block in blocks:
            hashed.update(block)
        sha256 = hashed.hexdigest()
    skipped = begun.size
    for block in blocks:
        view = memoryview(block).cast("B")
        rest, skipped = view[skipped:], max(0, skipped - len(view))
        if rest:
            begun.update(rest)
    return Proven(blocks=blocks, size=size, digest=base64.b64encode(begun.digest()).decode(), sha256=sha256)


class _Running(Protocol):
    def update(self, block: Block, /) -> None: ...

    def digest(self) -> bytes: ...


class _Crc:
    """A checksum that is a number."""

    def __init__(self, step: Callable[[Block, int], int], width: int) -> None:
        self._step = step
        self._width = width
        self._value = 0

    def update(self, block: Block) -> None:
        self._value = self._step(block, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._width, "big")


def _md5() -> _Running:
    return hashlib.md5(usedforsecurity=False)


def _crc64nvme() -> _Crc:
    try:
        from awscrt.checksums import crc64nvme  # noqa: PLC0415 - only when configured
    except ModuleNotFoundError:
        raise StorageError('s3_checksum = "crc64nvme" needs the package awscrt: pip install awscrt') from None
    return _Crc(lambda block, value: int(crc64nvme(bytes(block), value)), 8)


_RUNNING: Mapping[Digest, Callable[[], _Running]] = {
    Digest.MD5: _md5,
    Digest.CRC32C: lambda: _Crc(crc32c, 4),
    Digest.CRC32: lambda: _Crc(zlib.crc32, 4),
    Digest.CRC64NVME: _crc64nvme,
}
