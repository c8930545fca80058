"""Does the database answer, has it our schema, and does it keep what it was told?

Belongs here: asking an opened or unopened database. Not here: making one (assemble/parts.py).
"""

import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

from tusd_py.errors import Refused
from tusd_py.metadata.database import Database, DatabaseError, Query

from .finding import Finding, advice, skipped, well, wrong

CHECK = "database"
_MOST_LEAD = 60.0
"""Seconds between its clock and ours that nobody would notice."""
_CONNECTIONS = Query(
    "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
    " AS most, (extract(epoch FROM clock_timestamp()))::float8 AS now"
)


async def look_at_database(database: Database, *, migrates: bool, connections: int) -> AsyncIterator[Finding]:
    """`database` is opened here, without migrating, and closed. `connections` is how many we would take."""
    try:
        await database.open()
    except Refused as refused:
        yield _refused(refused, migrates=migrates)
        return
    try:
        async for finding in _opened(database, connections):
            yield finding
    except DatabaseError as failed:
        yield wrong(CHECK, f"it does not answer: {failed}", "look into the database's log")
    finally:
        await database.close()


def nothing_yet(path: Path) -> Finding:
    """An installation that was never started."""
    return skipped(CHECK, f"{path} is not there yet; the first start makes it")


def closed(failed: OSError) -> Finding:
    """Its file may be there or not."""
    what = f"{failed.filename} cannot be looked at by user id {os.geteuid()}: {failed.strerror}"
    return wrong(
        CHECK, what, "let that user enter the folders above it, or let database.url name another file"
    )


def _refused(refused: Refused, *, migrates: bool) -> Finding:
    if "migrations" in refused.message and migrates:
        return advice(CHECK, refused.message, "nothing to do: the next start applies them")
    return wrong(CHECK, refused.message, refused.hint or "look into the database's log")


async def _opened(database: Database, connections: int) -> AsyncIterator[Finding]:
    yield well(CHECK, f"{database.name}: it answers, its schema is current, and it keeps what it commits")
    if database.name != "postgres":
        return
    [row] = await database.read(_CONNECTIONS)
    lead = row["now"] - time.time()
    if abs(lead) > _MOST_LEAD:
        yield advice(
            CHECK,
            f"its clock is {lead:+.0f} s from ours; dates in logs and events will not fit",
            "run a time service (chrony, systemd-timesyncd) on both",
        )
    if connections > row["most"]:
        yield wrong(
            CHECK,
            f"this node takes up to {connections} connections (database.pool_size x server.workers, and one "
            f"to listen for each), and the server allows {row['most']}",
            "lower database.pool_size, or raise max_connections of the server",
        )
