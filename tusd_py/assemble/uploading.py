"""What uploads need of everything else: rows, bytes, leases, rules, quotas, and a scanner where there is one.

Belongs here: making the context of uploads/. Not here: opening the stores (stores.py), what a scanner is
(scanning.py).
"""

import time
from dataclasses import dataclass, replace

from storage_backends.base import ObjectStore
from tusd_py.config.settings import Settings
from tusd_py.leases import Leases
from tusd_py.metadata.files import FileRows, Version
from tusd_py.metadata.jobs import JobRows
from tusd_py.metadata.scans import ScanRows
from tusd_py.metadata.upload_row import Author
from tusd_py.metadata.uploads import UploadRows
from tusd_py.randomness import neighbouring_hex
from tusd_py.scanning.examine import CHANGED
from tusd_py.uploads.callbacks import Callbacks
from tusd_py.uploads.context import Context, Meter
from tusd_py.work.runner import holding

from .limits import make_admission, make_contents, make_quotas, make_sniffing
from .member import Member
from .parts import make_lifetime, make_rules
from .scanning import Scanning, is_configured, make_scanning
from .stores import Stores


@dataclass(frozen=True, slots=True)
class Uploading:
    """For one worker."""

    context: Context
    scans: ScanRows
    scanning: Scanning | None
    """None where nothing scans, or another process does."""


def make_uploading(
    settings: Settings,
    member: Member,
    stores: Stores,
    jobs: JobRows,
    *,
    meter: Meter,
    callbacks: Callbacks,
    scans_here: bool,
) -> Uploading:
    """`scans_here` says whether this process scans, where there is a scanner."""
    seat, database, backend = member.seat, stores.database, stores.backend
    quotas, sniff = make_quotas(settings), make_sniffing(settings)
    admission = make_admission(settings, quotas)
    author = Author(
        worker=seat.id,
        boot_id=seat.host.boot,
        lifetime=make_lifetime(settings),
        scans=is_configured(settings),
        quota_of=quotas,
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
        random_id=lambda: neighbouring_hex(16),
        admission=admission,
        contents=make_contents(settings, sniff, admission),
        holding=lambda upload_id: holding(jobs, "finish", upload_id, worker=seat.id),
    )
    scans = ScanRows(database, author)
    if not is_configured(settings):
        return Uploading(context, scans, None)
    scanning = make_scanning(settings, context, scans, jobs, sniff) if scans_here else None
    kick = _nothing if scanning is None else scanning.workers.kick

    async def rescan(version: Version) -> None:
        if version.finding != CHANGED:
            await scans.ask_once(version)
        kick()

    context = replace(context, rescan=rescan)
    if scanning is None:
        return Uploading(context, scans, None)  # another process scans
    return Uploading(replace(context, stored=kick, taps=scanning.streams), scans, scanning)


def _nothing() -> None:
    """Whoever scans looks by itself."""
