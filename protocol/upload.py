"""An upload and the states it may be in.

Belongs here: the `Upload` value, upload ids, the two state tables, and the one function that derives
what people see from them. An illegal step raises and changes nothing.
Not here: how states are stored (`tusd_py.metadata`) or bytes (`storage_backends`).
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from .errors import UploadNotFound

UploadId = NewType("UploadId", str)

_UPLOAD_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)


def parse_upload_id(text: str) -> UploadId:
    """The one way in for an upload id: 32 lower-case hex digits, else `UploadNotFound`.

    A malformed id is answered like an unknown one, so nothing can be learned by probing.
    """
    if not _UPLOAD_ID.fullmatch(text):
        raise UploadNotFound
    return UploadId(text)


class Transfer(StrEnum):
    """Where the bytes of an upload are."""

    CREATED = "created"
    RECEIVING = "receiving"
    WAITING = "waiting"
    COMPLETING = "completing"
    STORED = "stored"
    TERMINATED = "terminated"
    EXPIRED = "expired"
    REFUSED = "refused"
    LOST = "lost"


class Step(StrEnum):
    """What happens to a transfer."""

    RECEIVE = "receive"
    COMPLETE = "complete"
    STORE = "store"
    TERMINATE = "terminate"
    EXPIRE = "expire"
    REFUSE = "refuse"
    LOSE = "lose"


# (state, step) -> next state. What is not here is illegal.
TRANSFERS: dict[tuple[Transfer, Step], Transfer] = {
    (Transfer.CREATED, Step.RECEIVE): Transfer.RECEIVING,
    (Transfer.RECEIVING, Step.RECEIVE): Transfer.RECEIVING,
    # Empty uploads and uploads whole in their POST never receive a PATCH.
    (Transfer.CREATED, Step.COMPLETE): Transfer.COMPLETING,
    (Transfer.RECEIVING, Step.COMPLETE): Transfer.COMPLETING,
    (Transfer.WAITING, Step.COMPLETE): Transfer.COMPLETING,
    (Transfer.COMPLETING, Step.STORE): Transfer.STORED,
    (Transfer.CREATED, Step.EXPIRE): Transfer.EXPIRED,
    (Transfer.RECEIVING, Step.EXPIRE): Transfer.EXPIRED,
    (Transfer.WAITING, Step.EXPIRE): Transfer.EXPIRED,
    # Only partials: a stored partial that no final wants goes at its own date.
    (Transfer.STORED, Step.EXPIRE): Transfer.EXPIRED,
    # Only what is told at `stored`, so that what was put together may be refused: finals, what is compared
    # with a digest, and what clients sent to the bucket.
    (Transfer.COMPLETING, Step.REFUSE): Transfer.REFUSED,
    (Transfer.CREATED, Step.REFUSE): Transfer.REFUSED,
    (Transfer.RECEIVING, Step.REFUSE): Transfer.REFUSED,
    (Transfer.CREATED, Step.TERMINATE): Transfer.TERMINATED,
    (Transfer.RECEIVING, Step.TERMINATE): Transfer.TERMINATED,
    (Transfer.WAITING, Step.TERMINATE): Transfer.TERMINATED,
    (Transfer.COMPLETING, Step.TERMINATE): Transfer.TERMINATED,
    (Transfer.STORED, Step.TERMINATE): Transfer.TERMINATED,
    (Transfer.RECEIVING, Step.LOSE): Transfer.LOST,
    (Transfer.COMPLETING, Step.LOSE): Transfer.LOST,
    (Transfer.STORED, Step.LOSE): Transfer.LOST,
}

OPEN = frozenset({Transfer.CREATED, Transfer.RECEIVING})
"""States in which bytes may still arrive."""

UNFINISHED = OPEN | {Transfer.WAITING}
"""States that expire (tus 1.0.0, Expiration: only unfinished uploads)."""

ALL_BYTES_DURABLE = frozenset({Transfer.COMPLETING, Transfer.STORED})
"""States in which the client is told that its upload is complete, unless its digest is to be compared."""

GONE = frozenset({Transfer.TERMINATED, Transfer.EXPIRED, Transfer.REFUSED, Transfer.LOST})
"""End states; the row stays for a while so that clients hear 410."""


class Verdict(StrEnum):
    """What a scanner said of a stored version. Scanning and error are states of the scan job."""

    UNKNOWN = "unknown"
    CLEAN = "clean"
    INFECTED = "infected"
    UNSCANNABLE = "unscannable"


# A re-scan may replace any proven verdict, but never makes a version unknown again.
VERDICTS: dict[Verdict, frozenset[Verdict]] = {
    before: frozenset({Verdict.CLEAN, Verdict.INFECTED, Verdict.UNSCANNABLE}) for before in Verdict
}


class IllegalStep(Exception):
    """A state table has no such transition. Always a bug of ours, never a client's."""

    def __init__(self, state: StrEnum, step: StrEnum) -> None:
        super().__init__(f"no step {step.value!r} from state {state.value!r}")


