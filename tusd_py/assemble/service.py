"""The service, put together: everything between the faces and the disk, for one worker.

Belongs here: the order of starting and stopping. Not here: HTTP (serve.py), making parts (parts.py).
"""

import asyncio
import os
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from protocol.upload import UploadId
from storage_backends.base import StorageBackend, StorageError
from storage_backends.refs import parse_ref
from tusd_py.config.settings import Settings
from tusd_py.errors import Refused
from tusd_py.leases import Leases
from tusd_py.liveness import Liveness, boot_id, new_worker_id
from tusd_py.metadata.database import Buried, Database, Query
from tusd_py.metadata.facts import IDENTITY, FactRows, claim_identity
from tusd_py.metadata.files import FileRows
from tusd_py.metadata.host import Host
from tusd_py.metadata.housekeeping import Housekeeping
from tusd_py.metadata.jobs import JobRows
from tusd_py.metadata.upload_row import Author
from tusd_py.metadata.uploads import UploadRows
from tusd_py.metadata.workers import WorkerRows
from tusd_py.uploads.context import Callbacks, Context, Meter
from tusd_py.uploads.finish import finish_by_id
from tusd_py.wakeups import Wakeups
from tusd_py.work.burial import RENEW_EVERY, TTL, bury_dead, renew
from tusd_py.work.purge import purge
from tusd_py.work.reaper import reap
from tusd_py.work.rounds import Round, walk
from tusd_py.work.runner import JobRunner
from tusd_py.work.sweep import sweep
from tusd_py.work.syncer import adopt_unsynced, lose_unsynced, sync_written

from .folder import open_service_folder
from .parts import make_backend, make_database, make_lifetime, make_rules, service_folder

log = structlog.get_logger("tusd_py")

ADOPT_EVERY = 15.0
"""Seconds between looks for bytes that a dead worker did not sync."""
COUNT_JOBS_EVERY = 10.0
"""Seconds between looks for the metric of waiting jobs."""
LOOK_FOR_JOBS_EVERY = 2.0
"""Seconds; jobs of this worker's own requests are run at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A running service."""

    context: Context
    database: Database
    backend: StorageBackend
    jobs: JobRunner
    job_rows: JobRows
    housekeeping: Housekeeping
    workers: WorkerRows

    async def database_answers(self) -> None:
        """For /readyz; raises DatabaseError."""
        await self.database.read(Query("SELECT 1 AS one"))

    async def storage_answers(self) -> None:
        """For /readyz; raises StorageError."""
        await self.backend.ensure_room(0)


@asynccontextmanager
async def open_service(
    settings: Settings,
    meter: Meter,
    *,
    given_up: Callable[[], None],
    callbacks: Callbacks | None = None,
) -> AsyncIterator[Service]:
    """Start everything, and stop it in the right order.

    `given_up` is called when the other workers buried this one: it must exit. Raises Refused.
    """
    async with AsyncExitStack() as stack:
        folder = _own_folder(settings, stack)
        identity = open_service_folder(folder)
        worker, boot, host = new_worker_id(), boot_id(), str(Host.this())
        liveness = Liveness(folder / "workers", worker)
        liveness.open()
        stack.callback(liveness.close)
        database = make_database(settings, migrate=settings.database.migrate)
        await database.open()
        stack.push_async_callback(database.close)
        executor = ThreadPoolExecutor(settings.storage.disk_threads, thread_name_prefix="disk")
        stack.callback(executor.shutdown)
        backend = await _open_backend(settings, executor, stack)
        await _refuse_forgetful_database(database, backend)
        await claim_identity(database, identity)
        author = Author(worker=worker, boot_id=boot, lifetime=make_lifetime(settings))
        rows = UploadRows(database, author)
        wakeups = Wakeups(folder / "workers", worker)
        leases = Leases(rows, liveness, wakeups, worker=worker, took_over=meter.took_over)
        wakeups.open(leases.heard)
        stack.callback(wakeups.close)
        workers = WorkerRows(database)
        await workers.register(worker, host, boot, wakeups.address, TTL)
        stack.push_async_callback(workers.bury, worker)
        context = Context(
            rows=rows,
            files=FileRows(database),
            backend=backend,
            leases=leases,
            rules=make_rules(settings),
            callbacks=callbacks or Callbacks(),
            meter=meter,
            worker=worker,
            clock=time.time,
            random_id=lambda: secrets.token_hex(16),
        )
        service = _service(context, database)
        await bury_dead(workers, liveness, wakeups, host)
        await lose_unsynced(context, service.housekeeping, boot)
        rounds = [
            Round(name="renew", every=RENEW_EVERY, action=lambda: renew(workers, worker)),
            Round(
                name="bury",
                every=RENEW_EVERY,
                action=lambda: _discard(bury_dead(workers, liveness, wakeups, host)),
            ),
            *_housekeeping_rounds(settings, service, boot),
        ]
        await stack.enter_async_context(_background(service, rounds, given_up))
        stack.push_async_callback(leases.close)
        log.info("service.started", worker=worker, storage=backend.name, database=database.name)
        yield service


