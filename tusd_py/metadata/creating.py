"""Statements that make uploads: without bytes, and together with all of them.

Belongs here: the first commit of an upload. Not here: later ones (writing.py, ending.py).
"""

from collections.abc import Sequence
from dataclasses import replace

from protocol.upload import ALL_BYTES_DURABLE, Kind, Transfer, Upload, UploadId
from storage_backends.base import Stored

from .database import Buried, Query, Row, Script
from .events import EventKind, record
from .files import add_version
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
    to_upload,
)

_INSERT = (
    """
    INSERT INTO uploads (id, tenant, owner, metadata, filename, filetype, length, "offset", synced_offset,
                         dirty_boot, state, dialect, kind, concat, key, ref, file_id,
                         created_at, updated_at, expires_at)
    SELECT CAST(:id AS TEXT), CAST(:tenant AS TEXT), CAST(:owner AS TEXT), CAST(:metadata AS TEXT),
           CAST(:filename AS TEXT), CAST(:filetype AS TEXT), CAST(:length AS BIGINT),
           CAST(:offset AS BIGINT), CAST(:synced_offset AS BIGINT), CAST(:dirty_boot AS TEXT),
           CAST(:state AS TEXT), CAST(:dialect AS TEXT), CAST(:kind AS TEXT), CAST(:concat AS TEXT),
           CAST(:key AS TEXT), CAST(:ref AS TEXT), CAST(:file_id AS TEXT), born.at, born.at,
           CASE WHEN CAST(:expiry AS BIGINT) >= CAST(:forever AS BIGINT) THEN NULL
                ELSE born.at + CAST(:expiry AS BIGINT) END
    FROM (SELECT {now} AS at) born
    WHERE """
    + ALIVE_AND_LOCKED
    + """
    RETURNING *
    """
)

_STORE_WHOLE = (
    """
    UPDATE uploads
    SET "offset" = :offset, length = :offset, synced_offset = :synced_offset,
        dirty_boot = CAST(:boot AS TEXT), state = 'stored', epoch = epoch + 1, ref = :ref, ref_offset = 0,
        expires_at = """
    + EXPIRES
    + """,
        updated_at = {now}
    WHERE id = :id AND epoch = :epoch AND "offset" = 0 AND holder IS NULL AND state = 'created'
      AND """
    + ALIVE_AND_LOCKED
    + """
    RETURNING *
    """
)


def create(author: Author, new: NewUpload, actor: str) -> Script[Upload]:
    """An upload without bytes."""
    rows = yield _insert(author, new, state=Transfer.CREATED, offset=0, ref=new.key, synced=True)
    upload = yield from _living(author, rows)
    yield record(EventKind.CREATED, upload.id, actor, length=upload.length)
    return upload


def create_whole(
    author: Author, new: NewUpload, stored: Stored, *, synced: bool, actor: str
) -> Script[Upload]:
    """An upload with all its bytes, which are durable."""
    rows = yield _insert(
        author, new, state=Transfer.STORED, offset=stored.length, ref=stored.ref, synced=synced
    )
    upload = yield from _living(author, rows)
    yield record(EventKind.CREATED, upload.id, actor, length=upload.length)
    yield from announce_stored(author, upload, stored, actor)
    return upload


def create_final(
    author: Author, new: NewUpload, partials: Sequence[UploadId], *, limit: int, actor: str
) -> Script[Upload]:
    """A final upload and its plan. Complete at once when its partials are."""
    found = yield from lock_partials(partials)
    ordered = [found[partial] for partial in partials]
    length = length_of(ordered, limit=limit)
    is_ready = all(partial.state is Transfer.STORED for partial in ordered)
    rows = yield _insert(
        author,
        replace(new, length=length),
        state=Transfer.COMPLETING if is_ready else Transfer.WAITING,
        offset=length or 0 if is_ready else 0,
        ref=new.key,
        synced=True,
    )
    final = yield from _living(author, rows)
    yield from pin(final, partials)
    yield record(EventKind.CREATED, final.id, actor, length=length)
    if is_ready:
        yield record(EventKind.COMPLETING, final.id, actor, offset=final.offset)
        yield enqueue("finish", final.id, FINISH_DELAY)
    return final


def store_whole(
    author: Author, seen: Upload, stored: Stored, *, synced: bool, actor: str
) -> Script[Upload | None]:
    """All bytes of an upload that nobody began and nobody holds."""
    rows = yield _store_whole(author, seen, stored, synced=synced)
    if not rows:
        yield from overtaken(author)
        return None
    upload = to_upload(rows[0])
    yield from announce_stored(author, upload, stored, actor)
    return upload


def announce_stored(author: Author, upload: Upload, stored: Stored, actor: str) -> Script[None]:
    """What comes with the state `stored`: its one event, and the file's version, or finals that waited."""
    yield record(EventKind.STORED, upload.id, actor, length=stored.length)
    if upload.kind is Kind.PARTIAL:
        yield from ready_finals(author, upload, actor)
        return
    yield from add_version(upload, stored)
    if author.scans:
        yield enqueue(SCAN, upload.id, 0)


def _living(author: Author, rows: list[Row]) -> Script[Upload]:
    if not rows:
        yield from overtaken(author)
        raise Buried("this worker is not registered")
    return to_upload(rows[0])


def _insert(author: Author, new: NewUpload, *, state: Transfer, offset: int, ref: str, synced: bool) -> Query:
    lifetime = author.lifetime
    unfinished = min(lifetime.expiry, lifetime.max_age)
    return Query(
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
            "synced_offset": offset if synced else 0,
            "dirty_boot": None if synced else author.boot_id,
            "state": state,
            "dialect": new.dialect,
            "kind": new.kind,
            "concat": new.concat,
            "key": new.key,
            "ref": ref,
            "file_id": new.file_id,
            "expiry": lifetime.retention if state in ALL_BYTES_DURABLE else unfinished,
            "forever": FOREVER,
            "worker": author.worker,
        },
    )


def _store_whole(author: Author, seen: Upload, stored: Stored, *, synced: bool) -> Query:
    return Query(
        _STORE_WHOLE,
        {
            "id": seen.id,
            "epoch": seen.epoch,
            "offset": stored.length,
            "synced_offset": stored.length if synced else 0,
            "boot": None if synced else author.boot_id,
            "ref": stored.ref,
            "expiry": author.lifetime.retention,
            "max_age": FOREVER,
            "forever": FOREVER,
            "worker": author.worker,
        },
    )
