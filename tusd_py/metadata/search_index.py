"""Taking files in to the full-text index of SQLite, some at a time.

A file is in the index when it has a place there (`seq`), which it is given in the statement that puts it in:
whatever ends a process, each file is in it once, or will be. Until then a search looks at the file itself,
so what it finds does not depend on when this is done. Postgres does the same by itself (fastupdate).

Belongs here: taking in. Not here: what a search asks (search.py), the words (words.py).
"""

import asyncio

from .database import Database, Query, Script

AT_ONCE = 500
"""Files of one commit, which clients' commits wait for."""
MOST_LETTERS = 64 * 1024
"""Of the words of these files: about as many as 500 have; those that have more are taken fewer at a time."""
PAUSE = 0.05
"""Seconds between two such commits, for those of clients."""

_ARE_WAITING = "SELECT 1 AS found FROM files WHERE seq IS NULL LIMIT 1"
# A trigger puts them in.
_TAKE_IN = """
    UPDATE files SET seq = taken.seq
    FROM (SELECT rowid AS place,
                 (SELECT coalesce(max(seq), 0) FROM files) + row_number() OVER (ORDER BY rowid) AS seq
          FROM (SELECT rowid, sum(letters) OVER (ORDER BY rowid) - letters AS before
                FROM (SELECT rowid, length(words) AS letters
                      FROM files INDEXED BY files_not_taken_in WHERE seq IS NULL LIMIT :limit))
          WHERE coalesce(before, 0) < :letters) taken
    WHERE files.rowid = taken.place
"""


class SearchIndex:
    """Of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take_in(self, at_once: int = AT_ONCE) -> None:
        """All files that wait for it, `at_once` in a commit. Raises DatabaseError."""
        while self._database.name == "sqlite" and await self._database.read(Query(_ARE_WAITING)):
            await self._database.transact(lambda: _take_in(at_once))
            await asyncio.sleep(PAUSE)


def _take_in(limit: int) -> Script[None]:
    yield Query(_TAKE_IN, {"limit": limit, "letters": MOST_LETTERS})
