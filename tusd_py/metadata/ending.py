"""Statements that end uploads: stored, terminated, expired, refused, lost.

Belongs here: the last commit of a transfer. Not here: when it is due (work/), what becomes of bytes.
"""

from protocol.upload import IllegalStep, Kind, Step, Transfer, Upload, UploadId, after
from storage_backends.base import Stored

from .creating import announce_stored
from .database import Query, Script
from .events import ENTERED, part_facts, record
from .files import lose_version, remove_version
from .jobs import enqueue
from .plans import finals_in_vain, let_go, ready_finals, unpin
from .upload_row import ALIVE_AND_LOCKED, DUE, Author, job_done, overtaken, to_upload
from .usage import charge_of, closed, give_back, take_over

# What was assembled under a new name was synced with it; what was sealed in place may still be dirty. What
# could not be synced (housekeeping.py) may have been read back otherwise than it was written.
_STORE = (
    """
    UPDATE uploads
    SET state = 'stored', ref = :ref, ref_offset = 0, updated_at = {now},
        sniffed_type = coalesce(sniffed_type, CAST(:sniffed AS TEXT)),
        synced_offset = CASE WHEN ref = :ref OR dirty_boot LIKE '!%' THEN synced_offset ELSE "offset" END,
        dirty_boot = CASE WHEN ref = :ref OR dirty_boot LIKE '!%' THEN dirty_boot
                          ELSE (SELECT min(p.dirty_boot) FROM concat c JOIN uploads p ON p.id = c.partial_id
                                WHERE c.final_id = :id AND p.dirty_boot LIKE '!%') END
    WHERE id = :id AND state = 'completing'
      AND """
    + ALIVE_AND_LOCKED
    + """
    RETURNING *
    """
)

_IS_DUE = f"SELECT id FROM uploads WHERE id = :id AND {DUE}"

# As long as a plan needs the bytes, it counts whether they are durable.
_END = """
    UPDATE uploads
    SET state = :state, epoch = epoch + 1, holder = NULL, releasing_until = NULL,
        dirty_boot = CASE WHEN EXISTS (SELECT 1 FROM concat c WHERE c.partial_id = :id) THEN dirty_boot END,
        expires_at = {now} + CAST(:retention AS BIGINT), updated_at = {now}
    WHERE id = :id
"""


def store(
    author: Author, upload: Upload, stored: Stored, *, scan_after: int, actor: str
) -> Script[Upload | None]:
    """The sealed object counts, its segments do not."""
    if upload.kind is Kind.FINAL:
        yield from let_go(author, upload)
    params = {"id": upload.id, "ref": stored.ref, "sniffed": upload.sniffed_type, "worker": author.worker}
    rows = yield Query(_STORE, params)
    if not rows:
        yield from overtaken(author)
        return None
    yield Query("DELETE FROM parts WHERE upload_id = :id", {"id": upload.id})
    finished = yield from announce_stored(author, to_upload(rows[0]), stored, actor, scan_after=scan_after)
    if rows[0]["charged"] is not None and upload.kind is Kind.FINAL:
        yield from take_over(upload, stored.length, author.quota(upload.tenant, upload.owner))
    yield from unpin(upload)
    yield job_done("finish", upload)
    yield from closed(finished, stored.length)
    return finished


def end(
    author: Author, upload_id: UploadId, step: Step, *, actor: str, seen: Upload | None, only_due: bool
) -> Script[Upload | None]:
    """Whoever writes to the upload is fenced by the same commit, and a purge is due."""
    rows = yield Query("SELECT * FROM uploads WHERE id = :id {for_update}", {"id": upload_id})
    if not rows:
        return None
    upload = to_upload(rows[0])
    if seen is not None and (upload.epoch, upload.state) != (seen.epoch, seen.state):
        return None
    if only_due and not (yield Query(_IS_DUE, {"id": upload_id})):
        return None
    ended: list[Upload] = []
    try:
        state = after(upload.state, step)
    except IllegalStep:
        if step is not Step.LOSE:
            return None
        # It was deleted, but a plan may need its bytes still.
        yield from _end_finals(author, upload, Transfer.LOST, actor, ended)
    else:
        yield from _end(author, upload, state, actor, ended)
    # Last, as it locks a row that others lock last.
    for one in ended:
        charge = charge_of(one)
        if charge is not None:
            yield give_back(one.tenant, one.owner, charge)
    return upload if ended else None


def _end(author: Author, upload: Upload, state: Transfer, actor: str, ended: list[Upload]) -> Script[None]:
    """`ended` gets what is ended by it: the upload, and finals that wait for it."""
    ended.append(upload)
    retention = author.lifetime.retention
    yield Query(_END, {"id": upload.id, "state": state, "retention": retention})
    yield record(ENTERED[state], upload.id, actor, upload, offset=upload.offset, **part_facts(upload))
    yield job_done("finish", upload)
    yield from unpin(upload)
    if upload.state is Transfer.COMPLETING and upload.kind is Kind.PARTIAL and state is Transfer.TERMINATED:
        # Nobody will store it any more, and its bytes are there for as long as they are pinned.
        yield from ready_finals(author, upload, actor)
    yield from _end_finals(author, upload, state, actor, ended)
    if state is Transfer.LOST:
        # The bytes that are left stay for the operator as long as the row.
        yield from lose_version(upload.id, upload.tenant, upload.owner)
        return
    if upload.state is Transfer.STORED:
        yield from remove_version(upload.id)
    yield enqueue("purge", upload.id, 0)


def _end_finals(
    author: Author, partial: Upload, state: Transfer, actor: str, ended: list[Upload]
) -> Script[None]:
    """Those that the partial leaves without some of their bytes by ending in `state`."""
    for final in (yield from finals_in_vain(partial, state)):
        # Of one that is complete its client was told so.
        is_complete = final.state is Transfer.COMPLETING
        yield from _end(author, final, Transfer.LOST if is_complete else Transfer.TERMINATED, actor, ended)
