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
from typing import Any, LiteralString

from .database import Database, Query, Row

START = ""
"""The cursor before the first event."""

_CURSOR = re.compile(r"([0-9]{1,20})\.([0-9]{1,19})", re.ASCII)
_GREATEST_ID = 2**63 - 1
_GREATEST_TX = 2**64 - 1

_FROM_SQLITE = """
    SELECT 0 AS tx, id, created_at, subject, kind, actor, tenant, owner, file_id, data
    FROM events
    WHERE id > :id
    ORDER BY id
    LIMIT :limit
"""
# Both functions and the rows are of the statement's one snapshot. Its xmin is the oldest transaction of the
# whole server that had not ended: one that stays open anywhere on it holds the events back.
_FROM_POSTGRES = """
    SELECT CAST(tx AS TEXT) AS tx, id, created_at, subject, kind, actor, tenant, owner, file_id, data
    FROM events
    WHERE (tx, id) > (CAST(CAST(:tx AS TEXT) AS xid8), CAST(:id AS BIGINT))
      AND tx < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY events.tx, events.id
    LIMIT CAST(:limit AS BIGINT)
"""


_FIND: Mapping[str, LiteralString] = {
    "sqlite": """
        SELECT 0 AS tx, id, created_at, subject, kind, actor, tenant, owner, file_id, data
        FROM events
    """,
    "postgres": """
        SELECT CAST(tx AS TEXT) AS tx, id, created_at, subject, kind, actor, tenant, owner, file_id, data
        FROM events
    """,
}
_BESIDE: Mapping[tuple[str, bool], LiteralString] = {
    ("sqlite", False): "id > :id",
    ("sqlite", True): "id < :id",
    ("postgres", False): "(tx, id) > (CAST(CAST(:tx AS TEXT) AS xid8), CAST(:id AS BIGINT))",
    ("postgres", True): "(tx, id) < (CAST(CAST(:tx AS TEXT) AS xid8), CAST(:id AS BIGINT))",
}
_IN_ORDER: Mapping[tuple[str, bool], LiteralString] = {
    ("sqlite", False): " ORDER BY id LIMIT :limit",
    ("sqlite", True): " ORDER BY id DESC LIMIT :limit",
    ("postgres", False): " ORDER BY events.tx, events.id LIMIT CAST(:limit AS BIGINT)",
    ("postgres", True): " ORDER BY events.tx DESC, events.id DESC LIMIT CAST(:limit AS BIGINT)",
}
_SOUGHT: Mapping[str, LiteralString] = {
    "tenant": "tenant = :tenant",
    "actor": "actor = :actor",
    "kind": "kind LIKE :kind ESCAPE '!'",
    "subject": "subject = :subject",
    "file_id": "file_id = :file_id",
    "since": "created_at >= :since",
    "until": "created_at < :until",
}
# Those below it are all that `_FROM_POSTGRES` gives out now, and none can come in between any more.
_NEWEST_IN_SQLITE = "SELECT 0 AS tx, max(id) AS id FROM events"
_NEWEST_IN_POSTGRES = """
    SELECT CAST(tx AS TEXT) AS tx, id FROM events
    WHERE tx < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY events.tx DESC, events.id DESC
    LIMIT 1
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
    tenant: str
    owner: str
    file_id: str
    """Of whose file it is about; of uploads also before there is one."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Which events an auditor wants; what is empty is not looked at."""

    tenant: str | None = None
    """None for every tenant."""
    actor: str = ""
    kind: str = ""
    """With `*` for anything."""
    subject: str = ""
    file_id: str = ""
    since: int | None = None
    """Microseconds since the epoch; the event's own time or later."""
    until: int | None = None
    """Before it."""


async def find_events(
    database: Database, sought: Sought, cursor: str = START, *, limit: int, newest_first: bool = False
) -> Sequence[Event]:
    """The next events that fit, behind `cursor`; in front of it with `newest_first`.

    Raises BadCursor, DatabaseError.
    """
    tx, number = _parse(cursor)
    params: dict[str, str | int] = {"tx": str(tx), "id": number, "limit": limit}
    conditions: list[LiteralString] = []
    if cursor != START:
        conditions.append(_BESIDE[database.name, newest_first])
    if database.name == "postgres":
        conditions.append("tx < pg_snapshot_xmin(pg_current_snapshot())")
    for name, condition in _SOUGHT.items():
        value = getattr(sought, name)
        if value is None or (value == "" and name != "tenant"):
            continue
        conditions.append(condition)
        params[name] = _like(value) if name == "kind" else value
    where = " AND ".join(conditions)
    text = (
        _FIND[database.name] + (f" WHERE {where}" if where else "") + _IN_ORDER[database.name, newest_first]
    )
    rows = await database.browse(Query(text, params))
    return [_to_event(row) for row in rows]


def _like(kind: str) -> str:
    for special in ("!", "%", "_"):
        kind = kind.replace(special, f"!{special}")
    return kind.replace("*", "%")


async def newest(database: Database) -> str:
    """The cursor behind the last event that is given out now. Raises DatabaseError."""
    rows = await database.read(
        Query(_NEWEST_IN_POSTGRES if database.name == "postgres" else _NEWEST_IN_SQLITE)
    )
    if not rows or rows[0]["id"] is None:
        return "0.0"  # no event has it; in a message it is easier to see than nothing
    return f"{rows[0]['tx']}.{rows[0]['id']}"


def place_of(cursor: str) -> tuple[int, int]:
    """Cursors compare by this. Raises BadCursor."""
    return _parse(cursor)


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
        tenant=row["tenant"],
        owner=row["owner"],
        file_id=row["file_id"],
        data=json.loads(row["data"]),
    )
