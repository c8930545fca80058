"""Liveness of workers: renewing our own, and burying those that are gone.

Belongs here: one round of each. Not here: locks (liveness.py), rows (metadata/workers.py).
"""

from tusd_py.liveness import Liveness
from tusd_py.log import get_logger
from tusd_py.metadata.workers import WorkerRows
from tusd_py.wakeups import Wakeups

log = get_logger("tusd_py.work")

TTL = 30_000_000
"""Microseconds for which a worker that does not renew counts as alive."""
RENEW_EVERY = 5.0
"""Seconds."""


async def renew(workers: WorkerRows, worker: str) -> None:
    """Raises Buried when the others gave us up."""
    await workers.renew(worker, TTL)


async def bury_dead(workers: WorkerRows, liveness: Liveness, wakeups: Wakeups, host: str) -> int:
    """Bury the workers whose process is gone; how many.

    Only the dead: one that is frozen keeps its lock, and may wake and go on where nobody overtook it. The
    locks are those of this host, whose name changes with every boot; so one under another name must also have
    been silent for its time.
    """
    buried = 0
    for worker in await workers.unburied():
        is_elsewhere = worker.host != host and worker.is_alive
        if is_elsewhere or not liveness.is_dead(worker.id):
            continue
        if await workers.bury(worker.id):
            log.info("worker.buried", worker=worker.id)
            buried += 1
        liveness.forget(worker.id)
        wakeups.forget(worker.id)
    return buried
