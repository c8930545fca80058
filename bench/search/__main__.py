"""`python -m bench.search`: 100,000 files of many owners, and a table of how long pages take.

    python -m bench.search --rows 100000 --times 40

Measured behind HTTP: what the repository takes, with making the values. Belongs here: filling, asking, the
table. Not here: what is asked for (tusd_py/metadata/search.py).
"""

import argparse
import asyncio
import random
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bench.arithmetic import percentile
from bench.subjects.postgres import Postgres
from protocol.upload import Verdict
from tusd_py.metadata.cursors import Place, cursor_of
from tusd_py.metadata.database import Database, Query, Script
from tusd_py.metadata.postgres import PostgresDatabase
from tusd_py.metadata.search import Search
from tusd_py.metadata.search_index import SearchIndex
from tusd_py.metadata.sqlite import SqliteDatabase
from tusd_py.metadata.wanted import Served, Wanted
from tusd_py.metadata.words import Described, asked, words_of

AT_ONCE = 500
"""Rows of one commit while filling."""
LIMIT = 50
OWNER = "half"
"""Has every second file."""
QUESTIONS = ("rareword", "ab", "common", "older", "common ab", "img77777", "nothing")
"""Among them two words that half of the files have: any half, and the older one."""
DEPTHS = (0.0, 0.1, 0.5, 0.95)
"""Shares of the files that stand before the page, where everything is listed."""
FIRST_AT, EVERY = 1_700_000_000_000_000, 1_000_003
"""When they were made, in microseconds."""
_FILE = """
    INSERT INTO files (file_id, tenant, owner, filename, words, version, created_at, updated_at)
    VALUES (:id, '', :owner, :name, :words, 1, :at, :at)
"""
_VERSION = """
    INSERT INTO versions (file_id, n, upload_id, key, ref, identity, length, verdict, created_at)
    VALUES (:id, 1, :id, :id, :id, 'x', 10, 'unknown', :at)
"""


def main() -> int:
    """Returns the exit status: 1 when a page took longer than is aimed at."""
    parser = argparse.ArgumentParser(prog="python -m bench.search", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=40, help="each question")
    parser.add_argument("--disk", type=Path, default=Path("/var/tmp"))  # noqa: S108 - made private below
    parser.add_argument("--aim", type=float, default=50.0, help="milliseconds at p95")
    parser.add_argument("--only", choices=("sqlite", "postgres"))
    chosen = parser.parse_args()
    with ExitStack() as lasting:
        folder = Path(lasting.enter_context(tempfile.TemporaryDirectory(dir=chosen.disk)))
        made: list[Database] = []
        if chosen.only != "postgres":
            made.append(
                SqliteDatabase(
                    folder / "rows" / "tusd.db",
                    durability_full=False,
                    clock=lambda: time.time_ns() // 1000,
                    migrate=True,
                    timeout=300,
                )
            )
        if chosen.only != "sqlite":
            url = Postgres(lasting, chosen.disk).fresh()
            made.append(PostgresDatabase(url, pool_size=4, timeout=300, require_power=False, migrate=True))
        slowest = max(asyncio.run(_measure(one, chosen.rows, chosen.times)) for one in made)
    _say(f"\n{'met' if slowest <= chosen.aim else 'MISSED'}: p95 at most {chosen.aim:g} ms, {slowest:.1f}")
    return int(slowest > chosen.aim)


async def _measure(database: Database, rows: int, times: int) -> float:
    await database.open()
    try:
        began = time.monotonic()
        for start in range(0, rows, AT_ONCE):
            await database.transact(partial(_fill, start, rows))
        await SearchIndex(database).take_in()
        _say(f"\n### {database.name}: {rows} files, filled in {time.monotonic() - began:.0f} s\n")
        _say("| asked for | as | files | p50 ms | p95 ms |\n| --- | --- | ---: | ---: | ---: |")
        return max([await _ask(database, cell, times) for cell in _cells(rows)])
    finally:
        await database.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cell:
    """One line of the table."""

    name: str
    words: str = ""
    cursor: str | None = None
    owner: str | None = None


def _cells(rows: int) -> Iterator[_Cell]:
    pages = [_Cell(name=words, words=words) for words in QUESTIONS]
    pages += [_Cell(name=f"(all, behind {depth:.0%})", cursor=_behind(rows, depth)) for depth in DEPTHS]
    for page in pages:
        yield replace(page, owner=OWNER)
        yield page


def _behind(rows: int, depth: float) -> str | None:
    if not depth:
        return None
    return cursor_of(Place(created_at=FIRST_AT + int(rows * (1 - depth)) * EVERY, id="0" * 32))


async def _ask(database: Database, cell: _Cell, times: int) -> float:
    wanted = Wanted(tenant="", owner=cell.owner, words=asked(cell.words))
    served = Served(
        verdicts=frozenset({Verdict.UNKNOWN}), verdicts_to_owner=frozenset(), reader=("", cell.owner or "")
    )
    took, found = [], 0
    for _ in range(times):
        began = time.perf_counter()
        page = await Search(database).page(wanted, served, cursor=cell.cursor, limit=LIMIT)
        took.append((time.perf_counter() - began) * 1000)
        found = len(page.files)
    half, most = percentile(took, 50), percentile(took, 95)
    _say(f"| {cell.name} | {cell.owner or 'admin'} | {found} | {half:.1f} | {most:.1f} |")
    return most


def _fill(start: int, rows: int) -> Script[None]:
    dice = random.Random(start)  # noqa: S311 - names of files
    for number in range(start, min(start + AT_ONCE, rows)):
        name = _name(number, rows, dice)
        owner = OWNER if number % 2 else f"user{number % 97}"
        described = Described(tenant="", owner=owner, filename=name, path=None, tags=(), metadata="")
        at, file_id = FIRST_AT + number * EVERY, secrets.token_hex(16)
        yield Query(
            _FILE, {"id": file_id, "owner": owner, "name": name, "words": words_of(described), "at": at}
        )
        yield Query(_VERSION, {"id": file_id, "at": at})


def _name(number: int, rows: int, dice: random.Random) -> str:
    words = ["".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=dice.randint(3, 9))) for _ in range(4)]
    words += ["common"] * (dice.random() < 1 / 2) + ["older"] * (number < rows // 2)
    words += ["rareword"] * (number in (5, rows // 2, rows - 7))
    return f"{'-'.join(words)}-img{number}.jpg"


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
