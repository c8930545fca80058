"""The row of an upload, and what every statement on it shares.

Belongs here: reading rows, the conditions of every compare-and-set. Not here: the statements (creating.py,
writing.py, ending.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from protocol.metadata import format_metadata, parse_metadata
from protocol.upload import ALL_BYTES_DURABLE, Dialect, Kind, PartOf, Transfer, Upload, UploadId
from storage_backends.base import Segment

from .database import Buried, Query, Row, Script
from .usage import Quota, QuotaOf

FOREVER = 4 * 10**18
"""Microseconds; stands for "no limit" where SQL wants a number."""


FINISH_DELAY = 10_000_000
"""Microseconds until somebody else finishes an upload whose worker, which does it at once, died."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUpload:
    """What is known when an upload is created."""

    id: UploadId
    tenant: str
    owner: str
    metadata: str
    filename: str | None
    filetype: str | None
    length: int | None
    dialect: Dialect
    kind: Kind
    concat: str
    key: str
    file_id: str
    sniffed_type: str | None = None
    """Known already where all bytes came with the request."""
    part_of: PartOf | None = None
    repr_digest: str | None = None
    """See `Upload`."""

    def with_metadata(self, values: Mapping[str, str | bytes]) -> Self:
        """The same upload, described by these values instead. Raises InvalidMetadata for a bad key."""
        raw = format_metadata(values)
        described = parse_metadata(raw, limit=len(raw))
        return replace(self, metadata=raw, filename=described.filename, filetype=described.filetype)

    def as_created(self, *, at: int) -> Upload:
        """The upload that it would be; `at` is in microseconds since the epoch."""
        return self.as_row(
            at=at,
            state=Transfer.CREATED,
            offset=0,
            synced_offset=0,
            dirty_boot=None,
            ref=self.key,
            expires_at=None,
        )

    def as_row(
        self,
        *,
        at: int,
        state: Transfer,
        offset: int,
        synced_offset: int,
        dirty_boot: str | None,
        ref: str,
        expires_at: int | None,
        charged: int | None = None,
    ) -> Upload:
        """The same, as inserted with these; times are in microseconds since the epoch."""
        return Upload(
            id=self.id,
            tenant=self.tenant,
            owner=self.owner,
            metadata=self.metadata,
            filename=self.filename,
            filetype=self.filetype,
            length=self.length,
            offset=offset,
            synced_offset=synced_offset,
            dirty_boot=dirty_boot,
            state=state,
            epoch=0,
            holder=None,
            releasing_until=None,
            expires_at=expires_at,
            dialect=self.dialect,
            kind=self.kind,
            concat=self.concat,
            key=self.key,
            ref=ref,
            ref_offset=0,
            file_id=self.file_id,
            created_at=at,
            updated_at=at,
            charged=charged,
            sniffed_type=self.sniffed_type,
            part_of=self.part_of,
            repr_digest=self.repr_digest,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime:
    """When rows end. Microseconds; FOREVER is no limit."""

    expiry: int
    max_age: int
    retention: int
    """How long an ended upload is remembered, so that its client hears 410 or sees that it finished."""

    def of(self, kind: Kind, state: Transfer) -> tuple[int, int]:
        """How long a row lives that comes into `state`: from then on, and at most from its creation on."""
        if state is Transfer.WAITING:
            # It ends with its partials, which have dates: it is never asked for anything itself.
            return FOREVER, FOREVER
        if state in ALL_BYTES_DURABLE and kind is not Kind.PARTIAL:
            return self.retention, FOREVER
        return self.expiry, self.max_age


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A row as it was read, and the database's clock at that moment."""

    upload: Upload
    now: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """The worker in whose name rows are changed."""

    worker: str
    boot_id: str
    lifetime: Lifetime
    scans: bool = False
    """There is a scanner: what is stored is queued for it by the same commit."""
    quota_of: QuotaOf | None = None
    """Everybody's quota; None where nothing is counted."""

    def quota(self, tenant: str, owner: str) -> Quota | None:
        """What one owner may use."""
        return None if self.quota_of is None else self.quota_of(tenant, owner)


NOT_BURIED = "NOT EXISTS (SELECT 1 FROM workers w WHERE w.id = :worker AND w.buried <> 0)"

# Locks the worker's row against its burial, for commits that name a file which only its worker protects.
ALIVE_AND_LOCKED = "EXISTS (SELECT 1 FROM workers w WHERE w.id = :worker AND w.buried = 0 {for_share})"

EXPIRES = """
    CASE WHEN CAST(:expiry AS BIGINT) >= CAST(:forever AS BIGINT)
              AND CAST(:max_age AS BIGINT) >= CAST(:forever AS BIGINT) THEN NULL
         WHEN {now} + CAST(:expiry AS BIGINT) < created_at + CAST(:max_age AS BIGINT)
         THEN {now} + CAST(:expiry AS BIGINT)
         ELSE created_at + CAST(:max_age AS BIGINT) END
"""

# Stored partials that a final or a multipart upload waits for have to stay. Asked again under the lock of the
# row before it ends.
DUE = """
    expires_at <= {now}
    AND (state IN ('created', 'receiving', 'waiting')
         OR (state = 'stored' AND kind = 'partial'
             AND NOT EXISTS (SELECT 1 FROM concat c WHERE c.partial_id = uploads.id)
             AND NOT EXISTS (SELECT 1 FROM multipart_parts m WHERE m.upload_id = uploads.id)))
"""


def overtaken(author: Author) -> Script[None]:
    """Nothing was changed; was it because this worker is buried? Then raises Buried."""
    rows = yield Query("SELECT buried FROM workers WHERE id = :worker", {"worker": author.worker})
    if rows and rows[0]["buried"]:
        raise Buried("this worker was given up by the others")


def job_done(consumer: str, upload: Upload) -> Query:
    """The job of an upload has nothing left to do."""
    return Query(
        "DELETE FROM jobs WHERE consumer = :consumer AND subject = :id",
        {"consumer": consumer, "id": upload.id},
    )


def current_segment(upload: Upload) -> Segment:
    """The segment that the next writer goes on in."""
    return Segment(ref=upload.ref, offset=upload.ref_offset, length=upload.offset - upload.ref_offset)


def to_upload(row: Row) -> Upload:
    """A row of `uploads`."""
    return Upload(
        id=UploadId(row["id"]),
        tenant=row["tenant"],
        owner=row["owner"],
        metadata=row["metadata"],
        filename=row["filename"],
        filetype=row["filetype"],
        length=row["length"],
        offset=row["offset"],
        synced_offset=row["synced_offset"],
        dirty_boot=row["dirty_boot"],
        state=Transfer(row["state"]),
        epoch=row["epoch"],
        holder=row["holder"],
        releasing_until=row["releasing_until"],
        expires_at=row["expires_at"],
        dialect=Dialect(row["dialect"]),
        kind=Kind(row["kind"]),
        concat=row["concat"],
        key=row["key"],
        ref=row["ref"],
        ref_offset=row["ref_offset"],
        file_id=row["file_id"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        charged=row["charged"],
        sniffed_type=row["sniffed_type"],
        head=row["head"],
        part_of=None if row["part_of"] is None else PartOf(UploadId(row["part_of"]), row["part_number"]),
        repr_digest=row["repr_digest"],
    )
