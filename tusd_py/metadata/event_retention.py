"""Forgetting events that are old enough, and that no relay still has to deliver.

On Postgres whole months first; then in bites, so that clients' commits need not wait for long, each of which
looks at the oldest events only.
Belongs here: which go. Not here: when it is done (assemble/).
"""

from .database import Database, Query
from .event_log import place_of
from .event_months import EventMonths

BITE = 500
RECENT = 24 * 3600 * 1_000_000
"""Microseconds; a relay that did nothing for longer has been switched off, and holds nothing back."""

_NOW = "SELECT {now} AS now"
_CURSORS = "SELECT cursor FROM relays WHERE updated_at > {now} - CAST(:recent AS BIGINT)"
_OLD_SQLITE = """
    DELETE FROM events
    WHERE id IN (SELECT id FROM events ORDER BY id LIMIT :limit)
      AND created_at < {now} - CAST(:age AS BIGINT) AND (:held = 0 OR id <= :id)
    RETURNING id
"""
_OLD_POSTGRES = """
    DELETE FROM events WHERE (created_at, id) IN (
        SELECT created_at, id FROM events
        WHERE created_at < {now} - CAST(:age AS BIGINT)
          AND (CAST(:held AS BIGINT) = 0
               OR (tx, id) <= (CAST(CAST(:tx AS TEXT) AS xid8), CAST(:id AS BIGINT)))
        ORDER BY created_at, id LIMIT CAST(:limit AS BIGINT))
    RETURNING id
"""


class EventRetention:
    """Forgets events."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._months = EventMonths(database)

    async def forget(self, age: int) -> int:
        """Those older than `age` microseconds, as far as every relay has passed them.

        How many were deleted one by one, those of whole months not among them. Raises DatabaseError.
        """
        rows = await self._database.read(Query(_CURSORS, {"recent": RECENT}))
        passed = min((place_of(row["cursor"]) for row in rows), default=None)
        (now,) = await self._database.read(Query(_NOW))
        await self._months.drop(now["now"] - age, passed)
        tx, number = passed or (0, 0)
        params: dict[str, str | int] = {"age": age, "held": int(bool(rows)), "id": number, "limit": BITE}
        text = _OLD_SQLITE
        if self._database.name == "postgres":
            text, params = _OLD_POSTGRES, {**params, "tx": str(tx)}
        forgotten = 0
        while gone := len(await self._database.execute(Query(text, params))):
            forgotten += gone
        return forgotten
