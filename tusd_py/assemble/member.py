"""This worker among the others of its host.

Belongs here: becoming one of them, and ceasing to be. Not here: what one does (service.py).
"""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from tusd_py.errors import Refused
from tusd_py.leases import Leases
from tusd_py.liveness import Liveness, boot_id, new_worker_id
from tusd_py.log import get_logger
from tusd_py.metadata.database import DatabaseError
from tusd_py.metadata.host import Host
from tusd_py.metadata.workers import WorkerRows
from tusd_py.wakeups import Wakeups
from tusd_py.work.burial import TTL, bury_dead, renew

log = get_logger("tusd_py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A worker, as others see it."""

    id: str
    boot: str
    host: str
    liveness: Liveness
    wakeups: Wakeups

    async def register(self, workers: WorkerRows, leases: Leases, stack: AsyncExitStack) -> None:
        """Be there for the others until `stack` ends; then be buried, so that nobody waits for us.

        Raises Refused when the others are on another host.
        """
        await self._refuse_other_hosts(workers)
        self.wakeups.open(leases.heard)
        stack.callback(self.wakeups.close)
        await workers.register(self.id, self.host, self.boot, self.wakeups.address, TTL)
        stack.push_async_callback(self._leave, workers)

    async def _refuse_other_hosts(self, workers: WorkerRows) -> None:
        """Locks and files of a folder are this host's: another one would not see who is alive here."""
        here = Host.parse(self.host)
        for worker in await workers.alive():
            if not Host.parse(worker.host).is_same(here):
                raise Refused(
                    "another host serves from this database, with a data folder that this one cannot share",
                    hint=f"one host at a time; if that one is gone, try again in {TTL // 1_000_000} seconds",
                )

    async def _leave(self, workers: WorkerRows) -> None:
        try:
            await workers.bury(self.id)
        except DatabaseError as failed:
            # The others will, once our lock is free.
            log.warning("worker.not_buried", worker=self.id, error=str(failed))

    async def renew(self, workers: WorkerRows) -> None:
        """Raises Buried."""
        await renew(workers, self.id)

    async def bury_dead(self, workers: WorkerRows) -> None:
        """Those of this host whose process is gone."""
        await bury_dead(workers, self.liveness, self.wakeups, self.host)


def join(folder: Path, stack: AsyncExitStack) -> Member:
    """Take this worker's lock, which has to be held before any row names it."""
    worker = new_worker_id()
    liveness = Liveness(folder, worker)
    liveness.open()
    stack.callback(liveness.close)
    return Member(
        id=worker,
        boot=boot_id(),
        host=str(Host.this()),
        liveness=liveness,
        wakeups=Wakeups(folder, worker),
    )
