"""Several workers of one house in one event loop: real rows, real locks, real sockets, no HTTP.

Each worker has a connection, a liveness lock and a wake-up socket of its own, as in a process of its own.
"""

import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from protocol.tus.features import Features
from protocol.upload import Dialect, Kind, Upload, UploadId, Verdict
from storage_backends.base import StorageBackend
from tusd_py.access.identity import ANONYMOUS
from tusd_py.access.may_read import ReadPolicy
from tusd_py.leases import Leases
from tusd_py.liveness import Liveness, new_worker_id
from tusd_py.metadata.database import Database
from tusd_py.metadata.files import FileRows
from tusd_py.metadata.housekeeping import Housekeeping
from tusd_py.metadata.postgres import PostgresDatabase
from tusd_py.metadata.sqlite import SqliteDatabase
from tusd_py.metadata.upload_row import FOREVER, Author, Lifetime, NewUpload
from tusd_py.metadata.uploads import UploadRows
from tusd_py.metadata.workers import WorkerRows
from tusd_py.uploads.callbacks import Callbacks
from tusd_py.uploads.context import Context, Rules
from tusd_py.wakeups import Wakeups

DAY = 24 * 3600 * 1_000_000


class Clock:
    """Microseconds; moved by hand on top of the real time."""

    def __init__(self) -> None:
        self.ahead = 0

    def __call__(self) -> int:
        return time.time_ns() // 1000 + self.ahead


class Counted:
    """A meter that remembers."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def created(self) -> None:
        self.seen.append("created")

    def received(self, count: int) -> None:
        self.seen.append("received")

    def finished(self, seconds: float, size: int) -> None:
        self.seen.append("finished")

    def terminated(self) -> None:
        self.seen.append("terminated")

    def fenced(self) -> None:
        self.seen.append("fenced")

    def took_over(self, how: str) -> None:
        self.seen.append(f"took over: {how}")

    def lost(self) -> None:
        self.seen.append("lost")

    def waiting(self, consumer: str, waiting: int, running: int) -> None:
        self.seen.append(f"waiting: {consumer} {waiting} {running}")

    def receiving(self) -> AbstractContextManager[None]:
        return nullcontext()

    def committed(self, seconds: float) -> None:
        self.seen.append("committed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One of them."""

    id: str
    database: Database
    rows: UploadRows
    workers: WorkerRows
    liveness: Liveness
    wakeups: Wakeups
    leases: Leases
    meter: Counted


RULES = Rules(
    features=Features(max_size=0, metadata_limit=4096, termination=True, expiration=True),
    checkpoint_bytes=1024,
    checkpoint_interval=3600.0,
    inline_limit=64,
    key_template="{user_id}/{file_id}",
    acquire_patience=5.0,
    head_patience=5.0,
    read_policy=ReadPolicy(served=frozenset({Verdict.UNKNOWN, Verdict.CLEAN})),
    survives_power=True,
)


def _database(folder: Path, clock: Clock, dsn: str) -> Database:
    if dsn:
        return PostgresDatabase(dsn, pool_size=4, timeout=10, require_power=False, migrate=True, clock=clock)
    return SqliteDatabase(folder / "tusd.db", durability_full=False, clock=clock, migrate=True)


@asynccontextmanager
async def working(folder: Path, clock: Clock | None = None, *, dsn: str = "") -> AsyncIterator[Worker]:
    """A worker that shares `folder` with the others; on Postgres where `dsn` names one."""
    async with AsyncExitStack() as stack:
        database = _database(folder, clock or Clock(), dsn)
        await database.open()
        stack.push_async_callback(database.close)
        worker = new_worker_id()
        lifetime = Lifetime(expiry=DAY, max_age=FOREVER, retention=DAY)
        rows = UploadRows(database, Author(worker=worker, boot_id="this boot", lifetime=lifetime))
        liveness = Liveness(folder / "workers", worker)
        liveness.open()
        stack.callback(liveness.close)
        wakeups, meter = Wakeups(folder / "workers", worker), Counted()
        leases = Leases(rows, liveness, wakeups, worker=worker, took_over=meter.took_over)
        wakeups.open(leases.heard)
        stack.callback(wakeups.close)
        workers = WorkerRows(database)
        await workers.register(worker, "this host", "this boot", wakeups.address, 30_000_000)
        yield Worker(
            id=worker,
            database=database,
            rows=rows,
            workers=workers,
            liveness=liveness,
            wakeups=wakeups,
            leases=leases,
            meter=meter,
        )


def new_upload(length: int | None = 100) -> NewUpload:
    """An upload of nobody in particular."""
    name = secrets.token_hex(16)
    return NewUpload(
        id=UploadId(name),
        tenant="",
        owner=ANONYMOUS.subject,
        metadata="",
        filename="a.txt",
        filetype=None,
        length=length,
        dialect=Dialect.TUS,
        kind=Kind.WHOLE,
        concat="",
        key=f"anonymous/{name}",
        file_id=name,
    )


async def row(worker: Worker, upload_id: UploadId) -> Upload:
    """As committed."""
    seen = await worker.rows.find(upload_id)
    assert seen is not None
    return seen.upload


def context_of(worker: Worker, backend: StorageBackend, callbacks: Callbacks | None = None) -> Context:
    """What the operations of this worker work with."""
    return Context(
        rows=worker.rows,
        files=FileRows(worker.database),
        backend=backend,
        leases=worker.leases,
        rules=RULES,
        callbacks=callbacks or Callbacks(),
        meter=worker.meter,
        worker=worker.id,
        clock=time.time,
        random_id=lambda: secrets.token_hex(16),
    )


def housekeeping_of(worker: Worker) -> Housekeeping:
    """Its bulk statements."""
    return Housekeeping(worker.database)
