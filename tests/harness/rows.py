"""Looks into the database and the data folder from outside, without the product's own code.

Belongs here: rows, and listing files. Not here: reading bytes (kept.py), what they should say (checker.py).
"""

import asyncio
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from .server import Server

Row = Mapping[str, Any]

OWN_FOLDER = ".tusd"
"""Where the product keeps what is not anybody's upload."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """`length` bytes of an upload from `offset` on, at the start of `path`."""

    offset: int
    length: int
    path: Path


async def fetch(server: Server, sql: str) -> list[Row]:
    """Rows as they are committed now."""
    if server.database_url.startswith("postgresql"):
        return await _fetch_postgres(server.database_url, sql)
    return await asyncio.to_thread(_fetch_sqlite, _sqlite_path(server), sql)


async def change(server: Server, sql: str) -> None:
    """Play the clock, or another machine. The server should not run."""
    if server.database_url.startswith("postgresql"):
        await _fetch_postgres(server.database_url, sql)
    else:
        await asyncio.to_thread(_change_sqlite, _sqlite_path(server), sql)


def _change_sqlite(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(sql)


async def _fetch_postgres(url: str, sql: str) -> list[Row]:
    connection = await asyncpg.connect(url)
    try:
        return [dict(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()


def _fetch_sqlite(path: Path, sql: str) -> list[Row]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10.0)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(sql)]


def _sqlite_path(server: Server) -> Path:
    named = server.database_url.removeprefix("sqlite://")
    return Path(named) if named else server.data / OWN_FOLDER / "tusd.db"


def files_of(server: Server) -> Iterator[Path]:
    """Every file that should belong to an upload."""
    # os.walk goes on when the sweep removes a folder meanwhile; Path.rglob raises.
    for folder, _, names in os.walk(server.data):
        inside = Path(folder).relative_to(server.data).parts
        if inside[:1] not in ((OWN_FOLDER,), ("lost+found",)):
            yield from (Path(folder, name) for name in names)


def pieces(server: Server, upload: Row, parts: Sequence[Row]) -> list[Piece]:
    """Where the committed bytes of an upload are said to be, in order."""
    if upload["state"] == "stored":
        return [Piece(offset=0, length=upload["offset"], path=server.data / upload["ref"])]
    closed = [
        Piece(offset=part["offset"], length=part["length"], path=server.data / part["ref"])
        for part in sorted(parts, key=lambda part: int(part["offset"]))
        if part["upload_id"] == upload["id"]
    ]
    last = Piece(
        offset=upload["ref_offset"],
        length=upload["offset"] - upload["ref_offset"],
        path=server.data / upload["ref"],
    )
    return [piece for piece in (*closed, last) if piece.length]