def after(state: Transfer, step: Step) -> Transfer:
    """The state that `step` leads to. Raises IllegalStep."""
    try:
        return TRANSFERS[state, step]
    except KeyError:
        raise IllegalStep(state, step) from None


class ScanJob(StrEnum):
    """The scan job of a version, as far as people see it."""

    NONE = "none"
    QUEUED = "queued"
    RUNNING = "running"
    FAILED = "failed"


class Status(StrEnum):
    """What people see."""

    UPLOADING = "uploading"
    UPLOADED = "uploaded"
    SCANNING = "scanning"
    READY = "ready"
    QUARANTINED = "quarantined"
    FAILED = "failed"


def status_of(transfer: Transfer, verdict: Verdict, scan: ScanJob, *, served: bool, released: bool) -> Status:
    """What people see of a version. Total: every combination has exactly one answer.

    `served` says whether the policy lets this verdict be served; `released` whether a person let
    the version out of quarantine.
    """
    if transfer in GONE:
        return Status.FAILED
    if transfer is Transfer.COMPLETING:
        return Status.UPLOADED
    if transfer is not Transfer.STORED:
        return Status.UPLOADING
    if released or served:
        return Status.READY
    if verdict in (Verdict.INFECTED, Verdict.UNSCANNABLE):
        return Status.QUARANTINED
    return {ScanJob.NONE: Status.UPLOADED, ScanJob.FAILED: Status.FAILED}.get(scan, Status.SCANNING)


class Dialect(StrEnum):
    """The protocol that an upload was created by; it decides how HEAD answers."""

    TUS = "tus"
    IETF = "ietf"
    DIRECT = "direct"
    """None of them: clients send its parts to the store themselves."""


class Kind(StrEnum):
    """What an upload is for. Only whole and final uploads become files."""

    WHOLE = "whole"
    PARTIAL = "partial"
    FINAL = "final"
    PARTS = "parts"


@dataclass(frozen=True, slots=True)
class PartOf:
    """What a partial upload is sent for, if it is a part of a multipart upload."""

    upload_id: UploadId
    """Of the whole."""
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One transfer, as its row says. Times are microseconds since the epoch, sizes bytes."""

    id: UploadId
    tenant: str
    owner: str
    metadata: str
    """The raw Upload-Metadata header, echoed byte for byte; "" when there was none."""
    filename: str | None
    filetype: str | None
    length: int | None
    """None while it is not known (tus 1.0.0, Upload-Defer-Length; IETF draft, 4.1.3)."""
    offset: int
    """The line: bytes before it are durable, bytes after it are rubbish."""
    synced_offset: int
    """Bytes that survive a power cut; below `offset` only with durability "process"."""
    dirty_boot: str | None
    state: Transfer
    epoch: int
    holder: str | None
    releasing_until: int | None
    expires_at: int | None
    dialect: Dialect
    kind: Kind
    concat: str
    """The raw Upload-Concat header, "" when there was none."""
    key: str
    """Where the bytes belong; fixed at creation, never recomputed."""
    ref: str
    """The name that holds the bytes from `ref_offset` on."""
    ref_offset: int
    file_id: str
    created_at: int
    updated_at: int
    charged: int | None = None
    """Bytes of its owner's quota that it holds; None where there was no quota when it was made."""
    sniffed_type: str | None = None
    """What its first bytes look like, where that was looked at and is known."""
    head: str | None = None
    """Its first bytes in hexadecimal digits, while there are too few of them to know."""
    part_of: PartOf | None = None
    repr_digest: str | None = None
    """What its client said that all of it hashes to, as Repr-Digest says it (RFC 9530); None where it said
    nothing, or one body brought everything and was compared as it came."""

    @property
    def awaits_proof(self) -> bool:
        """All bytes are here, and have to be read and compared before anybody may call them the upload."""
        return self.state is Transfer.COMPLETING and self.repr_digest is not None

    @property
    def is_told_complete(self) -> bool:
        """Its client may hear that it is complete."""
        return self.state in ALL_BYTES_DURABLE and not self.awaits_proof

    @property
    def has_all_bytes(self) -> bool:
        """All bytes are durable. In the IETF's dialect that does not make it complete: its client has to."""
        return self.length is not None and self.offset == self.length

    @property
    def is_deferred(self) -> bool:
        return self.length is None

    @property
    def is_judged_late(self) -> bool:
        """Only when all of it is one object can its bytes be looked at, and be refused."""
        return self.kind is Kind.FINAL or self.dialect is Dialect.DIRECT


def visible(upload: Upload, now: int) -> bool:
    """False once the upload ended or its date passed: then every verb answers 410."""
    if upload.state in GONE:
        return False
    return not (upload.state in UNFINISHED and upload.expires_at is not None and upload.expires_at <= now)
