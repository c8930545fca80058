"""Statements that make uploads: without bytes, and together with all of them.

Belongs here: the first commit of an upload. Not here: later ones (writing.py, ending.py).
"""

from collections.abc import Sequence
from dataclasses import replace

from protocol.upload import Kind, Transfer, Upload, UploadId
from storage_backends.base import Stored

from .database import Buried, Query, Script
from .events import EventKind, part_facts, record
from .files import add_version, may_name_place
from .jobs import SCAN, enqueue
from .plans import length_of, lock_partials, pin, ready_finals
from .upload_row import (
    ALIVE_AND_LOCKED,
    EXPIRES,
    FINISH_DELAY,
    FOREVER,
    Author,
    NewUpload,
    overtaken,
)
from .usage import Quota, Used, closed, reserve, reserve_step

_INSERT = (
    """
    INSERT INTO uploads (id, tenant, owner, metadata, filename, filetype, length, "offset", synced_offset,
                         dirty_boot, state, dialect, kind, concat, key, ref, file_id, charged,
                         sniffed_type, part_of, part_number, repr_digest,
                         created_at, updated_at, expires_at)
    SELECT CAST(:id AS TEXT), CAST(:tenant AS TEXT), CAST(:owner AS TEXT), CAST(:metadata AS TEXT),
           CAST(:filename AS TEXT), CAST(:filetype AS TEXT), CAST(:length AS BIGINT),
           CAST(:offset AS BIGINT), CAST(:synced_offset AS BIGINT), CAST(:dirty_boot AS TEXT),
           CAST(:state AS TEXT), CAST(:dialect AS TEXT), CAST(:kind AS TEXT), CAST(:concat AS TEXT),
           CAST(:key AS TEXT), CAST(:ref AS TEXT), CAST(:file_id AS TEXT), CAST(:charged AS BIGINT),
           CAST(:sniffed AS TEXT), CAST(:part_of AS TEXT), CAST(:part_number AS BIGINT),
           CAST(:repr_digest AS TEXT),
           born.at, born.at,
           CASE WHEN CAST(:expiry AS BIGINT) >= CAST(:forever AS BIGINT) THEN NULL
                ELSE born.at + CAST(:expiry AS BIGINT) END
    FROM (SELECT {now} AS at) born
    WHERE """
    + ALIVE_AND_LOCKED
    + """
    {returning_at}
    """
)

_STORE_WHOLE = (
    """
    UPDATE uploads
    SET "offset" = :offset, length = :offset, synced_offset = :synced_offset,
        dirty_boot = CAST(:boot AS TEXT), state = 'stored', epoch = epoch + 1, ref = :ref, ref_offset = 0,
        sniffed_type = coalesce(CAST(:sniffed AS TEXT), sniffed_type), head = NULL,
        expires_at = """
    + EXPIRES
    + """,
        updated_at = {now}
    WHERE id = :id AND epoch = :epoch AND "offset" = 0 AND holder IS NULL AND state = 'created'
      AND (expires_at IS NULL OR expires_at > {now})
      AND coalesce(charged, -1) = coalesce(CAST(:charged AS BIGINT), -1)
      AND """
    + ALIVE_AND_LOCKED
    + """
    {returning_at}
    """
)


def create(author: Author, new: NewUpload, actor: str) -> Script[Upload]:
    """An upload without bytes. Raises QuotaExceeded, TooManyOpen."""
    charged = yield from _reserved(author, new, new.length, opens=True)
    upload = yield from _insert(
        author, new, state=Transfer.CREATED, offset=0, ref=new.key, synced=True, charged=charged
    )
    yield record(EventKind.CREATED, upload.id, actor, upload, **_described(upload))
    return upload


def create_whole(
    author: Author, new: NewUpload, stored: Stored, *, synced: bool, actor: str
) -> Script[Upload]:
    """An upload with all its bytes, which are durable. Raises QuotaExceeded."""
    upload = yield from _insert(
        author,
        new,
        state=Transfer.STORED,
        offset=stored.length,
        ref=stored.ref,
        synced=synced,
        charged=None if author.quota(new.tenant, new.owner) is None else stored.length,
    )
    yield record(EventKind.CREATED, upload.id, actor, upload, **_described(upload))
    upload = yield from announce_stored(author, upload, stored, actor)
    # After the file: whoever ends a version locks them in this order.
    yield from _reserved(author, new, stored.length, opens=False)
    return upload


def reads_nothing(author: Author, upload: NewUpload | Upload) -> bool:
    """What `create_whole` and `store_whole` have to write of it depends on no other row, if all goes well."""
    return author.quota_of is None and upload.kind is Kind.WHOLE and not may_name_place(upload.metadata)


def create_final(
    author: Author, new: NewUpload, partials: Sequence[UploadId], *, limit: int, actor: str
) -> Script[Upload]:
    """A final upload and its plan. Complete at once when its partials are. Raises TooManyOpen."""
    found = yield from lock_partials(partials)
    ordered = [found[partial] for partial in partials]
    length = length_of(ordered, limit=limit)
    is_ready = all(partial.state is Transfer.STORED for partial in ordered)
    charged = yield from _reserved(author, new, 0, opens=True)
    final = yield from _insert(
        author,
        replace(new, length=length),
        state=Transfer.COMPLETING if is_ready else Transfer.WAITING,
        offset=length or 0 if is_ready else 0,
        ref=new.key,
        synced=True,
        charged=charged,
    )
    yield from pin(final, partials)
    yield record(EventKind.CREATED, final.id, actor, final, **_described(final))
    if is_ready:
        yield record(EventKind.COMPLETING, final.id, actor, final, offset=final.offset)
        yield enqueue("finish", final.id, FINISH_DELAY)
    return final


