"""What a worker does when nobody is waiting: jobs from the database, and rounds by the clock.

Belongs here: which, and how often. Not here: what each does (work/).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress

from protocol.upload import UploadId
from tusd_py.config.settings import Settings
from tusd_py.log import get_logger
from tusd_py.metadata.database import Buried
from tusd_py.metadata.housekeeping import Housekeeping
from tusd_py.metadata.jobs import JobRows
from tusd_py.metadata.workers import WorkerRows
from tusd_py.uploads.context import Context, Meter
from tusd_py.uploads.finish import finish_by_id
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
COUNT_JOBS_EVERY = 10.0
"""Seconds between looks for the metric of waiting jobs."""
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
        Round(
            name="sweep",
            every=settings.storage.sweep_interval,
            action=lambda: sweep(backend, housekeeping, workers),
        ),
        Round(
            name="sync",
            every=settings.storage.sync_interval,
            action=lambda: sync_written(backend, housekeeping),
        ),
        Round(
            name="adopt",
            every=ADOPT_EVERY,
            action=lambda: adopt_unsynced(backend, housekeeping, member.seat.host.boot),
        ),
    ]


def counting(consumers: Sequence[str], rows: JobRows, meter: Meter) -> Round:
    """Keeps the metric of waiting jobs."""

    async def count() -> None:
        counted = {one.consumer: one for one in await rows.backlog()}
        for consumer in consumers:
            backlog = counted.get(consumer)
            total, running = (backlog.total, backlog.claimed) if backlog else (0, 0)
            meter.waiting(consumer, total - running, running)

    return Round(name="count", every=COUNT_JOBS_EVERY, action=count)


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
