"""How far ahead of their rate users and addresses are with what they had from all nodes together.

One row for each key, with the moment at which it would be idle again: the same number that a host keeps in
its own table (access/rates.py), here for all. The database's clock is everybody's. On Postgres alone: SQLite
is one host. The table is not logged: after a crash everybody begins anew, which costs one burst.

Belongs here: the rows. Not here: what is counted, and when it is told (work/rates.py).
"""

from collections.abc import Mapping

from .database import Database, Query

_BITS = 1 << 63
"""Keys have 64 bits without a sign, columns one with."""
_SECOND = 1_000_000

# In the order of keys, as two nodes that lock rows in different orders would wait for each other.
_ADD = """
    INSERT INTO rates AS known (key, idle_at)
    SELECT told.key, {now} + told.spent
    FROM unnest(CAST(:keys AS BIGINT[]), CAST(:spent AS BIGINT[])) AS told (key, spent)
    ORDER BY told.key
    ON CONFLICT (key) DO UPDATE
    SET idle_at = greatest(known.idle_at - {now}, 0) + excluded.idle_at
    RETURNING key, idle_at - {now} AS ahead
"""
_FORGET = """
    DELETE FROM rates
    WHERE key IN (SELECT key FROM rates WHERE idle_at < {now} ORDER BY key LIMIT 10000 {skip_locked})
"""


class RateRows:
    """The rows of one database, which is Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, account: Mapping[int, float]) -> Mapping[int, float]:
        """Tell what was had, in seconds by key; how far ahead each of these keys is now, in seconds.

        Raises DatabaseError.
        """
        ordered = sorted(account)
        keys = [key - _BITS for key in ordered]
        spent = [round(account[key] * _SECOND) for key in ordered]
        rows = await self._database.execute(Query(_ADD, {"keys": keys, "spent": spent}))
        return {int(row["key"]) + _BITS: int(row["ahead"]) / _SECOND for row in rows}

    async def forget(self) -> None:
        """Drop what is idle. Raises DatabaseError."""
        await self._database.execute(Query(_FORGET))
