"""How far uploads are, as their rows say: no lease is asked for, no writer is settled, no storage is asked.

Belongs here: reading for people who watch. Not here: the offset that the next PATCH goes on at, which a
writer has to be settled for (leases.py).
"""

from dataclasses import dataclass

from protocol.upload import Upload, UploadId

from .cursors import FIRST, Place, cursor_of, parse_cursor
from .database import Database, Query, Row
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """An upload, and what an object store has of it."""

    upload: Upload
    parts_uploaded: int
    now: int
    """The database's clock when this was read."""


class ProgressRows:
    """Reads uploads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, upload_id: UploadId) -> Progress | None:
        """As committed now, whatever became of it."""
        rows = await self._database.read(Query(_ONE, {"id": upload_id}))
        return _to_progress(rows[0]) if rows else None

    async def unfinished(
        self, tenant: str, owner: str | None, *, cursor: str | None, limit: int
    ) -> tuple[list[Progress], str | None]:
        """A page of those that are not stored yet, the newest first, and its cursor. Raises BadCursor."""
        start = FIRST if cursor is None else parse_cursor(cursor)
        rows = await self._database.browse(
            Query(
                _UNFINISHED,
                {
                    "tenant": tenant,
                    "owner": owner,
                    "at": start.created_at,
                    "before": start.id,
                    "limit": limit + 1,
                },
            )
        )
        found = [_to_progress(row) for row in rows[:limit]]
        if len(rows) <= limit:
            return found, None
        last = found[-1].upload
        return found, cursor_of(Place(created_at=last.created_at, id=last.id))


def _to_progress(row: Row) -> Progress:
    return Progress(upload=to_upload(row), parts_uploaded=int(row["parts_uploaded"]), now=row["seen_at"])
