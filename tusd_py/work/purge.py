"""The purge job: removes the bytes of an upload that ended."""

from protocol.upload import UploadId
from storage_backends.base import StorageBackend
from tusd_py.metadata.housekeeping import Housekeeping


async def purge(backend: StorageBackend, housekeeping: Housekeeping, upload_id: str) -> None:
    """Idempotent. A frozen writer may still write, into files that have no name any more."""
    await backend.delete(await housekeeping.refs_to_purge(UploadId(upload_id)))
