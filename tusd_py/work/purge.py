"""The purge job: removes the bytes of an upload that ended."""

from protocol.upload import UploadId
from storage_backends.base import ObjectStore, StorageBackend
from tusd_py.metadata.housekeeping import Housekeeping


async def purge(backend: StorageBackend, housekeeping: Housekeeping, upload_id: str) -> None:
    """Idempotent. A frozen writer may still write, into files that have no name any more."""
    if isinstance(backend, ObjectStore):
        # First: an object that is completed just now would come after its deletion.
        discarded = await housekeeping.memory_to_discard(UploadId(upload_id))
        if discarded is not None:
            await backend.discard(*discarded)
    await backend.delete(await housekeeping.refs_to_purge(UploadId(upload_id)))
