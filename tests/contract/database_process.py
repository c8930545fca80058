"""Another process on a database: `python -m tests.contract.database_process <kind> <where> <verb>`.

It prints one line for each thing that it was promised, so that whoever kills it knows what must be there.
"""

import asyncio
import itertools
import resource
import signal
import sys
import time
from functools import partial
from pathlib import Path

from tusd_py.metadata.database import Database, DatabaseError, Query, Script
from tusd_py.metadata.postgres import PostgresDatabase
from tusd_py.metadata.sqlite import SqliteDatabase

_LARGEST_FILE = 2 * 1024 * 1024
_KIBIBYTES = 64


def _say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def connect(kind: str, where: str) -> Database:
    """Closed; with real durability."""
    if kind == "sqlite":
        return SqliteDatabase(
            Path(where), durability_full=True, clock=lambda: time.time_ns() // 1000, migrate=True
        )
    return PostgresDatabase(where, pool_size=4, timeout=10, require_power=True, migrate=True)


async def migrate(database: Database) -> None:
    """Only open it."""
    _say("migrated")


async def count(database: Database) -> None:
    """Raise the fact "count" for ever; each line is a committed value."""
    while True:
        rows = await database.execute(
            Query(
                """
                INSERT INTO facts (name, value, updated_at) VALUES ('count', '1', 0)
                ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(facts.value AS BIGINT) + 1 AS TEXT)
                RETURNING value
                """
            )
        )
        _say(rows[0]["value"])


async def saturate(database: Database) -> None:
    """Commit one small row after the other for some seconds; print how many, and the slowest 1 % (ms)."""
    seconds: list[float] = []
    end = time.monotonic() + 2
    while time.monotonic() < end:
        start = time.monotonic()
        await asyncio.gather(*(_touch(database, f"{name}") for name in range(8)))
        seconds.append(time.monotonic() - start)
    seconds.sort()
    _say(len(seconds), round(seconds[len(seconds) * 99 // 100] * 1000, 1))


async def _touch(database: Database, name: str) -> None:
    await database.execute(
        Query(
            """
            INSERT INTO facts (name, value, updated_at) VALUES (:name, '', {now})
            ON CONFLICT (name) DO UPDATE SET updated_at = excluded.updated_at
            """,
            {"name": name},
        )
    )


async def fill(database: Database) -> None:
    """Write until no file may grow; each line is a committed row, the last one the failure's name."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_LARGEST_FILE, _LARGEST_FILE))
    for n in itertools.count():
        try:
            await asyncio.gather(*(database.transact(partial(_large, name)) for name in (f"{n}a", f"{n}b")))
        except DatabaseError as failure:
            _say(type(failure).__name__)
            return
        _say(f"{n}a\n{n}b")


def _large(name: str) -> Script[None]:
    yield Query(
        "INSERT INTO facts (name, value, updated_at) VALUES (:name, :value, {now})",
        {"name": name, "value": "x" * (_KIBIBYTES * 1024)},
    )


async def _main(kind: str, where: str, verb: str) -> None:
    database = connect(kind, where)
    await database.open()
    try:
        await {"migrate": migrate, "count": count, "saturate": saturate, "fill": fill}[verb](database)
    finally:
        await database.close()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
