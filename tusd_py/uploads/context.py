"""What every operation works with.

Belongs here: the collaborators of the service. Not here: how they are made (assemble/).
"""

import itertools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from protocol.tus.features import Features
from protocol.upload import Upload
from storage_backends.base import StorageBackend
from storage_backends.refs import attempt_ref
from tusd_py.access.may_read import ReadPolicy
from tusd_py.leases import Leases
from tusd_py.metadata.files import FileRows, Version
from tusd_py.metadata.uploads import UploadRows

from .callbacks import Announcements, Callbacks
from .finishes import Finishes
from .ledger import RowLedger


async def _nobody_scans(_version: Version) -> None:
    """Without a scanner nothing is bound to a verdict."""


class Meter(Protocol):
    """What is counted. Calls are cheap and never fail."""

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

    def scanner_proven(self, *, is_proven: bool) -> None:
        """Whether the scanner showed lately that it finds what it has to."""
        ...

    def waiting(self, consumer: str, waiting: int, running: int) -> None:
        """How many jobs of a consumer there are."""
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
    inline_limit: int
    key_template: str
    acquire_patience: float
    head_patience: float
    read_policy: ReadPolicy
    survives_power: bool
    """Durability "power": what a backend wrote is synced when it says so."""
    link_expiry: int | None = None
    """Downloads are sent to the store, with URLs that live so long; None sends them through us."""


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
    announcements: Announcements = field(default_factory=Announcements)
    """To be closed after the finishes, which make some."""
    stored: Callable[[], None] = lambda: None
    """Called when a file was stored: a scanner may have something to do."""
    rescan: Callable[[Version], Awaitable[None]] = _nobody_scans
    """Have a version scanned once more, because its bytes are not those that were scanned."""

    def new_attempt(self, key: str) -> str:
        """A name for bytes that no row names yet."""
        return attempt_ref(key, self.worker, next(self.attempts))

    def ledger_of(self, upload: Upload) -> RowLedger:
        """What the storage backend may know and keep of it, as of its epoch."""
        return RowLedger(self.rows.kept, upload, self.new_attempt)
