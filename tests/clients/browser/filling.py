"""What would take hours: rows as finished uploads, and an hour's work, leave them, written at once.

Belongs here: making it. Not here: looking at it (test_library_page.py).
"""

import asyncio
import contextlib
import math
import secrets
import sqlite3
import time

from tests.harness.server import Server


async def fill(server: Server, count: int) -> None:
    """Add so many files of the anonymous visitor's, a second apart. Their bytes are nowhere."""
    await asyncio.to_thread(_fill, server, count)


def _fill(server: Server, count: int) -> None:
    now = time.time_ns() // 1000
    with contextlib.closing(sqlite3.connect(server.data / ".tusd" / "tusd.db", timeout=60)) as database:
        for number in range(count):
            file_id, upload_id = secrets.token_hex(16), secrets.token_hex(16)
            at, name = now - number * 1_000_000, f"document {number:06}.pdf"
            database.execute(
                "INSERT INTO files (file_id, tenant, owner, filename, version, created_at, updated_at)"
                " VALUES (?, '', 'anonymous', ?, 1, ?, ?)",
                (file_id, name, at, at),
            )
            database.execute(
                "INSERT INTO versions (file_id, n, upload_id, key, ref, identity, length, declared_type,"
                " verdict, created_at) VALUES (?, 1, ?, ?, ?, '', ?, 'application/pdf', 'unknown', ?)",
                (file_id, upload_id, file_id, file_id, 1000 + number, at),
            )
        database.commit()


async def fill_hour(server: Server) -> None:
    """What the server did in the last hour, minute by minute, for the plots: two waves and a lull."""
    await asyncio.to_thread(_fill_hour, server)


def _fill_hour(server: Server) -> None:
    this_minute = int(time.time()) // 60
    with contextlib.closing(sqlite3.connect(server.data / ".tusd" / "tusd.db", timeout=60)) as database:
        for ago in range(1, 60):
            busy = max(0.0, math.sin(ago / 8.5)) ** 2 * (1 + 0.25 * math.sin(ago * 2.7))
            row = (
                (this_minute - ago) * 60_000_000,
                int(40 * busy),
                int(38 * busy),
                int(2.4e9 * busy),
                int(9 * busy * busy),
            )
            database.execute(
                "INSERT INTO minutes (at, worker, created, finished, received, jobs)"
                " VALUES (?, 'w', ?, ?, ?, ?)",
                row,
            )
        database.commit()
