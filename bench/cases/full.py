"""Small uploads into a catalogue that is empty, and into one that has a million rows.

Belongs here: filling a catalogue, and the case. Not here: what the tables mean (tusd_py/metadata/schema).
"""

import shutil
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path

from bench.subjects.ours import Ours
from bench.subjects.subject import running, scratch_folder

from .case import (
    CPU_PER_UPLOAD,
    LOAD_CORES,
    PEAK,
    UPLOADS,
    Aim,
    Case,
    Contender,
    Options,
    Reading,
    latency_columns,
)
from .readings import HOT_UPLOADS, hot, small_reading, warm
from .small import small_load

_DATABASE = Path(".tusd/tusd.db")
_EMPTY = "empty catalogue"
_FULL = "full catalogue"

# Every row is a copy of one that the server wrote itself, under names of its own and a little older.
_OLDER = "model.created_at - names.n"
_COPIED: Mapping[str, Mapping[str, str]] = {
    "uploads": {
        "id": "names.upload",
        "file_id": "names.file",
        "key": "names.key",
        "ref": "names.key",
        "created_at": _OLDER,
    },
    "files": {"file_id": "names.file", "created_at": _OLDER, "seq": "1000 + names.n"},
    "versions": {
        "file_id": "names.file",
        "upload_id": "names.upload",
        "key": "names.key",
        "ref": "names.key",
        "created_at": _OLDER,
    },
    "events": {"id": "NULL", "subject": "names.upload", "created_at": _OLDER},
}
_NAMES = """
    CREATE TEMP TABLE names AS
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
    SELECT n, lower(hex(randomblob(16))) AS upload, file, 'seeded/' || file AS key
    FROM (SELECT n, lower(hex(randomblob(16))) AS file FROM numbers)
"""


def fill(database: Path, rows: int) -> None:
    """Add `rows` finished uploads with their files, versions and events. No server may run on it."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -400000")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute(_NAMES, (rows,))
        connection.execute("BEGIN")
        for table, replaced in _COPIED.items():
            connection.execute(_copy(connection, table, replaced))
        connection.execute("INSERT INTO search (rowid, words) SELECT seq, words FROM files WHERE seq > 1000")
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _copy(connection: sqlite3.Connection, table: str, replaced: Mapping[str, str]) -> str:
    columns = [column[1] for column in connection.execute(f"PRAGMA table_info({table})")]
    names = ", ".join(f'"{column}"' for column in columns)
    values = ", ".join(replaced.get(column, f'model."{column}"') for column in columns)
    return f"INSERT INTO {table} ({names}) SELECT {values} FROM names, (SELECT * FROM {table} LIMIT 1) model"  # noqa: S608 - names of our own tables and columns


def _prepare(options: Options) -> Path:
    """A folder that a server has used, with many more rows in its catalogue; kept until all is done."""
    scratch = options.lasting.enter_context(scratch_folder(options.memory))
    with running(Ours().subject("to begin with"), scratch) as server:
        warm(server, 1, with_upload=True)
    fill(scratch / "uploads" / _DATABASE, options.rows)
    return scratch / "uploads"


def _contenders(options: Options) -> Sequence[Contender]:
    @cache
    def full() -> Path:
        return _prepare(options)

    return [
        Contender(name=_EMPTY, measure=lambda: _empty(options)),
        Contender(name=_FULL, measure=lambda: _on_a_copy(options, full)),
    ]


def _empty(options: Options) -> Reading:
    with hot(Ours().subject(_EMPTY), options.memory, with_upload=False) as server:
        return small_reading(server, small_load(server, options, with_upload=False))


def _on_a_copy(options: Options, folder: Callable[[], Path]) -> Reading:
    with scratch_folder(options.memory) as scratch:
        shutil.copytree(folder(), scratch / "uploads")
        with running(Ours().subject(_FULL), scratch) as server:
            warm(server, HOT_UPLOADS, with_upload=False)
            return small_reading(server, small_load(server, options, with_upload=False))


FULL = Case(
    name="catalogue",
    meaning="Uploads of 4 KiB into an empty catalogue and a full one; tmpfs, durability process, SQLite.",
    columns=(CPU_PER_UPLOAD, UPLOADS, *latency_columns("POST"), *latency_columns("PATCH"), PEAK, LOAD_CORES),
    contenders=_contenders,
    reference=_EMPTY,
    aims=(Aim(contender=_FULL, column=CPU_PER_UPLOAD, at_most=1.15, of=_EMPTY),),
)
