"""This worker among the others of its host, and of other hosts.

Belongs here: becoming one of them, and ceasing to be. Not here: what one does (service.py).
"""

import socket
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from tusd_py.errors import Refused
from tusd_py.leases import LOOK_AT_ROWS_EVERY, Leases
from tusd_py.liveness import Liveness, new_worker_id
from tusd_py.log import get_logger
from tusd_py.metadata.database import DatabaseError
from tusd_py.metadata.host import Host
from tusd_py.metadata.workers import Worker, WorkerRows
from tusd_py.standing import LISTENS, POLLS, Standings
from tusd_py.wakeups import Wakeups
from tusd_py.work.burial import RENEW_EVERY, TTL, Burials, Pulse, Silences
from tusd_py.work.rounds import Round

from .notices import Notices

log = get_logger("tusd_py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """What a worker has before there is a database: a name, and a lock that says that it lives."""

    id: str
    host: Host
    liveness: Liveness
    wakeups: Wakeups


def take_seat(folder: Path, stack: AsyncExitStack) -> Seat:
    """Take this worker's lock, which has to be held before any row names it."""
    worker = new_worker_id()
    liveness = Liveness(folder, worker)
    liveness.open()
    stack.callback(liveness.close)
    return Seat(
        id=worker,
        host=Host.this().with_locks_in(liveness.folder()),
        liveness=liveness,
        wakeups=Wakeups(folder, worker),
    )


class Member:
    """A worker, as others see it."""

    def __init__(
        self, seat: Seat, workers: WorkerRows, notices: Notices | None, *, spans_hosts: bool
    ) -> None:
        """`notices` carries hints to other hosts; None where there can be none.

        `spans_hosts` as in Standings: it may be true of the bytes also where only one host serves at a time.
        """
        self.seat = seat
        self.standings = Standings(
            workers=workers, liveness=seat.liveness, host=seat.host, spans_hosts=spans_hosts
        )
        self._workers = workers
        self._notices = notices
        self._burials = Burials(
            workers=workers,
            standings=self.standings,
            wakeups=seat.wakeups,
            pulse=Pulse(time.monotonic),
            silences=Silences(time.monotonic),
            worker=seat.id,
        )

    async def register(self, leases: Leases, stack: AsyncExitStack) -> None:
        """Be there for the others until `stack` ends; then be buried, so that nobody waits for us.

        Raises Refused when others serve whom we may not join, or hints cannot be heard as configured.
        """
        await self._refuse_strangers()
        wakeups = self.seat.wakeups
        wakeups.open(leases.heard)
        stack.callback(wakeups.close)
        address = wakeups.address
        if self._notices is not None:
            await self._notices.open(wakeups.receive)
            stack.push_async_callback(self._notices.close)
            wakeups.reach(self._notices)
            address = LISTENS if self._notices.listens else POLLS
        host, node = self.seat.host, socket.gethostname()
        await self._workers.register(self.seat.id, str(host), host.boot, address, TTL, node=node)
        stack.push_async_callback(self._leave)
        await self._burials.bury()

    def rounds(self, leases: Leases) -> list[Round]:
        """What has to be done all the time to be one of them."""
        rounds = [
            Round(name="renew", every=RENEW_EVERY, action=self._burials.renew),
            Round(name="bury", every=RENEW_EVERY, action=self._burials.bury),
        ]
        if self._notices is not None:
            rounds.append(Round(name="look", every=LOOK_AT_ROWS_EVERY, action=lambda: self._look(leases)))
        return rounds

    async def _look(self, leases: Leases) -> None:
        if not self.seat.wakeups.hears_other_hosts:
            await leases.look_at_rows()

    async def _refuse_strangers(self) -> None:
        for worker in await self._workers.alive():
            refuse = self._refuse_alone if self._notices is None else _refuse_to_join
            if not self.seat.host.sees_locks_of(Host.parse(worker.host)):
                refuse(worker)

    def _refuse_alone(self, worker: Worker) -> None:
        """One host at a time: another one would not see who is alive here, and we not who is there."""
        here, there = self.seat.host, Host.parse(worker.host)
        if here.boot != there.boot and here.is_same(there):
            return  # this machine, before it was started again
        raise Refused(
            "another host or container serves from this database, and storage.shared does not say that both "
            "have the same upload_dir",
            hint="several need Postgres and storage.shared = true; if the other one is gone, try again in "
            f"{TTL // 1_000_000} seconds",
        )

    async def _leave(self) -> None:
        try:
            await self._workers.bury(self.seat.id)
        except DatabaseError as failed:
            # The others will, once our lock is free.
            log.warning("worker.not_buried", worker=self.seat.id, error=str(failed))


def _refuse_to_join(worker: Worker) -> None:
    """Whoever serves alone takes us for dead, because it cannot see our lock."""
    if worker.address not in (LISTENS, POLLS):
        raise Refused(
            "another host or container serves from this database without storage.shared = true",
            hint=f"set it everywhere, {TTL // 1_000_000} seconds after the last one without it has ended",
        )
