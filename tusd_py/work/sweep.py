"""The sweep: no bytes without a row.

Names are written to the database before the bytes are made, except a worker's attempts, which carry its
id; those are removed only once that worker is buried, and then it can never name them. So whatever no row
names here was given up, however long a frozen process may sleep.

Belongs here: finding and removing such bytes. Not here: rows without bytes (fsck, `lost`).
"""

from storage_backends.base import ObjectStore, StorageBackend, Unfinished
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
    if isinstance(backend, ObjectStore):
        removed += await _abort_unfinished(backend, housekeeping, workers)
    return removed


async def _abort_unfinished(store: ObjectStore, housekeeping: Housekeeping, workers: WorkerRows) -> list[str]:
    aborted = []
    async for unfinished in store.unfinished():
        name = parse_ref(unfinished.ref)
        if name is None or not await _is_forsaken(unfinished, name, housekeeping, workers):
            continue
        await store.abort(unfinished)
        aborted.append(unfinished.ref)
        log.info("sweep.aborted", ref=unfinished.ref)
    return aborted


async def _is_forsaken(
    unfinished: Unfinished, name: RefName, housekeeping: Housekeeping, workers: WorkerRows
) -> bool:
    """True when no row names what was begun, and none ever will.

    Only who holds an upload begins something for it. So what its row does not name although nobody holds it
    was begun by a writer whose lease is over.
    """
    if name.worker is not None:
        worker = await workers.find(name.worker)
        return worker is None or worker.is_buried
    needed = await housekeeping.memory_needed(name.key)
    if needed is None:
        return True
    holder, memory = needed
    return holder is None and unfinished.token not in memory


async def is_given_up(ref: str, name: RefName, housekeeping: Housekeeping, workers: WorkerRows) -> bool:
    """True when no row names these bytes and none ever will."""
    if name.worker is not None:
        worker = await workers.find(name.worker)
        if worker is not None and not worker.is_buried:
            return False
    return ref not in await housekeeping.refs_named(name.key)
