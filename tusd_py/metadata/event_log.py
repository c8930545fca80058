"""Reading the events of the whole installation in an order in which none is ever overtaken.

Numbers are given out before commits, so a reader that only remembers the highest number it saw would miss
the slower of two transactions. SQLite has one writer, so there the numbers are the order. On Postgres
events are ordered by (transaction, number), and only those below the oldest transaction that is still open
are given out: none with a lower place can appear any more.

Belongs here: the order, and cursors. Not here: what is recorded (events.py), who is told (work/).
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .database import Database, Query, Row

START = ""
"""The cursor before the first event."""

_CURSOR = re.compile(r"([0-9]{1,20})\.([0-9]{1,19})", re.ASCII)
_GREATEST_ID = 2**63 - 1
_GREATEST_TX = 2**64 - 1

_FROM_SQLITE = """
    SELECT 0 AS tx, id, created_at, subject, kind, actor, data
    FROM events
    WHERE id > :id
    ORDER BY id
    LIMIT :limit
"""
# Both functions and the rows are of the statement's one snapshot. Its xmin is the oldest transaction of the
# whole server that had not ended: one that stays open anywhere on it holds the events back.
_FROM_POSTGRES = """
    SELECT CAST(tx AS TEXT) AS tx, id, created_at, subject, kind, actor, data
    FROM events
    WHERE (tx, id) > (CAST(CAST(:tx AS TEXT) AS xid8), CAST(:id AS BIGINT))
      AND tx < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY events.tx, events.id
    LIMIT CAST(:limit AS BIGINT)
"""


class BadCursor(ValueError):
    """The cursor is none that this installation gave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened, as it was committed."""

    cursor: str
    """Where to go on behind this event. Opaque."""
    id: int
    """Names the event; the same at every reading, but no order."""
    created_at: int
    """Microseconds since the epoch, by the database's clock."""
    subject: str
    kind: str
    actor: str
    data: Mapping[str, Any]


async def events_after(database: Database, cursor: str = START, *, limit: int = 1000) -> Sequence[Event]:
    """Up to `limit` events behind `cursor`, each once over any number of calls; [] when there are none yet.

    Keep the cursor of the last event that was dealt with. On Postgres an event appears once every
    transaction that began before its own has ended. Raises BadCursor, DatabaseError.
    """
    tx, number = _parse(cursor)
    text = _FROM_POSTGRES if database.name == "postgres" else _FROM_SQLITE
    rows = await database.read(Query(text, {"tx": str(tx), "id": number, "limit": limit}))
    return [_to_event(row) for row in rows]


def _parse(cursor: str) -> tuple[int, int]:
    if cursor == START:
        return 0, 0
    found = _CURSOR.fullmatch(cursor)
    tx, number = (int(found[1]), int(found[2])) if found else (-1, -1)
    if not (0 <= tx <= _GREATEST_TX and 0 <= number <= _GREATEST_ID):
        raise BadCursor(f"found {cursor!r}, wanted a cursor that came with an event")
    return tx, number


def _to_event(row: Row) -> Event:
    return Event(
        cursor=f"{row['tx']}.{row['id']}",
        id=row["id"],
        created_at=row["created_at"],
        subject=row["subject"],
        kind=row["kind"],
        actor=row["actor"],
        data=json.loads(row["data"]),
    )
