"""Plans of final uploads: which partials they are made of.

A plan pins its partials: their bytes stay until the final is stored or ended, even when a client deletes
them. The commit that stores the last open partial, or deletes it once it is complete, readies the final, so
none waits for a worker that died.

Locks are taken from partials to finals, and partials in the order of their ids.
Belongs here: rows of `concat`. Not here: copying bytes (uploads/finish.py).
"""

from collections.abc import Sequence

from protocol.creation import about_partial
from protocol.errors import InvalidConcat, MaxSizeExceeded, UploadGone, UploadNotFound
from protocol.integers import LARGEST
from protocol.upload import Kind, Transfer, Upload, UploadId, visible

from .database import Query, Row, Script
from .events import EventKind, record
from .jobs import enqueue
from .upload_row import Author, to_upload

_LOCK = "SELECT *, {now} AS seen_at FROM uploads WHERE id = :id {for_update}"

_PIN = "INSERT INTO concat (final_id, seq, partial_id) VALUES (:final, :seq, :partial)"

_PLANNED_WITH = """
    SELECT DISTINCT u.id, u.state
    FROM concat c JOIN uploads u ON u.id = c.final_id
    WHERE c.partial_id = :id
    ORDER BY u.id
"""

# A partial that was complete when its client deleted it still serves: its bytes are pinned.
# Summed in two halves: what clients declare may add up to more than a BIGINT holds.
_PROGRESS = """
    SELECT CAST(sum(u.length / 1073741824) AS BIGINT) AS high,
           CAST(sum(u.length % 1073741824) AS BIGINT) AS low,
           sum(CASE WHEN u.length IS NULL THEN 1 ELSE 0 END) AS unknown,
           sum(CASE WHEN u.state = 'stored' THEN 0
                    WHEN u.state = 'terminated' AND u."offset" = u.length THEN 0
                    ELSE 1 END) AS missing
    FROM concat c JOIN uploads u ON u.id = c.partial_id
    WHERE c.final_id = :id
"""

_READY = """
    UPDATE uploads
    SET state = 'completing', length = :length, "offset" = :length, synced_offset = :length,
        expires_at = {now} + CAST(:retention AS BIGINT), updated_at = {now}
    WHERE id = :id AND state = 'waiting'
"""

_PINNED = "SELECT DISTINCT partial_id FROM concat WHERE final_id = :id"

_LET_GO = """
    UPDATE uploads SET expires_at = {now} + CAST(:retention AS BIGINT)
    WHERE id = :id AND state = 'stored'
      AND (expires_at IS NULL OR expires_at > {now} + CAST(:retention AS BIGINT))
"""

_UNPIN = "DELETE FROM concat WHERE final_id = :id RETURNING partial_id"

_GONE = "SELECT id FROM uploads WHERE id = :id AND state IN ('terminated', 'expired', 'refused')"


def lock_partials(partials: Sequence[UploadId]) -> Script[dict[UploadId, Upload]]:
    """The partials of a new final. Raises UploadNotFound, UploadGone, InvalidConcat, which say of which."""
    locked: dict[UploadId, Upload] = {}
    for upload_id in sorted(set(partials)):
        rows = yield Query(_LOCK, {"id": upload_id})
        try:
            locked[upload_id] = _usable(rows)
        except (UploadNotFound, UploadGone, InvalidConcat) as refusal:
            raise about_partial(refusal, partials, partials.index(upload_id)) from None
    return locked


def _usable(rows: Sequence[Row]) -> Upload:
    if not rows:
        raise UploadNotFound
    upload = to_upload(rows[0])
    if not visible(upload, rows[0]["seen_at"]):
        raise UploadGone
    if upload.kind is not Kind.PARTIAL:
        raise InvalidConcat("not a partial upload")
    return upload


def length_of(partials: Sequence[Upload], *, limit: int) -> int | None:
    """The sum; None while one is not known. Raises MaxSizeExceeded above `limit`, where that is not 0."""
    known = sum(partial.length or 0 for partial in partials)
    check_sum(known, limit=limit)
    return None if any(partial.length is None for partial in partials) else known


