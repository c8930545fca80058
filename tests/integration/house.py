"""Several workers of one house in one event loop: real rows, real locks, real sockets, no HTTP.

Each worker has a connection, a liveness lock and a wake-up socket of its own, as in a process of its own.
With a folder of locks of its own it is on another node.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from protocol.features import Features
from protocol.upload import Dialect, Kind, Upload, UploadId, Verdict
from storage_backends.base import Durability, StorageBackend
from storage_backends.filesystem import FilesystemBackend
from tusd_py.access.identity import ANONYMOUS
from tusd_py.access.may_read import ReadPolicy
from tusd_py.leases import LOOK_AT_ROWS_EVERY, Leases
from tusd_py.liveness import Liveness, new_worker_id
from tusd_py.metadata.database import Database
from tusd_py.metadata.files import FileRows
from tusd_py.metadata.host import Host
from tusd_py.metadata.housekeeping import Housekeeping
from tusd_py.metadata.postgres import PostgresDatabase
from tusd_py.metadata.postgres_notices import PostgresNotices
from tusd_py.metadata.sqlite import SqliteDatabase
from tusd_py.metadata.upload_row import FOREVER, Author, Lifetime, NewUpload
from tusd_py.metadata.uploads import UploadRows
from tusd_py.metadata.workers import WorkerRows
from tusd_py.standing import LISTENS, POLLS, Standings
from tusd_py.uploads.callbacks import Callbacks
from tusd_py.uploads.context import Context, Rules
from tusd_py.uploads.tally import Tally
from tusd_py.wakeups import Wakeups
from tusd_py.work.burial import RENEW_EVERY, Burials, Pulse, Silences
from tusd_py.work.rounds import Round, walk

F = TypeVar("F", bound=FilesystemBackend)

DAY = 24 * 3600 * 1_000_000
TTL = 30_000_000


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
        self.tally = Tally()

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

    def scanned(self, verdict: str, seconds: float, size: int) -> None:
        self.seen.append(f"scanned: {verdict}")

    def scan_failed(self) -> None:
        self.seen.append("scan failed")

    def scan_given_up(self) -> None:
        self.seen.append("scan given up")

    def scan_streamed(self, outcome: str) -> None:
        self.seen.append(f"scan streamed: {outcome}")

    def scanner_proven(self, *, is_proven: bool) -> None:
        self.seen.append(f"scanner proven: {is_proven}")

    def waiting(self, consumer: str, waiting: int, running: int) -> None:
        self.seen.append(f"waiting: {consumer} {waiting} {running}")

    def has_free(self, count: int) -> None:
        self.seen.append("has free")

    def relayed(self, relay: str, outcome: str) -> None:
        self.seen.append(f"relayed: {relay} {outcome}")

    def relay_stands(self, relay: str, *, waiting: int, is_down: bool) -> None:
        self.seen.append(f"relay stands: {relay} {waiting} {is_down}")

    def hook_called(self, kind: str, *, failed: bool) -> None:
        self.seen.append(f"hook: {kind} {failed}")

    def listening(self, count: int) -> None:
        self.seen.append(f"listening: {count}")

    def download_started(self, via: str) -> None:
        self.seen.append(f"download: {via}")

    def sent(self, count: int) -> None:
        self.seen.append("sent")

    def link_used(self) -> None:
        self.seen.append("link used")

    def link_refused(self, reason: str) -> None:
        self.seen.append(f"link refused: {reason}")

    def journal_forgot(self, count: int) -> None:
        self.seen.append(f"journal forgot: {count}")

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
    standings: Standings
    notices: PostgresNotices | None

    def burials(self, seconds: "Seconds | None" = None) -> Burials:
        """By the clock `seconds`."""
        seconds = seconds or Seconds()
        return Burials(
            workers=self.workers,
            standings=self.standings,
            wakeups=self.wakeups,
            pulse=Pulse(seconds),
            silences=Silences(seconds),
            worker=self.id,
        )


class Seconds:
    """A clock that never goes back, moved by hand."""

    def __init__(self) -> None:
        self.passed = 0.0

    def __call__(self) -> float:
        return self.passed

    def pass_by(self, count: float, burials: Burials) -> None:
        """While its worker renews in time."""
        until = self.passed + count
        while self.passed < until:
            self.passed += RENEW_EVERY
            burials.pulse.beat()


RULES = Rules(
    features=Features(max_size=0, metadata_limit=4096, termination=True, expiration=True),
    checkpoint_bytes=1024,
    checkpoint_interval=3600.0,
    checkpoint_least=0,
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
async def working(
    folder: Path, clock: Clock | None = None, *, dsn: str = "", host: Host | None = None
) -> AsyncIterator[Worker]:
    """A worker that shares `folder` with the others; on Postgres where `dsn` names one.

    With `host` it says that it is on that one.
    """
    async with AsyncExitStack() as stack:
        database = await _opened(folder, clock, dsn, stack)
        yield await _hired(folder, database, stack, host=host)


@asynccontextmanager
async def node(folder: Path, *, dsn: str, listens: bool = True, hears: bool = True) -> AsyncIterator[Worker]:
    """A worker of a node with its locks in `folder`, where no other node sees them.

    One that does not listen looks at its rows, if it `hears` at all.
    """
    async with AsyncExitStack() as stack:
        database = await _opened(folder, None, dsn, stack)
        worker = await _hired(folder, database, stack, notices=dsn, listens=listens)
        if hears and not listens:
            looking = Round(name="look", every=LOOK_AT_ROWS_EVERY, action=worker.leases.look_at_rows)
            task = asyncio.create_task(walk([looking]))
            stack.callback(task.cancel)
        yield worker


async def _opened(folder: Path, clock: Clock | None, dsn: str, stack: AsyncExitStack) -> Database:
    database = _database(folder, clock or Clock(), dsn)
    await database.open()
    stack.push_async_callback(database.close)
    return database


async def _hired(
    folder: Path,
    database: Database,
    stack: AsyncExitStack,
    *,
    host: Host | None = None,
    notices: str = "",
    listens: bool = False,
) -> Worker:
    worker = new_worker_id()
    lifetime = Lifetime(expiry=DAY, max_age=FOREVER, retention=DAY)
    rows = UploadRows(database, Author(worker=worker, boot_id="this boot", lifetime=lifetime))
    liveness = Liveness(folder / "workers", worker)
    liveness.open()
    stack.callback(liveness.close)
    wakeups, meter, workers = Wakeups(folder / "workers", worker), Counted(), WorkerRows(database)
    here = host or Host.this().with_locks_in(liveness.folder())
    standings = Standings(workers=workers, liveness=liveness, host=here, spans_hosts=bool(notices))
    leases = Leases(rows, standings, wakeups, worker=worker, took_over=meter.took_over)
    wakeups.open(leases.heard)
    stack.callback(wakeups.close)
    address, beyond = wakeups.address, None
    if notices:
        beyond = PostgresNotices(database, dsn=notices, worker=worker, seconds=5.0)
        await beyond.open(wakeups.receive, listen=listens)
        stack.push_async_callback(beyond.close)
        wakeups.reach(beyond)
        address = LISTENS if listens else POLLS
    await workers.register(worker, str(here), "this boot", address, TTL)
    return Worker(
        id=worker,
        database=database,
        rows=rows,
        workers=workers,
        liveness=liveness,
        wakeups=wakeups,
        leases=leases,
        meter=meter,
        standings=standings,
        notices=beyond,
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


@asynccontextmanager
async def in_folder(
    folder: Path, kind: type[F], durability: Durability = Durability.POWER
) -> AsyncIterator[F]:
    """A backend whose bytes are in `folder / "data"`."""
    with ThreadPoolExecutor(4) as executor:
        backend = kind(
            folder / "data",
            durability=durability,
            preallocate=0,
            free_space_floor=0,
            dir_perms=0o750,
            file_perms=0o640,
            executor=executor,
        )
        await backend.open()
        try:
            yield backend
        finally:
            await backend.close()
