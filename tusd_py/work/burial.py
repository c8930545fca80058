"""Liveness of workers: renewing our own, and burying those that are gone.

Belongs here: one round of each. Not here: whose word counts (standing.py), rows (metadata/workers.py).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tusd_py.log import get_logger
from tusd_py.metadata.host import Host
from tusd_py.metadata.workers import Worker, WorkerRows
from tusd_py.standing import Standing, Standings
from tusd_py.wakeups import Wakeups

log = get_logger("tusd_py.work")

TTL = 30_000_000
"""Microseconds for which a worker that does not renew counts as alive."""
RENEW_EVERY = 5.0
"""Seconds."""
_LATE = 3 * RENEW_EVERY
"""Seconds between two renewals after which we cannot say what happened in between."""


class Pulse:
    """Our own renewals. Whoever could not reach the database may not judge others by their silence there.

    After an outage the first one back would otherwise bury all that were cut off with it.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` gives seconds that never go back."""
        self._clock = clock
        self._last = self._steady_since = clock()

    def beat(self) -> None:
        """We renewed."""
        now = self._clock()
        if now - self._last > _LATE:
            self._steady_since = now
        self._last = now

    @property
    def is_steady(self) -> bool:
        """We renewed in time for as long as a worker may be silent."""
        now = self._clock()
        return now - self._last <= _LATE and now - self._steady_since >= TTL / 1_000_000


class Silences:
    """For how long we have looked at workers that did not renew, by a clock of ours.

    That of the database jumps when it is set, or another server takes over: all would be silent at once.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` gives seconds that never go back."""
        self._clock = clock
        self._seen: dict[str, tuple[int, float]] = {}

    def look(self, workers: Sequence[Worker]) -> None:
        """All that are not buried, as they are now."""
        now, before = self._clock(), self._seen
        self._seen = {}
        for worker in workers:
            alive_until, since = before.get(worker.id, (None, now))
            is_same = alive_until == worker.alive_until
            self._seen[worker.id] = (worker.alive_until, since if is_same else now)

    def is_long(self, worker: Worker) -> bool:
        """As long as a worker may be silent."""
        return self._clock() - self._seen[worker.id][1] >= TTL / 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Burials:
    """Gives up workers that are gone, in the name of `worker`."""

    workers: WorkerRows
    standings: Standings
    wakeups: Wakeups
    pulse: Pulse
    silences: Silences
    worker: str

    async def renew(self) -> None:
        """Raises Buried when the others gave us up."""
        await self.workers.renew(self.worker, TTL)
        self.pulse.beat()

    async def bury(self) -> int:
        """Bury the workers that are gone; how many.

        On this host those whose process is: one that is frozen keeps its lock, and may wake and go on where
        nobody overtook it. On other hosts those that were silent for their time, by our clock too.
        """
        buried = 0
        unburied = await self.workers.unburied()
        self.silences.look(unburied)
        for worker in unburied:
            standing = self.standings.of_row(worker)
            if worker.id == self.worker or not self._is_gone(worker, standing):
                continue
            if await self.workers.bury(worker.id):
                log.info("worker.buried", worker=worker.id)
                buried += 1
            if standing is Standing.DEAD:
                # A silent one may be frozen, and its lock tells those beside it: in this very folder, where
                # hosts share it.
                self.standings.liveness.forget(worker.id)
                self.wakeups.forget(worker.id)
        return buried

    def _is_gone(self, worker: Worker, standing: Standing) -> bool:
        if standing is Standing.DEAD:
            # What this kernel says of a worker of an earlier boot, it must also have been silent for.
            return not worker.is_alive or self.standings.host.sees_locks_of(Host.parse(worker.host))
        return standing is Standing.SILENT and self.pulse.is_steady and self.silences.is_long(worker)
