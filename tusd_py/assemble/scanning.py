"""The scanner that the settings name, and what goes with it. Imports pyclamd only when it is configured.

Belongs here: settings to parts. Not here: what they do (scanning/).
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from protocol.upload import Verdict
from tusd_py.access.may_read import WITHOUT_SCANNER, ReadPolicy
from tusd_py.config.settings import Scan, Settings
from tusd_py.errors import Refused
from tusd_py.metadata.jobs import JobRows
from tusd_py.metadata.scans import ScanRows
from tusd_py.scanning.backlog import Backlog
from tusd_py.scanning.prover import Prover, ProverMeter
from tusd_py.scanning.scanner import NoVerdict, Scanner
from tusd_py.scanning.streams import StreamRules, Streams
from tusd_py.scanning.workers import Collaborators, ScanRules, ScanWorkers
from tusd_py.sniffing import Sniff
from tusd_py.uploads.context import Context
from tusd_py.work.rounds import Round, once

LOOK_FOR_JOBS_EVERY = 2.0
"""Seconds; what this worker stored is scanned at once."""
LOOK_FOR_UNSCANNED_EVERY = 10.0
"""Seconds between looks for files that were stored without a scanner, and for new signatures."""

_ALWAYS = frozenset({Verdict.CLEAN})


def is_configured(settings: Settings) -> bool:
    """A scanner is to be used."""
    return settings.scan.is_configured


def make_read_policy(settings: Settings) -> ReadPolicy:
    """What is served. Without a scanner also what nobody looked at; the log says so at start."""
    if not is_configured(settings):
        return WITHOUT_SCANNER
    unscannable = frozenset({Verdict.UNSCANNABLE})
    served = _ALWAYS | unscannable if settings.scan.unscannable == "allow" else _ALWAYS
    owners = unscannable if settings.scan.unscannable == "owner" else frozenset[Verdict]()
    return ReadPolicy(served=served, served_to_owner=owners)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanning:
    """A scanner at work."""

    prover: Prover
    workers: ScanWorkers
    streams: Streams
    backlog: Backlog

    async def queue_backlog(self) -> None:
        """Until cancelled: at once, and then again and again."""
        look = Round(name="unscanned", every=LOOK_FOR_UNSCANNED_EVERY, action=self.backlog.queue)
        while True:
            await once(look)
            await asyncio.sleep(look.every)

    @property
    def forever(self) -> list[Callable[[], Coroutine[None, None, None]]]:
        """What runs for as long as the service does."""
        return [self.prover.run, self.workers.run, self.queue_backlog]

    async def is_proven(self) -> None:
        """For /readyz; raises NoVerdict."""
        if self.prover.proof is None:
            raise NoVerdict(self.prover.why_not)


def make_scanning(
    settings: Settings, context: Context, scans: ScanRows, jobs: JobRows, sniff: Sniff | None
) -> Scanning | None:
    """None where no scanner is configured. Raises Refused when its package is missing."""
    if not is_configured(settings):
        return None
    scan = settings.scan
    scanner = _clamd(scan)
    prover = _prover(scan, scanner, context.meter)
    streams = Streams(scanner, prover, _stream_rules(scan), meter=context.meter, clock=time.monotonic)
    house = Collaborators(
        backend=context.backend,
        files=context.files,
        scans=scans,
        jobs=jobs,
        scanner=scanner,
        prover=prover,
        streams=streams,
        meter=context.meter,
        worker=context.worker,
        sniff=sniff,
    )
    rules = ScanRules(
        parallel=scan.parallel,
        max_size=scan.max_size,
        timeout=scan.timeout,
        attempts=scan.attempts,
        deletes_infected=scan.on_infected == "delete",
        served=context.rules.read_policy.served,
    )
    workers = ScanWorkers(house, rules, look_every=LOOK_FOR_JOBS_EVERY)
    return Scanning(
        prover=prover,
        workers=workers,
        streams=streams,
        backlog=Backlog(scans, prover, kick=workers.kick, rescans_updates=scan.rescan_updates),
    )


def make_prover(settings: Settings, meter: ProverMeter) -> Prover:
    """Of the scanner that is configured. Raises Refused when its package is missing."""
    return _prover(settings.scan, _clamd(settings.scan), meter)


def _prover(scan: Scan, scanner: Scanner, meter: ProverMeter) -> Prover:
    return Prover(
        scanner,
        max_size=scan.max_size,
        every=scan.prove_interval,
        max_age=scan.signatures_max_age,
        clock=time.time,
        meter=meter,
    )


def _stream_rules(scan: Scan) -> StreamRules:
    return StreamRules(
        # Scans of what is stored always have as many threads.
        most=min(scan.while_uploading, scan.parallel // 2),
        rate=scan.while_uploading_rate,
        buffer=scan.while_uploading_buffer,
        max_size=scan.max_size,
        timeout=scan.timeout,
    )


def _clamd(scan: Scan) -> Scanner:
    try:
        from tusd_py.scanning.clamd import Clamd, Deadlines, Place  # noqa: PLC0415 - only when configured
    except ModuleNotFoundError as missing:
        raise Refused(
            f"scan names clamd, which needs the package {missing.name}", hint="pip install 'tusd-py[scan]'"
        ) from None
    return Clamd(
        Place(socket=scan.clamd_socket, host=scan.clamd_host, port=scan.clamd_port),
        Deadlines(
            connect=scan.connect_timeout,
            send=scan.send_timeout,
            verdict=scan.verdict_timeout,
            total=scan.timeout,
        ),
    )