def store_whole(
    author: Author, seen: Upload, stored: Stored, *, synced: bool, actor: str
) -> Script[Upload | None]:
    """All bytes of an upload that nobody began and nobody holds, and that is charged as it was seen.

    Raises QuotaExceeded where it had no length yet, and its owner has no room.
    """
    rows = yield _store_whole(author, seen, stored, synced=synced)
    if not rows:
        yield from overtaken(author)
        return None
    at = rows[0]["at"]
    upload = replace(
        seen,
        state=Transfer.STORED,
        epoch=seen.epoch + 1,
        length=stored.length,
        offset=stored.length,
        synced_offset=stored.length if synced else 0,
        dirty_boot=None if synced else author.boot_id,
        ref=stored.ref,
        ref_offset=0,
        expires_at=_expires(author, seen, at),
        updated_at=at,
        head=None,
    )
    upload = yield from announce_stored(author, upload, stored, actor)
    if seen.length is None and seen.charged is not None:
        # What it reserved may be less than what came.
        quota = author.quota(seen.tenant, seen.owner) or Quota()
        yield from reserve_step(seen, stored.length, stored.length, quota)
        upload = replace(upload, charged=stored.length)
    yield from closed(upload, stored.length)
    return upload


def announce_stored(
    author: Author, upload: Upload, stored: Stored, actor: str, *, scan_after: int = 0
) -> Script[Upload]:
    """What comes with the state `stored`: its one event, and the file's version, or finals that waited.

    The upload as it is now: it may have become a version of another file than its own.
    """
    described = _described(upload, stored.length)
    if upload.kind is Kind.PARTIAL:
        yield record(EventKind.STORED, upload.id, actor, upload, **described)
        yield from ready_finals(author, upload, actor)
        return upload
    place = yield from add_version(upload, stored)
    if place.file_id != upload.file_id:
        upload = replace(upload, file_id=place.file_id)
    yield record(EventKind.STORED, upload.id, actor, upload, **described, version=place.n)
    if author.scans:
        yield enqueue(SCAN, upload.id, scan_after)
    return upload


def _described(upload: Upload, length: int | None = None) -> dict[str, str | int | None]:
    """What others are told of an upload, so that they need not ask."""
    return {
        "length": upload.length if length is None else length,
        "upload_kind": upload.kind,
        "filename": upload.filename,
        "filetype": upload.filetype,
        **part_facts(upload),
    }


def _reserved(author: Author, new: NewUpload, length: int | None, *, opens: bool) -> Script[int | None]:
    """What a new upload is charged with; None where there are no quotas."""
    quota = author.quota(new.tenant, new.owner)
    if quota is None:
        return None
    charged = quota.step if length is None else length
    wanted = Used(bytes=charged, files=int(new.kind is not Kind.PARTIAL), open=int(opens))
    yield from reserve(new.tenant, new.owner, wanted, quota)
    return charged


def _insert(
    author: Author,
    new: NewUpload,
    *,
    state: Transfer,
    offset: int,
    ref: str,
    synced: bool,
    charged: int | None,
) -> Script[Upload]:
    ends_after = min(author.lifetime.of(new.kind, state))
    synced_offset, dirty_boot = (offset, None) if synced else (0, author.boot_id)
    rows = yield Query(
        _INSERT,
        {
            "id": new.id,
            "tenant": new.tenant,
            "owner": new.owner,
            "metadata": new.metadata,
            "filename": new.filename,
            "filetype": new.filetype,
            "length": new.length,
            "offset": offset,
            "synced_offset": synced_offset,
            "dirty_boot": dirty_boot,
            "state": state,
            "dialect": new.dialect,
            "kind": new.kind,
            "concat": new.concat,
            "key": new.key,
            "ref": ref,
            "file_id": new.file_id,
            "charged": charged,
            "sniffed": new.sniffed_type,
            "part_of": None if new.part_of is None else new.part_of.upload_id,
            "part_number": None if new.part_of is None else new.part_of.number,
            "repr_digest": new.repr_digest,
            "expiry": ends_after,
            "forever": FOREVER,
            "worker": author.worker,
        },
    )
    if not rows:
        yield from overtaken(author)
        raise Buried("this worker is not registered")
    at = rows[0]["at"]
    return new.as_row(
        at=at,
        state=state,
        offset=offset,
        synced_offset=synced_offset,
        dirty_boot=dirty_boot,
        ref=ref,
        expires_at=None if ends_after >= FOREVER else at + ends_after,
        charged=charged,
    )


def _expires(author: Author, seen: Upload, at: int) -> int | None:
    """What `EXPIRES` writes of one that was stored `at` that time."""
    expiry, max_age = author.lifetime.of(seen.kind, Transfer.STORED)
    return None if min(expiry, max_age) >= FOREVER else min(at + expiry, seen.created_at + max_age)


def _store_whole(author: Author, seen: Upload, stored: Stored, *, synced: bool) -> Query:
    expiry, max_age = author.lifetime.of(seen.kind, Transfer.STORED)
    return Query(
        _STORE_WHOLE,
        {
            "id": seen.id,
            "epoch": seen.epoch,
            "offset": stored.length,
            "synced_offset": stored.length if synced else 0,
            "boot": None if synced else author.boot_id,
            "ref": stored.ref,
            "sniffed": seen.sniffed_type,
            "charged": seen.charged,
            "expiry": expiry,
            "max_age": max_age,
            "forever": FOREVER,
            "worker": author.worker,
        },
    )
