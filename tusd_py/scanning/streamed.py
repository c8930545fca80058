"""A verdict on what was streamed, bound to what is stored.

The stream was shown the blocks that went to storage, and the commit that moved the line says that they are
the upload. That no others took their place since is said by the storage identity, as after any scan. On any
doubt there is no finding, and the stored object is scanned from the start.

Belongs here: that. Not here: streams (streams.py), scans of stored bytes (examine.py).
"""

from protocol.upload import Verdict
from storage_backends.base import StorageBackend
from tusd_py.metadata.files import Version
from tusd_py.metadata.scans import Finding

from .prover import Prover
from .streams import Heard, Outcome, Stream


async def finding_of_stream(
    backend: StorageBackend, prover: Prover, stream: Stream, version: Version
) -> Finding | None:
    """What the version is, where that is certain. Raises StorageMissing and StorageError."""
    heard = await stream.heard()
    if heard is None:
        return None
    stored = await backend.stat(version.ref)
    if heard.standing != prover.standing or not _is_of(version, heard) or stored.identity != version.identity:
        stream.tell(Outcome.DOUBTED)
        return None
    return Finding(
        verdict=heard.answer.verdict,
        name=heard.answer.name,
        engine=heard.standing.engine,
        sha256=heard.sha256,
        identity=stored.identity,
        head=heard.head,
    )


def _is_of(version: Version, heard: Heard) -> bool:
    """Of a version that nobody has scanned, with as many bytes and no other digest."""
    if version.verdict is not Verdict.UNKNOWN or version.length != heard.length:
        return False
    return version.sha256 in (None, heard.sha256)
