"""The scan workers of one process: several versions at once, as long as the scanner is proven.

Jobs of what was just stored come first, then those that can wait. A job that is claimed by a worker that
dies is given to another with its burial; the verdict, its event and the end of the job are one commit, so
that however often a version is scanned, one verdict is told.

Belongs here: claiming, retrying, giving up. Not here: one scan (examine.py), the queue (metadata/jobs.py).
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

from protocol.upload import Verdict
from storage_backends.base import StorageBackend, StorageError
from tusd_py.log import get_logger
from tusd_py.metadata.database import Buried, DatabaseError
from tusd_py.metadata.files import FileRows, Version
from tusd_py.metadata.jobs import RESCAN, SCAN, Claim, JobRows
from tusd_py.metadata.scans import Finding, Outcome, ScanRows, Settled
from tusd_py.sniffing import Sniff

from .examine import examine
from .prover import Proof, Prover
from .scanner import NoVerdict, Scanner
from .streamed import finding_of_stream
from .streams import Outcome as StreamOutcome
from .streams import Streams

log = get_logger("tusd_py.scanning")

FIRST_PAUSE, LONGEST_PAUSE = 1_000_000, 30_000_000
"""Microseconds between tries, doubled each time. The longest is short: a scanner that is away is not tried at
all until it is proven again, and then everything should settle soon."""
LEASE_BEYOND = 60.0
"""Seconds for which a claim outlives the longest scan."""


class ScanMeter(Protocol):
    """What is counted."""

    def scanned(self, verdict: str, seconds: float, size: int) -> None: ...
    def scan_failed(self) -> None: ...
    def scan_given_up(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRules:
    """The settings that scanning looks at. Bytes and seconds."""

    parallel: int
    max_size: int
    timeout: float
    """Of one scan, from beginning to end."""
    attempts: int
    deletes_infected: bool
    served: frozenset[Verdict]
    """What readers get: a verdict outside of it closes the version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collaborators:
    """What the workers work with."""

    backend: StorageBackend
    files: FileRows
    scans: ScanRows
    jobs: JobRows
    scanner: Scanner
    prover: Prover
    streams: Streams
    meter: ScanMeter
    worker: str
    sniff: Sniff | None = None


