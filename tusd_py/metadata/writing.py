"""Statements of a writer: becoming one, moving the line, letting go.

Belongs here: everything between the first byte and the last. Not here: who may write (leases.py).
"""

from dataclasses import dataclass, replace

from protocol.upload import OPEN, Step, Transfer, Upload, UploadId, after
from storage_backends.base import Part
from storage_backends.refs import segment_ref

from . import kept
from .database import Buried, Query, Script
from .events import ENTERED, EventKind, part_facts, record
from .jobs import enqueue
from .upload_row import EXPIRES, FINISH_DELAY, FOREVER, NOT_BURIED, Author, overtaken, to_upload
from .usage import Quota, reserve_step


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """Moves the line of an upload from where `upload` has it to `offset`."""

    upload: Upload
    offset: int
    synced: bool
    length: int | None = None
    """Declares a deferred length."""
    parts: tuple[Part, ...] = ()
    dropped: tuple[Part, ...] = ()
    """Tails that are in `parts` now."""
    memory: str | None = None
    """What the storage backend remembers from now on; None changes nothing."""
    release: bool = False
    """Let go of the lease in the same commit."""
    more: bool = False
    """The client says that this is not the end, whatever the length (IETF draft, Upload-Complete: ?0)."""
    sniffed: str | None = None
    """What the first bytes look like, from when on that is known."""
    head: str | None = None
    """Until then: the first bytes in hexadecimal digits."""
    proven: bool = False
    """What came is all of the upload, and hashes to what its client said."""


_ACQUIRE = (
    """
    UPDATE uploads
    SET epoch = epoch + 1, holder = :worker, releasing_until = NULL, updated_at = {now}
    WHERE id = :id AND state IN ('created', 'receiving')
      AND (holder IS NULL OR holder = CAST(:dead AS TEXT))
      AND (expires_at IS NULL OR expires_at > {now})
      AND """
    + NOT_BURIED
    + """
    RETURNING *
    """
)

_ADVANCE = (
    """
    UPDATE uploads
    SET "offset" = :offset,
        synced_offset = CASE WHEN :synced = 1 THEN :offset ELSE synced_offset END,
        -- Of what could not be synced (housekeeping.py) the rest makes nothing better.
        dirty_boot = CASE WHEN dirty_boot LIKE '!%' THEN dirty_boot
                          WHEN :synced = 1 THEN NULL ELSE CAST(:boot AS TEXT) END,
        length = coalesce(length, CAST(:length AS BIGINT)),
        state = :state,
        holder = CASE WHEN :release = 1 THEN NULL ELSE holder END,
        storage = coalesce(CAST(:memory AS TEXT), storage),
        sniffed_type = coalesce(CAST(:sniffed AS TEXT), sniffed_type), head = CAST(:head AS TEXT),
        expires_at = """
    + EXPIRES
    + """,
        updated_at = {now}
    WHERE id = :id AND epoch = :epoch AND holder = :worker AND "offset" = :old
      AND state IN ('created', 'receiving')
      AND """
    + NOT_BURIED
    + """
    RETURNING *
    """
)

_PROVEN = "UPDATE uploads SET repr_digest = NULL WHERE id = :id"

_BEGIN_SEGMENT = (
    """
    UPDATE uploads
    SET epoch = epoch + 1, holder = :worker, releasing_until = NULL, ref = :ref, ref_offset = "offset",
        updated_at = {now}
    WHERE id = :id AND epoch = :epoch AND state IN ('created', 'receiving')
      AND """
    + NOT_BURIED
    + " RETURNING *"
)

# The epoch numbers the segments: it rises with every writer, so no number is used twice.
_CLOSE_SEGMENT = """
    INSERT INTO parts (upload_id, part_no, "offset", length, state, epoch, ref)
    VALUES (:id, :epoch, :offset, :length, 'segment', :epoch, :ref)
"""

_SEIZE = (
    """
    UPDATE uploads
    SET epoch = epoch + 1, holder = :worker, releasing_until = NULL, updated_at = {now}
    WHERE id = :id AND epoch = :epoch AND state IN ('created', 'receiving')
      AND """
    + NOT_BURIED
    + " RETURNING *"
)

_RELEASE = """
    UPDATE uploads SET holder = NULL, releasing_until = NULL
    WHERE id = :id AND epoch = :epoch AND holder = :worker
"""

# Who asks first says until when; the one that holds it puts that off for as long as it is busy saving.
_ASK = """
    UPDATE uploads SET releasing_until = coalesce(releasing_until, {now} + CAST(:within AS BIGINT))
    WHERE id = :id AND epoch = :epoch AND holder = :holder
    RETURNING *, {now} AS seen_at
"""

