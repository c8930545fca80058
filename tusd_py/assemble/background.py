"""What a worker does when nobody is waiting: jobs from the database, and rounds by the clock.

Belongs here: which, and how often. Not here: what each does (work/).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress

from protocol.upload import UploadId
from storage_backends.base import OnDisk, StorageBackend
from tusd_py.config.settings import Settings
from tusd_py.log import get_logger
from tusd_py.metadata.catalogue import CatalogueRows
from tusd_py.metadata.database import Buried, Database
from tusd_py.metadata.event_months import EventMonths
from tusd_py.metadata.event_retention import EventRetention
from tusd_py.metadata.housekeeping import Housekeeping
from tusd_py.metadata.jobs import JobRows
from tusd_py.metadata.minutes import MinuteRows
from tusd_py.metadata.relays import RelayRows
from tusd_py.metadata.search_index import SearchIndex
from tusd_py.metadata.workers import WorkerRows
from tusd_py.uploads.context import Context, Meter
from tusd_py.uploads.finish import finish_by_id
from tusd_py.uploads.tally import Tally
from tusd_py.work.minutes import tell_minute
from tusd_py.work.purge import purge
from tusd_py.work.reaper import reap
from tusd_py.work.rounds import Round, walk
from tusd_py.work.runner import JobRunner
from tusd_py.work.sweep import sweep
from tusd_py.work.syncer import adopt_unsynced, sync_written

from .member import Member

log = get_logger("tusd_py")

ADOPT_EVERY = 15.0
"""Seconds between looks for bytes that a dead worker did not sync."""
MINUTE = 60.0
"""Seconds between two rows of what a worker did."""
FORGET_EVERY = 3600.0
"""Seconds between looks for such rows that are old."""
PREPARE_EVERY = 6 * 3600.0
"""Seconds between looks whether the partitions of the next months are there."""
MEASURE_EVERY = 10.0
"""Seconds between looks for the metric of free space."""
COUNT_JOBS_EVERY = 10.0
"""Seconds between looks for the metric of waiting jobs."""
TAKE_IN_EVERY = 1.0
"""Seconds that new files are gathered for the full-text index; a search looks at each until then."""
INDEX_EVERY = 60.0
"""Seconds between looks for files that nobody can find yet; after an update only."""
INDEXED_AT_ONCE = 200
"""Files indexed by one commit, which clients' commits wait for."""
LOOK_FOR_JOBS_EVERY = 2.0
"""Seconds; jobs of this worker's own requests are run at once."""


def make_runner(context: Context, rows: JobRows, housekeeping: Housekeeping) -> JobRunner:
    """The jobs of this worker."""

    async def run_finish(subject: str) -> None:
        seen = await context.rows.find(UploadId(subject))
        await finish_by_id(context, seen.upload if seen else None)

    async def run_purge(subject: str) -> None:
        await purge(context.backend, housekeeping, subject)

    return JobRunner(
        rows,
        {"finish": run_finish, "purge": run_purge},
        worker=context.worker,
        look_every=LOOK_FOR_JOBS_EVERY,
    )


def make_rounds(
    settings: Settings, context: Context, housekeeping: Housekeeping, workers: WorkerRows, member: Member
) -> list[Round]:
    """The rounds of this worker."""
    backend = context.backend
    return [
        *member.rounds(context.leases),
        Round(name="reap", every=settings.uploads.reap_interval, action=lambda: reap(context, housekeeping)),
        *_sweeping(settings, backend, housekeeping, workers),
        Round(
            name="sync",
            every=settings.storage.sync_interval,
            action=lambda: sync_written(backend, housekeeping, member.seat.host.boot),
        ),
        Round(
            name="adopt",
            every=ADOPT_EVERY,
            action=lambda: adopt_unsynced(backend, housekeeping, member.seat.host.boot),
        ),
    ]


def _sweeping(
    settings: Settings, backend: StorageBackend, housekeeping: Housekeeping, workers: WorkerRows
) -> list[Round]:
    """None where nothing is to be deleted that somebody may still want back."""
    if not (every := settings.storage.sweep_interval):
        return []
    return [Round(name="sweep", every=every, action=lambda: sweep(backend, housekeeping, workers))]


def indexing(catalogue: CatalogueRows) -> Round:
    """Cuts the words of files from before there was a search."""

    async def index() -> None:
        indexed = INDEXED_AT_ONCE
        while indexed == INDEXED_AT_ONCE:
            indexed = await catalogue.index_some(INDEXED_AT_ONCE)

    return Round(name="index", every=INDEX_EVERY, action=index)


def taking_in(database: Database) -> list[Round]:
    """Gives new files to the full-text index; none where the database does that."""
    if database.name == "postgres":
        return []
    return [Round(name="take_in", every=TAKE_IN_EVERY, action=SearchIndex(database).take_in)]


def counting(consumers: Sequence[str], rows: JobRows, meter: Meter) -> Round:
    """Keeps the metric of waiting jobs."""

    async def count() -> None:
        counted = {one.consumer: one for one in await rows.backlog()}
        for consumer in consumers:
            backlog = counted.get(consumer)
            total, running = (backlog.total, backlog.claimed) if backlog else (0, 0)
            meter.waiting(consumer, total - running, running)

    return Round(name="count", every=COUNT_JOBS_EVERY, action=count)


def measuring(backend: StorageBackend, meter: Meter) -> list[Round]:
    """Keeps the metric of free space; none where nobody knows how much that is."""
    if not isinstance(backend, OnDisk):
        return []
    disk = backend

    async def measure() -> None:
        meter.has_free(await disk.free())

    return [Round(name="measure", every=MEASURE_EVERY, action=measure)]


def keeping_history(settings: Settings, tally: Tally, rows: MinuteRows, worker: str) -> list[Round]:
    """What operators' plots are made of: telling it, first, and forgetting it; none where nothing is kept."""
    kept = round(settings.metrics.history * 1e6)
    if not kept:
        return []
    return [
        Round(name="minute", every=MINUTE, action=lambda: tell_minute(tally, rows, worker)),
        Round(name="forget_minutes", every=FORGET_EVERY, action=lambda: rows.forget(kept)),
    ]


def preparing_months(database: Database) -> Round:
    """Makes the partitions of events that are still to come; to be done once before the first one."""
    return Round(name="event_months", every=PREPARE_EVERY, action=EventMonths(database).prepare)


def forgetting_events(settings: Settings, database: Database) -> list[Round]:
    """Of the log, and of what was not delivered; none of what is kept for ever."""
    events, rounds = settings.events, []
    if age := round(events.retention * 1e6):
        retention = EventRetention(database)
        rounds.append(Round(name="forget_events", every=FORGET_EVERY, action=lambda: retention.forget(age)))
    if dead := round(events.dead_retention * 1e6):
        relays = RelayRows(database)
        rounds.append(Round(name="forget_deliveries", every=FORGET_EVERY, action=lambda: relays.purge(dead)))
    return rounds


@asynccontextmanager
async def working(
    forever: Sequence[Callable[[], Coroutine[None, None, None]]],
    rounds: list[Round],
    given_up: Callable[[], None],
) -> AsyncIterator[None]:
    """Do all of it while inside; `given_up` is called when the others buried this worker."""

    async def all_rounds() -> None:
        try:
            await walk(rounds)
        except* Buried:
            log.error("worker.given_up")  # noqa: TRY400 - no fault of this code
            given_up()

    tasks = [asyncio.create_task(all_rounds()), *(asyncio.create_task(run()) for run in forever)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
