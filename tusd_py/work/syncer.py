"""Durability "process": syncs in the background, and tells the truth after a power cut.

Belongs here: raising `synced_offset`, and declaring lost what never reached the medium. Not here: syncing
itself (storage_backends).
"""

from protocol.upload import Step, UploadId
from storage_backends.base import StorageBackend
from tusd_py.log import get_logger
from tusd_py.metadata.housekeeping import Housekeeping
from tusd_py.uploads.context import Context
from tusd_py.uploads.finish import SYSTEM

log = get_logger("tusd_py.work")

BATCH = 500
ORPHANED = 30_000_000
"""Microseconds without a change after which a living worker would have synced long ago."""


async def sync_written(backend: StorageBackend, housekeeping: Housekeeping, boot_id: str) -> None:
    """One turn of the background syncer. Raises StorageBroken, DatabaseError."""
    try:
        await housekeeping.raise_synced(await backend.sync_dirty())
    finally:
        await housekeeping.mark_unsyncable(backend.unsyncable(), boot_id)


async def adopt_unsynced(backend: StorageBackend, housekeeping: Housekeeping, boot_id: str) -> None:
    """What a worker wrote and did not live to sync is synced by whoever is left.

    Otherwise the next boot would call it lost, though it reached the medium long ago.
    """
    backend.adopt_dirty(await housekeeping.left_dirty(boot_id, ORPHANED, BATCH))


async def lose_unsynced(context: Context, housekeeping: Housekeeping, boot_id: str) -> int:
    """After a boot: acknowledged bytes that were never synced may be zeros now, so their uploads are lost."""
    lost, after = 0, ""
    while found := await housekeeping.dirty_from_other_boots(boot_id, after, BATCH):
        for upload_id in found:
            lost += await _lose(context, upload_id)
        after = found[-1]
    return lost


async def _lose(context: Context, upload_id: UploadId) -> bool:
    """False when it ended otherwise meanwhile: another worker that starts now does the same."""
    if await context.rows.end(upload_id, Step.LOSE, actor=SYSTEM) is None:
        return False
    context.meter.lost()
    log.error("upload.lost", upload=upload_id, reason="written but not synced before the machine stopped")
    return True
