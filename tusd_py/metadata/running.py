"""Uploads that are being written, as their rows say; no lease is asked for.

Belongs here: reading lines while they move. Not here: moving them (writing.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .database import Database, Query, Row

MOST = 5000
"""Rows of one look."""

# Only those that somebody writes to: an index has just them.
_HELD = """
    SELECT id, file_id, tenant, owner, "offset", length, state
    FROM uploads WHERE holder IS NOT NULL
    LIMIT CAST(:limit AS BIGINT)
"""
_ONE = 'SELECT id, file_id, tenant, owner, "offset", length, state FROM uploads WHERE id = :id'


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """Where the line of an upload was."""

    upload_id: str
    file_id: str
    tenant: str
    owner: str
    offset: int
    length: int | None
    state: str


class RunningRows:
    """Reads them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def held(self) -> Sequence[Running]:
        """Those that a request writes to now, up to MOST."""
        return [_to_running(row) for row in await self._database.read(Query(_HELD, {"limit": MOST}))]

    async def of(self, upload_ids: Sequence[str]) -> Sequence[Running]:
        """These, as far as there are rows of them."""
        found = [await self._database.read(Query(_ONE, {"id": upload_id})) for upload_id in upload_ids]
        return [_to_running(rows[0]) for rows in found if rows]


def _to_running(row: Row) -> Running:
    return Running(
        upload_id=row["id"],
        file_id=row["file_id"],
        tenant=row["tenant"],
        owner=row["owner"],
        offset=row["offset"],
        length=row["length"],
        state=row["state"],
    )
