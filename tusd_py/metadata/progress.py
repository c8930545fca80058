"""How far uploads are, as their rows say: no lease is asked for, no writer is settled, no storage is asked.

A multipart upload that is open has no row among them yet, and is told as the upload that it may become.

Belongs here: reading for people who watch. Not here: the offset that the next PATCH goes on at, which a
writer has to be settled for (leases.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from protocol.upload import Kind, Transfer, Upload, UploadId

from .cursors import FIRST, Place, cursor_of, parse_cursor
from .database import Database, Query, Row
from .multiparts import to_multipart
from .upload_row import to_upload

_PARTS = """
    (SELECT count(*) FROM parts p WHERE p.upload_id = u.id AND p.state IN ('part', 'tail')) AS parts_uploaded
"""
_ONE = f"SELECT u.*, {{now}} AS seen_at, {_PARTS} FROM uploads u WHERE u.id = :id"
# Those that still run are few, and have an index of their own.
_UNFINISHED = f"""
    SELECT u.*, {{now}} AS seen_at, {_PARTS} FROM uploads u
    WHERE u.tenant = :tenant AND (CAST(:owner AS TEXT) IS NULL OR u.owner = :owner)
      AND u.state IN ('created', 'receiving', 'waiting', 'completing')
      AND (u.state = 'completing' OR u.expires_at IS NULL OR u.expires_at > {{now}})
      AND (u.created_at, u.id) < (CAST(:at AS BIGINT), CAST(:before AS TEXT))
    ORDER BY u.created_at DESC, u.id DESC LIMIT CAST(:limit AS BIGINT)
"""

_BEHIND = "(created_at, id) < (CAST(:at AS BIGINT), CAST(:before AS TEXT))"
_PARTS_OF = """
    WITH page AS (
        SELECT * FROM multiparts
        WHERE (expires_at IS NULL OR expires_at > {now}) AND %s
        ORDER BY created_at DESC, id DESC LIMIT CAST(:limit AS BIGINT))
    SELECT page.*, {now} AS seen_at, coalesce(there.parts, 0) AS parts, coalesce(there.size, 0) AS size,
           coalesce(there.updated_at, page.created_at) AS updated_at
    FROM page LEFT JOIN (
        SELECT p.multipart_id AS id, count(*) AS parts, CAST(sum(u.length) AS BIGINT) AS size,
               max(u.updated_at) AS updated_at
        FROM multipart_parts p JOIN uploads u ON u.id = p.upload_id AND u.state IN ('completing', 'stored')
        WHERE p.multipart_id IN (SELECT id FROM page)
        GROUP BY p.multipart_id) there ON there.id = page.id
    ORDER BY page.created_at DESC, page.id DESC
"""
_ONE_IN_PARTS = _PARTS_OF % "id = :id"
_IN_PARTS = _PARTS_OF % f"tenant = :tenant AND (CAST(:owner AS TEXT) IS NULL OR owner = :owner) AND {_BEHIND}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """An upload, and in how many pieces it is there."""

    upload: Upload
    parts_uploaded: int
    """Of an object store's; of a multipart upload those that its client sent."""
    now: int
    """The database's clock when this was read."""


class ProgressRows:
    """Reads uploads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, upload_id: UploadId) -> Progress | None:
        """As committed now, whatever became of it."""
        found = await self._upload(upload_id) or await self._in_parts(upload_id)
        # Completed between the two.
        return found or await self._upload(upload_id)

    async def _upload(self, upload_id: UploadId) -> Progress | None:
        rows = await self._database.read(Query(_ONE, {"id": upload_id}))
        return _to_progress(rows[0]) if rows else None

    async def _in_parts(self, upload_id: UploadId) -> Progress | None:
        rows = await self._database.read(Query(_ONE_IN_PARTS, {"id": upload_id, "limit": 1}))
        return _parts_to_progress(rows[0]) if rows else None

    async def unfinished(
        self, tenant: str, owner: str | None, *, cursor: str | None, limit: int
    ) -> tuple[list[Progress], str | None]:
        """A page of those that are not stored yet, the newest first, and its cursor. Raises BadCursor."""
        start = FIRST if cursor is None else parse_cursor(cursor)
        params = {
            "tenant": tenant,
            "owner": owner,
            "at": start.created_at,
            "before": start.id,
            "limit": limit + 1,
        }
        # First, as what is completed meanwhile is one of the others then.
        in_parts = [_parts_to_progress(row) for row in await self._database.browse(Query(_IN_PARTS, params))]
        others = [_to_progress(row) for row in await self._database.browse(Query(_UNFINISHED, params))]
        found = _newest_first((*in_parts, *others))
        if len(found) <= limit:
            return found, None
        last = found[limit - 1].upload
        return found[:limit], cursor_of(Place(created_at=last.created_at, id=last.id))


def _newest_first(found: Iterable[Progress]) -> list[Progress]:
    """Each once, as it was found last."""
    each = {one.upload.id: one for one in found}
    return sorted(each.values(), key=lambda one: (one.upload.created_at, one.upload.id), reverse=True)


def _to_progress(row: Row) -> Progress:
    return Progress(upload=to_upload(row), parts_uploaded=int(row["parts_uploaded"]), now=row["seen_at"])


def _parts_to_progress(row: Row) -> Progress:
    multipart, size = to_multipart(row), int(row["size"])
    described = replace(multipart.as_new_upload(), kind=Kind.PARTS, length=multipart.length)
    upload = described.as_row(
        at=multipart.created_at,
        state=Transfer.RECEIVING if row["parts"] else Transfer.CREATED,
        offset=size,
        synced_offset=size,
        dirty_boot=None,
        ref=multipart.key,
        expires_at=multipart.expires_at,
    )
    return Progress(
        upload=replace(upload, updated_at=row["updated_at"]),
        parts_uploaded=int(row["parts"]),
        now=row["seen_at"],
    )
