"""The service, put together: everything between the faces and the disk, for one worker.

Belongs here: the order of starting and stopping. Not here: HTTP (serve.py), making parts (parts.py).
"""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from storage_backends.base import ObjectStore, StorageBackend, StorageError
from storage_backends.refs import parse_ref
from tusd_py.config.settings import Settings
from tusd_py.errors import Refused
from tusd_py.leases import Leases
from tusd_py.log import get_logger
from tusd_py.metadata.database import Database, Query
from tusd_py.metadata.facts import IDENTITY, FactRows, claim_identity, identity_of
from tusd_py.metadata.files import FileRows, Version
from tusd_py.metadata.housekeeping import Housekeeping
from tusd_py.metadata.jobs import RESCAN, SCAN, JobRows
from tusd_py.metadata.scans import ScanRows
from tusd_py.metadata.upload_row import Author
from tusd_py.metadata.uploads import UploadRows
from tusd_py.metadata.workers import WorkerRows
from tusd_py.randomness import random_hex
from tusd_py.scanning.examine import CHANGED
from tusd_py.uploads.callbacks import Callbacks
from tusd_py.uploads.context import Context, Meter
from tusd_py.work.rounds import Round, once
from tusd_py.work.runner import JobRunner
from tusd_py.work.syncer import lose_unsynced, sync_written

from .background import counting, make_rounds, make_runner, working
from .folder import identity_of_data, open_service_folder
from .member import Member, take_seat
from .parts import (
    data_mark,
    make_backend,
    make_database,
    make_lifetime,
    make_notices,
    make_rules,
    service_folder,
    spans_hosts,
)
from .scanning import Scanning, is_configured, make_scanning

log = get_logger("tusd_py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A running service."""

    context: Context
    database: Database
    jobs: JobRunner
    scanning: Scanning | None

    async def database_answers(self) -> None:
        """For /readyz; raises DatabaseError."""
        await self.database.read(Query("SELECT 1 AS one"))

    async def storage_answers(self) -> None:
        """For /readyz; raises StorageError."""
        backend = self.context.backend
        await (backend.answers() if isinstance(backend, ObjectStore) else backend.ensure_room(0))

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
) -> AsyncIterator[Service]:
    """Start everything, and stop it in the right order.

    `given_up` is called when the other workers buried this one: it must exit. Raises Refused.
    """
    async with AsyncExitStack() as stack:
        folder, mark = _own_folders(settings, stack)
        marked = identity_of_data(mark) if mark is not None else None
        open_service_folder(folder)
        seat = take_seat(folder / "workers", stack)
        database = await _open_database(settings, stack)
        workers, housekeeping, job_rows = WorkerRows(database), Housekeeping(database), JobRows(database)
        notices = make_notices(settings, database, seat.id)
        member = Member(seat, workers, notices, spans_hosts=spans_hosts(settings))
        backend = await _open_backend(settings, stack)
        await _refuse_forgetful_database(database, backend)
        if marked is not None:
            await claim_identity(database, marked)
        if isinstance(backend, ObjectStore):
            await _claim_store(backend, await identity_of(database, random_hex(16)))
        context, scanning = _make_context(
            settings, member, database, backend, job_rows, meter=meter, callbacks=callbacks or Callbacks()
        )
        await member.register(context.leases, stack)
        await lose_unsynced(context, housekeeping, seat.host.boot)
        jobs = make_runner(context, job_rows, housekeeping)
        rounds = make_rounds(settings, context, housekeeping, workers, member)
        queues = jobs.consumers if scanning is None else [*jobs.consumers, SCAN, RESCAN]
        rounds.append(counting(queues, job_rows, meter))
        forever = [jobs.run, *(scanning.forever if scanning else [])]
        # Entered in the order of starting; left the other way round: writers save first, and are synced.
        sync = Round(name="sync", every=0, action=lambda: sync_written(backend, housekeeping))
        stack.push_async_callback(once, sync)
        stack.push_async_callback(context.announcements.close)
        stack.push_async_callback(context.finishes.close)
        await stack.enter_async_context(working(forever, rounds, given_up))
        stack.push_async_callback(context.leases.close)
        log.info("service.started", worker=seat.id, storage=backend.name, database=database.name)
        yield Service(context=context, database=database, jobs=jobs, scanning=scanning)


def _make_context(
    settings: Settings,
    member: Member,
    database: Database,
    backend: StorageBackend,
    jobs: JobRows,
    *,
    meter: Meter,
    callbacks: Callbacks,
) -> tuple[Context, Scanning | None]:
    seat = member.seat
    author = Author(
        worker=seat.id,
        boot_id=seat.host.boot,
        lifetime=make_lifetime(settings),
        scans=is_configured(settings),
    )
    rows = UploadRows(database, author, segmented=not isinstance(backend, ObjectStore))
    context = Context(
        rows=rows,
        files=FileRows(database),
        backend=backend,
        leases=Leases(rows, member.standings, seat.wakeups, worker=seat.id, took_over=meter.took_over),
        rules=make_rules(settings),
        callbacks=callbacks,
        meter=meter,
        worker=seat.id,
        clock=time.time,
        random_id=lambda: random_hex(16),
    )
    scans = ScanRows(database, author)
    scanning = make_scanning(settings, context, scans, jobs)
    if scanning is None:
        return context, None
    workers = scanning.workers

    async def rescan(version: Version) -> None:
        if version.finding != CHANGED:
            await scans.ask_once(version)
        workers.kick()

    return replace(context, stored=workers.kick, rescan=rescan), scanning


def _own_folders(settings: Settings, stack: AsyncExitStack) -> tuple[Path, Path | None]:
    """For locks and sockets, and for what marks the data; None where the store does that itself."""
    if settings.storage.backend == "memory":
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tusd-py-"))) / ".tusd"
        return folder, folder
    return service_folder(settings), None if settings.storage.backend == "s3" else data_mark(settings)


async def _open_database(settings: Settings, stack: AsyncExitStack) -> Database:
    database = make_database(settings, migrate=settings.database.migrate)
    await database.open()
    stack.push_async_callback(database.close)
    return database


async def _open_backend(settings: Settings, stack: AsyncExitStack) -> StorageBackend:
    executor = ThreadPoolExecutor(settings.storage.disk_threads, thread_name_prefix="disk")
    stack.callback(executor.shutdown)
    backend = make_backend(settings, executor)
    try:
        await backend.open()
    except StorageError as failed:
        raise Refused(str(failed), hint=f"this process runs as user id {os.getuid()}") from failed
    stack.push_async_callback(backend.close)
    return backend


async def _claim_store(store: ObjectStore, identity: str) -> None:
    """Of two installations in one place, each would take the other's bytes for rubbish."""
    try:
        owner = await store.claim(identity)
    except StorageError as failed:
        raise Refused(str(failed)) from failed
    if owner != identity:
        raise Refused(
            f"the store belongs to the installation {owner}, this database to {identity}",
            hint="is database.url the right one? Otherwise take another s3_object_prefix",
        )


async def _refuse_forgetful_database(database: Database, backend: StorageBackend) -> None:
    """Bytes without any row would look like rubbish to the sweep: a lost database must not lose them too."""
    if await FactRows(database).get(IDENTITY) is not None:
        return
    async with aclosing(backend.list()) as names:
        async for listed in names:
            if parse_ref(listed.ref) is not None:
                raise Refused(
                    f"the storage holds uploads ({listed.ref}), but the database is new",
                    hint="restore the database, name the right one in database.url, or store somewhere else",
                )
