"""The service, put together: everything between the faces and the disk, for one worker.

Belongs here: the order of starting and stopping. Not here: HTTP (serve.py), the stores (stores.py), the
context of uploads (uploading.py), other parts (parts.py).
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from storage_backends.base import ObjectStore, OnDisk
from tusd_py.access.authenticate import Authenticator
from tusd_py.access.rates import RateTable
from tusd_py.config.settings import Settings
from tusd_py.leases import Leases
from tusd_py.live.feed import Feed
from tusd_py.log import get_logger
from tusd_py.metadata.catalogue import CatalogueRows
from tusd_py.metadata.database import Database, Query
from tusd_py.metadata.housekeeping import Housekeeping
from tusd_py.metadata.jobs import RESCAN, SCAN, JobRows
from tusd_py.metadata.minutes import MinuteRows
from tusd_py.metadata.scans import ScanRows
from tusd_py.metadata.workers import WorkerRows
from tusd_py.uploads.callbacks import Callbacks
from tusd_py.uploads.context import Context, Meter
from tusd_py.work.rounds import Round, once
from tusd_py.work.runner import JobRunner
from tusd_py.work.syncer import lose_unsynced, sync_written

from .access import make_authenticator
from .background import (
    counting,
    forgetting_events,
    indexing,
    keeping_history,
    make_rounds,
    make_runner,
    measuring,
    preparing_months,
    taking_in,
    working,
)
from .folder import usable
from .hooks import with_hooks
from .limits import exchanging_rates, make_rate_table
from .member import Member, take_seat
from .outbox import make_outbox
from .parts import make_notices, spans_hosts
from .scanning import Scanning
from .sharing import Sharing, make_sharing
from .stores import open_folders, open_stores
from .uploading import make_uploading

log = get_logger("tusd_py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A running service."""

    context: Context
    database: Database
    jobs: JobRunner
    scanning: Scanning | None
    scans: ScanRows
    authenticator: Authenticator | None
    """None where visitors are anonymous."""
    feed: Feed
    installation: str
    """Names it among others, in the ids of events."""
    sharing: Sharing
    rates: RateTable | None
    """Shared by the workers of a host; None where nobody is counted."""

    async def database_answers(self) -> None:
        """For /readyz; raises DatabaseError."""
        await self.database.read(Query("SELECT 1 AS one"))

    async def storage_answers(self) -> None:
        """For /readyz; raises StorageError, and StorageFull where it answers and no upload may begin."""
        backend = self.context.backend
        if isinstance(backend, ObjectStore):
            await backend.answers()
            return
        if isinstance(backend, OnDisk):
            await backend.free()
        await backend.ensure_room(0)

    async def drain(self, patience: float) -> None:
        """Every writer saves what it has and answers, within `patience` seconds; nothing new begins."""
        try:
            async with asyncio.timeout(patience):
                await self.context.leases.close()
        except TimeoutError:
            # What is not saved was not acknowledged; the next start goes on from the line.
            log.warning("service.stopped_with_writers")


@asynccontextmanager
async def open_service(
    settings: Settings,
    meter: Meter,
    *,
    given_up: Callable[[], None],
    callbacks: Callbacks | None = None,
    scans_here: bool | None = None,
) -> AsyncIterator[Service]:
    """Start everything, and stop it in the right order.

    `given_up` is called when the other workers buried this one: it must exit. `scans_here` says whether
    it scans, where there is a scanner; None is what the settings say of processes that serve. Raises Refused.
    """
    async with AsyncExitStack() as stack:
        folders = open_folders(settings, stack)
        with usable("service folder", "storage.service_dir"):
            seat = take_seat(folders.service / "workers", stack)
        stores = await open_stores(settings, folders.owner, stack)
        database, backend = stores.database, stores.backend
        workers, housekeeping, job_rows = WorkerRows(database), Housekeeping(database), JobRows(database)
        notices = make_notices(settings, database, seat.id)
        member = Member(seat, workers, notices, spans_hosts=spans_hosts(settings))
        uploading = make_uploading(
            settings,
            member,
            stores,
            job_rows,
            meter=meter,
            callbacks=with_hooks(settings, callbacks or Callbacks(), meter, stack),
            scans_here=settings.scan.in_server if scans_here is None else scans_here,
        )
        context, scanning = uploading.context, uploading.scanning
        authenticator = await make_authenticator(settings, database, stack)
        sharing = make_sharing(settings, context, database)
        context = sharing.links.context
        months = preparing_months(database)
        await once(months)
        await member.register(context.leases, stack)
        outbox = await make_outbox(
            settings, database, worker=seat.id, installation=stores.installation, meter=meter
        )
        await lose_unsynced(context, housekeeping, seat.host.boot)
        jobs = make_runner(context, job_rows, housekeeping)
        rates = make_rate_table(settings)
        queues = jobs.consumers if scanning is None else [*jobs.consumers, SCAN, RESCAN]
        history = keeping_history(settings, meter.tally, MinuteRows(database), seat.id)
        rounds = [
            *make_rounds(settings, context, housekeeping, workers, member),
            counting(queues, job_rows, meter),
            *measuring(backend, meter),
            months,
            *forgetting_events(settings, database),
            *history,
            indexing(CatalogueRows(database, context.rows.author)),
            *taking_in(database),
            *sharing.rounds,
            *exchanging_rates(settings, rates, database),
        ]
        forever = [jobs.run, *(scanning.forever if scanning else []), *outbox.forever]
        # Entered in the order of starting; left the other way round: writers save first, and are synced.
        boot = member.seat.host.boot
        sync = Round(name="sync", every=0, action=lambda: sync_written(backend, housekeeping, boot))
        stack.push_async_callback(once, sync)
        for last in history[:1]:
            stack.push_async_callback(once, last)
        stack.push_async_callback(once, sharing.writing)
        stack.push_async_callback(context.announcements.close)
        stack.push_async_callback(context.finishes.close)
        await stack.enter_async_context(working(forever, rounds, given_up))
        stack.push_async_callback(_end_writers, context.leases, settings.timeouts.shutdown / 2)
        log.info("service.started", worker=seat.id, storage=backend.name, database=database.name)
        feed = _make_feed(settings, database, meter)
        stack.push_async_callback(feed.close)
        yield Service(
            context=context,
            database=database,
            jobs=jobs,
            scanning=scanning,
            scans=uploading.scans,
            authenticator=authenticator,
            feed=feed,
            installation=stores.installation,
            sharing=sharing,
            rates=rates,
        )


async def _end_writers(leases: Leases, patience: float) -> None:
    """Those that a server which is not ours left to us: `patience` seconds to save, and to be cut off."""
    for _ in range(2):
        try:
            async with asyncio.timeout(patience):
                await leases.close()
                return
        except TimeoutError:
            log.warning("service.stopped_with_writers")
            leases.cut_off()


def _make_feed(settings: Settings, database: Database, meter: Meter) -> Feed:
    return Feed(
        database,
        look_every=settings.events.look_interval,
        most=settings.live.listeners,
        most_of_one=settings.live.listeners_per_user,
        meter=meter,
    )