_ANSWER = """
    UPDATE uploads SET releasing_until = {now} + CAST(:within AS BIGINT)
    WHERE holder = :worker AND releasing_until IS NOT NULL
    RETURNING *
"""


def acquire(author: Author, upload_id: UploadId, dead: str | None) -> Query:
    """Become the writer where nobody is, or where `dead` was."""
    return Query(_ACQUIRE, {"id": upload_id, "worker": author.worker, "dead": dead})


def release(author: Author, upload: Upload) -> Query:
    """Let go, where nothing else is to be committed."""
    return Query(_RELEASE, {"id": upload.id, "epoch": upload.epoch, "worker": author.worker})


def ask(seen: Upload, within: int) -> Query:
    """Ask the writer that `seen` has to let go, in its row; no row comes back when it has."""
    params = {"id": seen.id, "epoch": seen.epoch, "holder": seen.holder, "within": within}
    return Query(_ASK, params)


def answer(author: Author, within: int) -> Query:
    """The uploads of this worker that others asked for; they hear that it is not frozen."""
    return Query(_ANSWER, {"worker": author.worker, "within": within})


def seize(author: Author, seen: Upload, *, segmented: bool) -> Script[Upload | None]:
    """Become the writer by force; `segmented` in a new segment, which the old writer cannot reach."""
    rows = yield Query("SELECT * FROM uploads WHERE id = :id {for_update}", {"id": seen.id})
    upload = to_upload(rows[0]) if rows else None
    if upload is None or upload.epoch != seen.epoch or upload.state not in OPEN:
        return None
    yield from overtaken(author)
    params = {"id": upload.id, "epoch": upload.epoch, "worker": author.worker}
    if not segmented:
        rows = yield Query(_SEIZE, params)
    else:
        if upload.offset > upload.ref_offset:
            yield _close_segment(upload)
        rows = yield Query(_BEGIN_SEGMENT, {**params, "ref": segment_ref(upload.key, upload.epoch + 1)})
    if not rows:
        # The row is locked, so this can only be the burial; raising undoes the closed segment.
        raise Buried("this worker was given up by the others")
    yield record(EventKind.SEIZED, upload.id, author.worker, upload, holder=upload.holder, epoch=upload.epoch)
    return to_upload(rows[0])


def advance(author: Author, advance: Advance, actor: str) -> Script[Upload | None]:
    """Move the line. Raises QuotaExceeded where its upload has no length and no room."""
    upload = advance.upload
    length = upload.length if upload.length is not None else advance.length
    ends = advance.offset == length and not advance.more
    state = Transfer.COMPLETING if ends else after(upload.state, Step.RECEIVE)
    rows = yield _advance(author, advance, state)
    if not rows:
        yield from overtaken(author)
        return None
    moved = to_upload(rows[0])
    if advance.proven and moved.repr_digest is not None:
        yield Query(_PROVEN, {"id": moved.id})
        moved = replace(moved, repr_digest=None)
    if upload.length is None and upload.charged is not None:
        quota = author.quota(moved.tenant, moved.owner) or Quota()
        yield from reserve_step(moved, moved.offset, moved.length, quota)
    yield from kept.drop(moved, advance.dropped)
    for part in advance.parts:
        yield kept.insert(moved, part)
    if moved.state is not upload.state:
        yield record(ENTERED[moved.state], moved.id, actor, moved, offset=moved.offset, **part_facts(moved))
    if moved.state is Transfer.COMPLETING:
        yield enqueue("finish", moved.id, FINISH_DELAY)
    return moved


def _advance(author: Author, advance: Advance, state: Transfer) -> Query:
    expiry, max_age = author.lifetime.of(advance.upload.kind, state)
    return Query(
        _ADVANCE,
        {
            "id": advance.upload.id,
            "epoch": advance.upload.epoch,
            "old": advance.upload.offset,
            "offset": advance.offset,
            "synced": int(advance.synced),
            "boot": author.boot_id,
            "length": advance.length,
            "memory": advance.memory,
            "sniffed": advance.sniffed,
            "head": advance.head,
            "state": state,
            "release": int(advance.release or state is Transfer.COMPLETING),
            "worker": author.worker,
            "expiry": expiry,
            "max_age": max_age,
            "forever": FOREVER,
        },
    )


def _close_segment(upload: Upload) -> Query:
    return Query(
        _CLOSE_SEGMENT,
        {
            "id": upload.id,
            "epoch": upload.epoch,
            "offset": upload.ref_offset,
            "length": upload.offset - upload.ref_offset,
            "ref": upload.ref,
        },
    )
