"""Scan workers with a real clamd, on both databases."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from protocol.upload import Verdict
from storage_backends.base import About, Block
from storage_backends.memory import MemoryBackend
from tests.services.clamd import LIMIT, ClamdServer
from tusd_py.metadata.database import Database, DatabaseError
from tusd_py.metadata.files import FileRows
from tusd_py.metadata.jobs import RESCAN, Claim, JobRows
from tusd_py.scanning.clamd import Clamd, Deadlines, Place
from tusd_py.scanning.prover import Prover
from tusd_py.scanning.scanner import Answer
from tusd_py.scanning.streams import StreamRules, Streams
from tusd_py.scanning.workers import Collaborators, ScanRules, ScanWorkers

from .test_scans import kinds, scans_of, stored, version_of

PATIENT = Deadlines(connect=10, send=10, verdict=20, total=60)
CONTENT = b"ten bytes!"


class Counted(Counter[str]):
    """What was counted, and when there was a verdict."""

    def __init__(self) -> None:
        super().__init__()
        self.settled = asyncio.Event()

    def scanned(self, verdict: str, _seconds: float, _size: int) -> None:
        self[verdict] += 1
        self.settled.set()

    def scan_failed(self) -> None:
        self["failed"] += 1

    def scan_given_up(self) -> None:
        self["given up"] += 1

    def scan_streamed(self, outcome: str) -> None:
        self[outcome] += 1

    def scanner_proven(self, *, is_proven: bool) -> None:
        self["proven"] += is_proven


@dataclass(slots=True, kw_only=True)
class Updated:
    """A clamd whose signatures change while it looks at an upload, and which is proven again at once."""

    clamd: Clamd
    engine: str = "old"
    prover: Prover = field(init=False)

    async def version(self) -> str:
        return self.engine

    async def scan(self, blocks: AsyncIterator[Block]) -> Answer:
        content = [block async for block in blocks]
        answer = await self.clamd.scan(_again(content))
        if self.engine == "old" and b"".join(content) == CONTENT:
            self.engine = "new"
            self.prover.doubt("it is another one now")
            await self.prover.proven()
        return answer


async def _again(blocks: list[Block]) -> AsyncIterator[Block]:
    for block in blocks:
        yield block


@asynccontextmanager
async def at_work(
    database: Database, scanner: Updated, counted: Counted, jobs: JobRows | None = None
) -> AsyncIterator[MemoryBackend]:
    """Workers, and the storage that they read."""
    prover = Prover(scanner, max_size=LIMIT, every=60, max_age=0, clock=time.time, meter=counted)
    scanner.prover = prover
    no_streams = StreamRules(most=0, rate=1, buffer=1, max_size=LIMIT, timeout=60)
    house = Collaborators(
        backend=(backend := MemoryBackend()),
        files=FileRows(database),
        scans=await scans_of(database),
        jobs=jobs or JobRows(database),
        scanner=scanner,
        prover=prover,
        streams=Streams(scanner, prover, no_streams, meter=counted, clock=time.monotonic),
        meter=counted,
        worker="a1",
    )
    served = frozenset({Verdict.CLEAN})
    rules = ScanRules(
        parallel=2, max_size=LIMIT, timeout=60, attempts=8, deletes_infected=False, served=served
    )
    await backend.open()
    running = [
        asyncio.create_task(forever())
        for forever in (prover.run, ScanWorkers(house, rules, look_every=0.1).run)
    ]
    try:
        yield backend
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await backend.close()


async def test_a_clean_verdict_of_old_signatures_does_not_count(
    database: Database, clamd_server: ClamdServer
) -> None:
    clamd = Clamd(Place(socket=clamd_server.socket, host="", port=0), PATIENT)
    counted = Counted()
    async with at_work(database, Updated(clamd=clamd), counted) as backend:
        upload = await stored(database)
        version = await version_of(database, upload)
        await backend.put(About(upload_id=upload.id), version.ref, [CONTENT], sealed=True)
        async with asyncio.timeout(60):
            await counted.settled.wait()
    now = await version_of(database, upload)
    assert (now.verdict, now.engine, counted["failed"]) == (Verdict.CLEAN, "new", 1)
    assert await kinds(database, upload) == ["upload.scanned"]


class HalfAway(JobRows):
    """Fails between two statements."""

    async def claim(self, consumer: str, worker: str, limit: int, lease: int) -> list[Claim]:
        if consumer == RESCAN:
            raise DatabaseError("the database is away")
        return await super().claim(consumer, worker, limit, lease)


async def test_what_was_claimed_is_scanned_though_the_next_claim_fails(
    database: Database, clamd_server: ClamdServer
) -> None:
    clamd = Clamd(Place(socket=clamd_server.socket, host="", port=0), PATIENT)
    counted = Counted()
    async with at_work(database, Updated(clamd=clamd), counted, HalfAway(database)) as backend:
        upload = await stored(database)
        version = await version_of(database, upload)
        await backend.put(About(upload_id=upload.id), version.ref, [CONTENT], sealed=True)
        async with asyncio.timeout(30):
            await counted.settled.wait()
