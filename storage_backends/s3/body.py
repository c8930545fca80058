"""Bytes on their way to the store: blocks that stay where they are, and their digests.

Belongs here: a body that can be sent again. Not here: requests (wire.py).
"""

import asyncio
import base64
import hashlib
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
                await writer.write(block[start : start + PIECE])


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


async def proven(blocks: Sequence[Block], digest: Digest, *, signed: bool) -> Proven:
    """With the digests; large ones are made in a thread."""
    size = sum(memoryview(block).nbytes for block in blocks)
    if size < _IN_THREAD:
        return _proven(blocks, size, digest, signed=signed)
    return await asyncio.to_thread(_proven, blocks, size, digest, signed=signed)


def _proven(blocks: Sequence[Block], size: int, digest: Digest, *, signed: bool) -> Proven:
    sha256 = None
    if signed:
        hashed = hashlib.sha256()
        for block in blocks:
            hashed.update(block)
        sha256 = hashed.hexdigest()
    raw = _RAW[digest](blocks)
    return Proven(blocks=blocks, size=size, digest=base64.b64encode(raw).decode(), sha256=sha256)


def _md5(blocks: Sequence[Block]) -> bytes:
    hashed = hashlib.md5(usedforsecurity=False)
    for block in blocks:
        hashed.update(block)
    return hashed.digest()


def _crc32c(blocks: Sequence[Block]) -> bytes:
    value = 0
    for block in blocks:
        value = crc32c(block, value)
    return value.to_bytes(4, "big")


def _crc32(blocks: Sequence[Block]) -> bytes:
    value = 0
    for block in blocks:
        value = zlib.crc32(block, value)
    return value.to_bytes(4, "big")


def _crc64nvme(blocks: Sequence[Block]) -> bytes:
    try:
        from awscrt.checksums import crc64nvme  # noqa: PLC0415 - only when configured
    except ModuleNotFoundError:
        raise StorageError('s3_checksum = "crc64nvme" needs the package awscrt: pip install awscrt') from None
    value = 0
    for block in blocks:
        value = crc64nvme(bytes(block), value)
    return int(value).to_bytes(8, "big")


_RAW: dict[Digest, Callable[[Sequence[Block]], bytes]] = {
    Digest.MD5: _md5,
    Digest.CRC32C: _crc32c,
    Digest.CRC32: _crc32,
    Digest.CRC64NVME: _crc64nvme,
}
