"""How much there is, for operators: what is stored, unfinished, in quarantine, and who serves.

Belongs here: counting rows. Not here: what happened over time (minutes.py), jobs (jobs.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .database import Database, Query

_STORED = """
    SELECT (SELECT count(*) FROM files) AS files, count(*) AS versions, coalesce(sum(length), 0) AS bytes,
           count(CASE WHEN verdict IN ('infected', 'unscannable') AND released_by IS NULL THEN 1 END)
               AS closed
    FROM versions
"""
_UNFINISHED = """
    SELECT count(*) AS number FROM uploads
    WHERE state IN ('created', 'receiving', 'waiting', 'completing')
"""
_UNDER_WAY = """
    SELECT id, file_id, tenant, owner, filename, "offset", length, created_at, updated_at, holder
    FROM uploads
    WHERE state IN ('created', 'receiving', 'waiting', 'completing')
    ORDER BY CASE WHEN holder IS NULL THEN 1 ELSE 0 END, updated_at DESC
    LIMIT CAST(:limit AS BIGINT)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What finished uploads became. Looks at every version, so not for each request."""

    files: int
    versions: int
    bytes: int
    quarantined: int
    """Versions that nobody may have, because of what a scanner said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderWay:
    """An upload that is not finished. Times are microseconds."""

    upload_id: str
    file_id: str
    tenant: str
    owner: str
    filename: str | None
    offset: int
    length: int | None
    created_at: int
    updated_at: int
    worker: str | None
    """The one that writes to it now, for a request."""


class TotalRows:
    """Counts of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def stored(self) -> Stored:
        """Of the whole installation."""
        row = (await self._database.browse(Query(_STORED)))[0]
        return Stored(
            files=int(row["files"]),
            versions=int(row["versions"]),
            bytes=int(row["bytes"]),
            quarantined=int(row["closed"]),
        )

    async def unfinished(self) -> int:
        """Uploads that may still go on."""
        return int((await self._database.browse(Query(_UNFINISHED)))[0]["number"])

    async def under_way(self, limit: int) -> Sequence[UnderWay]:
        """Those that are written now, then those that moved last."""
        rows = await self._database.browse(Query(_UNDER_WAY, {"limit": limit}))
        return [
            UnderWay(
                upload_id=row["id"],
                file_id=row["file_id"],
                tenant=row["tenant"],
                owner=row["owner"],
                filename=row["filename"],
                offset=row["offset"],
                length=row["length"],
                created_at=row["created_at"],
                updated_at=row["updated_at"],
                worker=row["holder"],
            )
            for row in rows
        ]