def check_sum(length: int, *, limit: int) -> None:
    """Raises MaxSizeExceeded above `limit`, where that is not 0, and above what a row can say."""
    if length > (limit or LARGEST):
        raise MaxSizeExceeded(
            f"maximum size exceeded: {length} bytes, wanted at most {limit or LARGEST}",
            headers={"Tus-Max-Size": str(limit)} if limit else {},
        )


def pin(final: Upload, partials: Sequence[UploadId]) -> Script[None]:
    """The plan of a new final."""
    for seq, partial in enumerate(partials):
        yield Query(_PIN, {"final": final.id, "seq": seq, "partial": partial})


def ready_finals(author: Author, partial: Upload, actor: str) -> Script[None]:
    """Part of the transaction that stores a partial, or ends one that is complete.

    Whoever waited for it last may be finished now.
    """
    for final in (yield from _planned_with(partial, Transfer.WAITING)):
        progress = (yield Query(_PROGRESS, {"id": final.id}))[0]
        if progress["missing"]:
            continue
        retention = author.lifetime.retention
        length = planned_length(progress)
        yield Query(_READY, {"id": final.id, "length": length, "retention": retention})
        yield record(EventKind.COMPLETING, final.id, actor, final, offset=length)
        yield enqueue("finish", final.id, 0)


def finals_in_vain(partial: Upload, state: Transfer) -> Script[list[Upload]]:
    """Finals that a partial which ended in `state` leaves without some of their bytes.

    Those that wait for it, where it was not complete; where its bytes are lost, also those that nobody has
    put together yet.
    """
    if partial.kind is not Kind.PARTIAL or (state is Transfer.TERMINATED and partial.has_all_bytes):
        return []
    if state is Transfer.LOST:
        return (yield from _planned_with(partial, Transfer.WAITING, Transfer.COMPLETING))
    return (yield from _planned_with(partial, Transfer.WAITING))


def _planned_with(partial: Upload, *states: Transfer) -> Script[list[Upload]]:
    """Locked before they are judged: of two partials that are stored at once, the second sees the first."""
    finals = []
    for found in (yield Query(_PLANNED_WITH, {"id": partial.id})):
        if found["state"] in states:
            finals += [to_upload(row) for row in (yield Query(_LOCK, {"id": found["id"]}))]
    # One may have ended while its lock was waited for.
    return [final for final in finals if final.state in states]


def let_go(author: Author, final: Upload) -> Script[None]:
    """The final is about to be stored: its partials have done what they were for, and none stays for ever.

    Before the row of the final is locked: theirs come first.
    """
    lifetime = author.lifetime
    if min(lifetime.expiry, lifetime.max_age) <= lifetime.retention:
        return
    pinned = yield Query(_PINNED, {"id": final.id})
    for partial in sorted(row["partial_id"] for row in pinned):
        yield Query(_LET_GO, {"id": partial, "retention": lifetime.retention})


def unpin(final: Upload) -> Script[None]:
    """The final is stored or ended: partials that were deleted meanwhile lose their bytes now."""
    if final.kind is not Kind.FINAL:
        return
    pinned = yield Query(_UNPIN, {"id": final.id})
    for partial in sorted({row["partial_id"] for row in pinned}):
        if (yield Query(_GONE, {"id": partial})):
            yield enqueue("purge", partial, 0)


PLAN = "SELECT partial_id FROM concat WHERE final_id = :id ORDER BY seq"
"""The partials of a final in order."""

PROGRESS = _PROGRESS
"""How far the partials of a final are."""


def planned_length(progress: Row) -> int | None:
    """What a final will have, by its `PROGRESS`; None while the length of a partial is not known."""
    if progress["unknown"] or progress["high"] is None:
        return None
    return (int(progress["high"]) << 30) + int(progress["low"])