def _own_folder(settings: Settings, stack: AsyncExitStack) -> Path:
    if settings.storage.backend == "memory":
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tusd-py-"))) / ".tusd"
    return service_folder(settings)


async def _open_backend(
    settings: Settings, executor: ThreadPoolExecutor, stack: AsyncExitStack
) -> StorageBackend:
    backend = make_backend(settings, executor)
    try:
        await backend.open()
    except StorageError as failed:
        raise Refused(str(failed), hint=f"this process runs as user id {os.getuid()}") from failed
    stack.push_async_callback(backend.close)
    return backend


async def _refuse_forgetful_database(database: Database, backend: StorageBackend) -> None:
    """Bytes without any row would look like rubbish to the sweep: a lost database must not lose them too."""
    if await FactRows(database).get(IDENTITY) is not None:
        return
    async with aclosing(backend.list()) as names:
        async for listed in names:
            if parse_ref(listed.ref) is not None:
                raise Refused(
                    f"the data folder holds uploads ({listed.ref}), but the database is new",
                    hint="restore the database, name the right one in database.url, or take another folder",
                )


def _service(context: Context, database: Database) -> Service:
    housekeeping, job_rows = Housekeeping(database), JobRows(database)

    async def run_finish(subject: str) -> None:
        seen = await context.rows.find(UploadId(subject))
        await finish_by_id(context, seen.upload if seen else None)

    async def run_purge(subject: str) -> None:
        await purge(context.backend, housekeeping, subject)

    return Service(
        context=context,
        database=database,
        backend=context.backend,
        jobs=JobRunner(
            job_rows,
            {"finish": run_finish, "purge": run_purge},
            worker=context.worker,
            look_every=LOOK_FOR_JOBS_EVERY,
        ),
        job_rows=job_rows,
        housekeeping=housekeeping,
        workers=WorkerRows(database),
    )


def _housekeeping_rounds(settings: Settings, service: Service, boot: str) -> list[Round]:
    context, housekeeping = service.context, service.housekeeping
    return [
        Round(
            name="reap",
            every=settings.uploads.reap_interval,
            action=lambda: _discard(reap(context, housekeeping)),
        ),
        Round(
            name="sweep",
            every=settings.storage.sweep_interval,
            action=lambda: _discard(sweep(service.backend, housekeeping, service.workers)),
        ),
        Round(
            name="count",
            every=COUNT_JOBS_EVERY,
            action=lambda: _count_jobs(service),
        ),
        Round(
            name="sync",
            every=settings.storage.sync_interval,
            action=lambda: sync_written(service.backend, housekeeping),
        ),
        Round(
            name="adopt",
            every=ADOPT_EVERY,
            action=lambda: adopt_unsynced(service.backend, housekeeping, boot),
        ),
    ]


async def _count_jobs(service: Service) -> None:
    counted = {one.consumer: one for one in await service.job_rows.backlog()}
    for consumer in service.jobs.consumers:
        backlog = counted.get(consumer)
        total, running = (backlog.total, backlog.claimed) if backlog else (0, 0)
        service.context.meter.waiting(consumer, total - running, running)


async def _discard(result: object) -> None:
    await result  # type: ignore[misc]  # a coroutine whose answer only logs and tests want


@asynccontextmanager
async def _background(
    service: Service, rounds: list[Round], given_up: Callable[[], None]
) -> AsyncIterator[None]:
    async def all_rounds() -> None:
        try:
            await walk(rounds)
        except* Buried:
            log.error("worker.given_up", worker=service.context.worker)  # noqa: TRY400 - no fault of this code
            given_up()

    tasks = [asyncio.create_task(all_rounds()), asyncio.create_task(service.jobs.run())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        await sync_written(service.backend, service.housekeeping)
