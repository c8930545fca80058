"""What is known of another worker: does it live, and how can it be asked?

The kernel knows about processes of its own, by their locks. Of everybody else only the database tells
something: until when they renewed. That somebody was silent is no proof of death, so what it writes to is
only ever taken by force.

Belongs here: whose word counts for whom. Not here: what follows from it (leases.py, work/burial.py).
"""

from dataclasses import dataclass, field
from enum import StrEnum

from .liveness import Liveness
from .metadata.host import Host
from .metadata.workers import Worker, WorkerRows

LISTENS = "listen"
POLLS = "poll"
"""What stands in a worker's address where several hosts serve: whether hints from other hosts reach it, or it
looks at its rows. Where one host serves, the path of its socket stands there."""

_REMEMBERED = 10_000
"""Workers whose place is known without asking; it never changes."""


class Standing(StrEnum):
    """How another worker stands."""

    DEAD = "dead"
    """Its process is gone, which the kernel has proven: it can write nothing any more."""
    NEAR = "near"
    """On this host, alive, perhaps frozen."""
    FAR = "far"
    """On another host; it renewed in time, and hints reach it."""
    DEAF = "deaf"
    """The same, but no hint reaches it: it looks at its rows."""
    SILENT = "silent"
    """On another host, and it did not, or was given up. It may be frozen, and wake."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Standings:
    """How the others stand, as one worker sees it."""

    workers: WorkerRows
    liveness: Liveness
    host: Host
    """With the folder of `liveness`."""
    spans_hosts: bool
    """Other hosts may write to the same bytes. Where they cannot, whoever ran here before this kernel
    booted is dead unless its lock is held."""
    _near: dict[str, bool] = field(default_factory=dict)

    async def of(self, worker: str) -> Standing:
        """How `worker`, another than ourselves, stands now. Raises DatabaseError."""
        near = self._near.get(worker)
        if near is True:
            return self._by_lock(worker)
        found = await self.workers.find(worker)
        if found is None:
            return Standing.SILENT  # rows of workers stay, so this is a row that nobody of ours wrote
        return self.of_row(found)

    def of_row(self, worker: Worker) -> Standing:
        """The same for a row that was just read."""
        if self._is_near(worker):
            return self._by_lock(worker.id)
        if worker.is_buried or not worker.is_alive:
            return Standing.SILENT
        return Standing.FAR if worker.address == LISTENS else Standing.DEAF

    def _is_near(self, worker: Worker) -> bool:
        near = self._near.get(worker.id)
        if near is None:
            if len(self._near) >= _REMEMBERED:
                self._near.clear()
            near = self._near[worker.id] = self._sees_its_lock(Host.parse(worker.host))
        return near

    def _sees_its_lock(self, other: Host) -> bool:
        if self.spans_hosts or self.host.boot == other.boot:
            return self.host.sees_locks_of(other)
        return True

    def _by_lock(self, worker: str) -> Standing:
        return Standing.DEAD if self.liveness.is_dead(worker) else Standing.NEAR