class ScanWorkers:
    """Scans what is due."""

    def __init__(self, house: Collaborators, rules: ScanRules, *, look_every: float) -> None:
        """`look_every` in seconds; `kick` looks at once."""
        self._house = house
        self._rules = rules
        self._look_every = look_every
        self._kicked = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()

    def kick(self) -> None:
        """There may be something to scan now."""
        self._kicked.set()

    async def run(self) -> None:
        """Until cancelled, which ends what is being scanned; its jobs are done elsewhere."""
        try:
            while True:
                await self._house.prover.proven()
                self._kicked.clear()
                if not await self._begin_some():
                    await self._rest()
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)
            await self._house.streams.close()

    async def _rest(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._look_every):
                await self._kicked.wait()

    async def _begin_some(self) -> bool:
        """False when there is nothing to begin now, or no room for it."""
        try:
            # Streams hold threads of the scanner too.
            busy = len(self._running) + self._house.streams.scanning
            return await self._begin_due(self._rules.parallel - busy) > 0
        except DatabaseError as failed:
            log.warning("scans.postponed", error=str(failed))
            return False
        except Exception:
            # An outermost loop: scans that nobody begins would be noticed by nobody.
            log.exception("scans.failed")
            return False

    async def _begin_due(self, room: int) -> int:
        """How many were begun; each when it is claimed, or a failure of the next statement left it idle."""
        lease = int((self._rules.timeout + LEASE_BEYOND) * 1_000_000)
        jobs, worker = self._house.jobs, self._house.worker
        begun = 0
        for consumer in (SCAN, RESCAN):
            if room > begun:
                begun += self._begin(await jobs.claim(consumer, worker, room - begun, lease))
        # The scans of these are under way, or over: they need no room.
        for upload_id in self._house.streams.kept:
            begun += self._begin(await jobs.claim_one(SCAN, upload_id, worker, lease))
        return begun

    def _begin(self, claims: Sequence[Claim]) -> int:
        for claim in claims:
            task = asyncio.create_task(self._run(claim), name=f"scan:{claim.subject}")
            self._running.add(task)
            task.add_done_callback(self._over)
        return len(claims)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._kicked.set()

    async def _run(self, claim: Claim) -> None:
        try:
            await self._scan(claim)
        except Buried as buried:
            log.warning("scan.not_recorded", upload=claim.subject, error=str(buried))
        except Exception as failed:
            # One of the outermost loops: what goes wrong with one file may not stop the others.
            log.warning(
                "scan.failed",
                upload=claim.subject,
                attempts=claim.attempts,
                error=str(failed),
                exc_info=not isinstance(failed, NoVerdict | StorageError | DatabaseError),
            )
            await self._again(claim, failed)

    async def _scan(self, claim: Claim) -> None:
        house = self._house
        version = await house.files.of_upload(claim.subject)
        if version is None or version.is_lost:
            await house.jobs.done(claim)
            return
        proof = await house.prover.proven()
        began = time.monotonic()
        finding = await self._streamed(version) or await self._examined(version, proof)
        finding = await self._sniffed(version, finding)
        self._check_proof(finding)
        settled = await house.scans.settle(claim, version, finding, self._outcome(finding))
        log.info("scan.done", upload=version.upload_id, verdict=finding.verdict, settled=settled)
        if settled in (Settled.RECORDED, Settled.DELETED):
            house.meter.scanned(finding.verdict, time.monotonic() - began, version.length)
        if settled is Settled.DELETED:
            await self._delete_bytes(version)

    async def _sniffed(self, version: Version, finding: Finding) -> Finding:
        """With what the bytes look like: here they pass by anyway."""
        sniff = self._house.sniff
        # Without a digest these are not the bytes that were uploaded.
        if sniff is None or version.sniffed_type is not None or finding.sha256 is None:
            return finding
        return replace(finding, sniffed=await asyncio.to_thread(sniff, finding.head))

    async def _streamed(self, version: Version) -> Finding | None:
        """Of an upload that was scanned while it arrived, and where that will do."""
        house = self._house
        stream = house.streams.take(version.upload_id)
        if stream is None:
            return None
        finding = await finding_of_stream(house.backend, house.prover, stream, version)
        if finding is not None:
            stream.tell(StreamOutcome.USED)
        return finding

    async def _delete_bytes(self, version: Version) -> None:
        """Nothing names them any more; what cannot be removed now, the sweep finds."""
        try:
            await self._house.backend.delete([version.ref])
        except StorageError as failed:
            log.warning("scan.bytes_left", upload=version.upload_id, ref=version.ref, error=str(failed))

    def _outcome(self, finding: Finding) -> Outcome:
        if finding.verdict is Verdict.INFECTED and self._rules.deletes_infected:
            return Outcome.DELETE
        return Outcome.SERVE if finding.verdict in self._rules.served else Outcome.QUARANTINE

    async def _examined(self, version: Version, proof: Proof) -> Finding:
        try:
            return await examine(
                self._house.backend,
                self._house.scanner,
                version,
                engine=proof.engine,
                max_size=self._rules.max_size,
            )
        except NoVerdict as failed:
            self._house.prover.doubt(str(failed))
            raise

    def _check_proof(self, finding: Finding) -> None:
        """Clean is what a scanner says that is proven now, and with the signatures that it has now."""
        proof = self._house.prover.proof
        if finding.verdict is not Verdict.CLEAN:
            return
        if proof is None:
            raise NoVerdict("the scanner was doubted meanwhile")
        if proof.engine != finding.engine:
            raise NoVerdict(f"the scanner is another one by now: {proof.engine}")

    async def _again(self, claim: Claim, why: Exception) -> None:
        self._house.meter.scan_failed()
        error = _described(why)
        try:
            if claim.attempts >= self._rules.attempts:
                if await self._house.scans.give_up(claim, error):
                    log.error("scan.given_up", upload=claim.subject, attempts=claim.attempts, error=error)
                    self._house.meter.scan_given_up()
                return
            pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(claim.attempts - 1, 16))
            await self._house.jobs.retry(claim, error, pause)
        except DatabaseError as failed:
            # The claim runs out, and somebody does it again.
            log.warning("scan.not_put_back", upload=claim.subject, error=str(failed))


def _described(failed: Exception) -> str:
    """As text that a database takes: no NUL, no half characters."""
    text = f"{type(failed).__name__}: {failed}"
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\0")
