"""Examining one version: its bytes, the scanner, and the SHA-256 of exactly what was scanned.

A verdict is bound to the storage identity, which is read before and after: bytes that changed meanwhile have
none. Belongs here: that. Not here: which version and when (workers.py), recording it (metadata/scans.py).
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from protocol.upload import Verdict
from storage_backends.base import StorageBackend, StorageChanged
from tusd_py.log import get_logger
from tusd_py.metadata.files import Version
from tusd_py.metadata.scans import Finding

from .scanner import Answer, Scanner

log = get_logger("tusd_py.scanning")

TOO_LONG = "longer than scan.max_size"
CHANGED = "changed since it was scanned"
_INLINE = 16 << 10
"""Bytes for whose hash a thread costs more than it saves."""


async def examine(
    backend: StorageBackend, scanner: Scanner, version: Version, *, engine: str, max_size: int
) -> Finding:
    """What the bytes of a version are now. `engine` is the scanner's version as of before the scan.

    Raises NoVerdict; StorageMissing and StorageError; StorageChanged when they changed during the scan.
    """
    before = await backend.stat(version.ref)
    if version.length > max_size:
        # Never sent: what lies beyond clamd's limits it would not look at.
        answer, sha256 = Answer(verdict=Verdict.UNSCANNABLE, name=TOO_LONG), None
    else:
        answer, sha256 = await _scanned(backend, scanner, version, before.identity)
    after = await backend.stat(version.ref)
    if after.identity != before.identity:
        raise StorageChanged(f"{version.ref} was {before.identity} and is {after.identity}")
    if not _is_of(version, sha256, before.identity):
        return _of_changed(version, answer, engine)
    return Finding(
        verdict=answer.verdict, name=answer.name, engine=engine, sha256=sha256, identity=after.identity
    )


def _is_of(version: Version, sha256: str | None, identity: str) -> bool:
    """Whether these are the bytes that were uploaded, or a copy of them, say from a backup."""
    if sha256 is not None and version.sha256 is not None:
        return sha256 == version.sha256
    return identity == version.identity or version.verdict is Verdict.UNKNOWN


def _of_changed(version: Version, answer: Answer, engine: str) -> Finding:
    """The version stays bound to the bytes that it had: no later scan may take these for them."""
    log.warning("scan.other_bytes", upload=version.upload_id, ref=version.ref)
    if answer.verdict is not Verdict.INFECTED:
        answer = Answer(verdict=Verdict.UNSCANNABLE, name=CHANGED)
    return Finding(
        verdict=answer.verdict, name=answer.name, engine=engine, sha256=None, identity=version.identity
    )


async def _scanned(
    backend: StorageBackend, scanner: Scanner, version: Version, identity: str
) -> tuple[Answer, str | None]:
    hashed = _Hashed()
    async with (
        aclosing(backend.read(version.ref, 0, version.length, identity=identity)) as blocks,
        aclosing(hashed.passing(blocks)) as passed,
    ):
        answer = await scanner.scan(passed)
    return answer, hashed.hexdigest(version.length)


class _Hashed:
    """Takes the hash of blocks that pass by, beside their being sent."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._length = 0

    async def passing(self, blocks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        loop = asyncio.get_running_loop()
        async for block in blocks:
            self._length += len(block)
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
