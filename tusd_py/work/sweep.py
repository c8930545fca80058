"""The sweep: no bytes without a row.

Names are written to the database before the bytes are made, except a worker's attempts, which carry its
id; those are removed only once that worker is buried, and then it can never name them. So whatever no row
names here was given up, however long a frozen process may sleep.

Belongs here: finding and removing such bytes. Not here: rows without bytes (fsck, `lost`).
"""

from storage_backends.base import StorageBackend
from storage_backends.refs import RefName, parse_ref
from tusd_py.log import get_logger
from tusd_py.metadata.housekeeping import Housekeeping
from tusd_py.metadata.workers import WorkerRows

log = get_logger("tusd_py.work")


async def sweep(backend: StorageBackend, housekeeping: Housekeeping, workers: WorkerRows) -> list[str]:
    """The names that were removed."""
    removed = []
    async for listed in backend.list():
        name = parse_ref(listed.ref)
        if name is None or not await is_given_up(listed.ref, name, housekeeping, workers):
            continue
        await backend.delete([listed.ref])
        removed.append(listed.ref)
        log.info("sweep.removed", ref=listed.ref, size=listed.size)
    await backend.remove_empty_folders()
    return removed


async def is_given_up(ref: str, name: RefName, housekeeping: Housekeeping, workers: WorkerRows) -> bool:
    """True when no row names these bytes and none ever will."""
    if name.worker is not None:
        worker = await workers.find(name.worker)
        if worker is not None and not worker.is_buried:
            return False
    return ref not in await housekeeping.refs_named(name.key)
