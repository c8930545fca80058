"""What every operation works with.

Belongs here: the collaborators of the service. Not here: how they are made (assemble/).
"""

import itertools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol

from protocol.features import Features
from protocol.upload import Upload, UploadId
from storage_backends.base import StorageBackend
from storage_backends.refs import attempt_ref
from tusd_py.access.admission import Admission
from tusd_py.access.may_read import ReadPolicy
from tusd_py.leases import Leases
from tusd_py.metadata.files import FileRows, Version
from tusd_py.metadata.uploads import UploadRows

from .callbacks import Announcements, Callbacks
from .contents import Contents
from .finishes import Finishes
from .journal import Download
from .ledger import RowLedger
from .tally import Tally
from .taps import NoTaps, Taps


def _nobody_notes(_download: Download) -> None:
    """Without a journal downloads leave no trace."""


async def _nobody_scans(_version: Version) -> None:
    """Without a scanner nothing is bound to a verdict."""


def _held_by_nobody(_upload_id: UploadId) -> AbstractAsyncContextManager[None]:
    """Without other workers nobody else would finish it."""
    return nullcontext()


class Meter(Protocol):
    """What is counted. Calls are cheap and never fail."""

    tally: Tally
    """The same, as far as operators see it over time."""

    def created(self) -> None: ...
    def received(self, count: int) -> None:
        """Bytes written to storage, whether or not they were committed later."""
        ...

    def finished(self, seconds: float, size: int) -> None: ...
    def terminated(self) -> None: ...
    def fenced(self) -> None:
        """A writer of ours was overtaken."""
        ...

    def took_over(self, how: str) -> None: ...
    def lost(self) -> None: ...
    def scanned(self, verdict: str, seconds: float, size: int) -> None:
        """A verdict was committed."""
        ...

    def scan_failed(self) -> None:
        """A scan ended without a verdict; it is tried again."""
        ...

    def scan_given_up(self) -> None:
        """It failed so often that nobody tries again."""
        ...

    def scan_streamed(self, outcome: str) -> None:
        """What became of an upload that was shown to the scanner while it arrived; one of a few words."""
        ...

    def scanner_proven(self, *, is_proven: bool) -> None:
        """Whether the scanner showed lately that it finds what it has to."""
        ...

    def waiting(self, consumer: str, waiting: int, running: int) -> None:
        """How many jobs of a consumer there are."""
        ...

    def has_free(self, count: int) -> None:
        """How many bytes are free on the disk."""
        ...

    def relayed(self, relay: str, outcome: str) -> None:
        """An event was delivered to another system, failed, or was given up (dead)."""
        ...

    def relay_stands(self, relay: str, *, waiting: int, is_down: bool) -> None:
        """How many events wait for another system, as far as its holder knows."""
        ...

    def hook_called(self, kind: str, *, failed: bool) -> None:
        """One of tusd's hooks was asked or told."""
        ...

    def listening(self, count: int) -> None:
        """How many listen to the live feed of this process."""

    def download_started(self, via: str) -> None: ...
    def sent(self, count: int) -> None:
        """Bytes of a file went out."""
        ...

    def link_used(self) -> None:
        """A use of a share link was counted."""
        ...

    def link_refused(self, reason: str) -> None:
        """A link opened nothing; `reason` is one of a few words."""
        ...

    def journal_forgot(self, count: int) -> None:
        """Downloads that could not be noted."""
        ...

    def receiving(self) -> AbstractContextManager[object]:
        """Around the reading of one body."""
        ...

    def committed(self, seconds: float) -> None:
        """How long making bytes durable and moving the line took."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The settings that operations look at. Seconds and bytes."""

    features: Features
    checkpoint_bytes: int
    checkpoint_interval: float
    checkpoint_least: int
    """Bytes without which the interval alone moves no line."""
    inline_limit: int
    key_template: str
    acquire_patience: float
    head_patience: float
    read_policy: ReadPolicy
    survives_power: bool
    """Durability "power": what a backend wrote is synced when it says so."""
    link_expiry: int | None = None
    """Downloads are sent to the store, with URLs that live so long; None sends them through us."""
    sendfile: bool = True
    """Large ranges of files are sent by the kernel, where the connection allows it."""
    send_patience: float = 60.0
    """Seconds that the reader of a download may take nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The collaborators."""

    rows: UploadRows
    files: FileRows
    backend: StorageBackend
    leases: Leases
    rules: Rules
    callbacks: Callbacks
    meter: Meter
    worker: str
    clock: Callable[[], float]
    """Seconds since the epoch; for names and for metrics, never for decisions about rows."""
    random_id: Callable[[], str]
    """32 hex digits that nobody can guess."""
    attempts: Iterator[int] = field(default_factory=itertools.count)
    finishes: Finishes = field(default_factory=Finishes)
    """To be closed before the storage is."""
    holding: Callable[[UploadId], AbstractAsyncContextManager[None]] = _held_by_nobody
    """Around a finish: keeps its job from other workers."""
    announcements: Announcements = field(default_factory=Announcements)
    """To be closed after the finishes, which make some."""
    stored: Callable[[], None] = lambda: None
    """Called when a file was stored: a scanner may have something to do."""
    taps: Taps = field(default_factory=NoTaps)
    """Who sees bodies while they arrive."""
    admission: Admission | None = None
    """What may be uploaded; None where everything may."""
    contents: Contents | None = None
    """Looks at contents as they come; None where nobody does."""
    downloaded: Callable[[Download], None] = _nobody_notes
    """Called when a download starts."""
    rescan: Callable[[Version], Awaitable[None]] = _nobody_scans
    """Have a version scanned once more, because its bytes are not those that were scanned."""

    def new_attempt(self, key: str) -> str:
        """A name for bytes that no row names yet."""
        return attempt_ref(key, self.worker, next(self.attempts))

    def ledger_of(self, upload: Upload) -> RowLedger:
        """What the storage backend may know and keep of it, as of its epoch."""
        return RowLedger(self.rows.kept, upload, self.new_attempt)
