"""Examining one version: its bytes, the scanner, and the SHA-256 of exactly what was scanned.

A verdict is bound to the storage identity, which is read before and after: bytes that changed meanwhile have
none. Belongs here: that. Not here: which version and when (workers.py), recording it (metadata/scans.py).
"""

from contextlib import aclosing

from protocol.upload import Verdict
from storage_backends.base import StorageBackend, StorageChanged
from tusd_py.log import get_logger
from tusd_py.metadata.files import Version
from tusd_py.metadata.scans import Finding

from .hashed import Hashed
from .scanner import Answer, Scanner

log = get_logger("tusd_py.scanning")

TOO_LONG = "longer than scan.max_size"
CHANGED = "changed since it was scanned"


async def examine(
    backend: StorageBackend, scanner: Scanner, version: Version, *, engine: str, max_size: int
) -> Finding:
    """What the bytes of a version are now. `engine` is the scanner's version as of before the scan.

    Raises NoVerdict; StorageMissing and StorageError; StorageChanged when they changed during the scan.
    """
    before = await backend.stat(version.ref)
    if version.length > max_size:
        # Never sent: what lies beyond clamd's limits it would not look at.
        answer, sha256, head = Answer(verdict=Verdict.UNSCANNABLE, name=TOO_LONG), None, b""
    else:
        answer, sha256, head = await _scanned(backend, scanner, version, before.identity)
    after = await backend.stat(version.ref)
    if after.identity != before.identity:
        raise StorageChanged(f"{version.ref} was {before.identity} and is {after.identity}")
    if not _is_of(version, sha256, before.identity):
        return _of_changed(version, answer, engine)
    return Finding(
        verdict=answer.verdict,
        name=answer.name,
        engine=engine,
        sha256=sha256,
        identity=after.identity,
        head=head,
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
) -> tuple[Answer, str | None, bytes]:
    hashed = Hashed()
    async with (
        aclosing(backend.read(version.ref, 0, version.length, identity=identity)) as blocks,
        aclosing(hashed.passing(blocks)) as passed,
    ):
        answer = await scanner.scan(passed)
    return answer, hashed.hexdigest(version.length), hashed.head
