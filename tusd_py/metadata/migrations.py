"""Bringing the schema up to date.

A migration is a file schema/<dialect>/<number>_<name>.sql, numbered from 1 without gaps and never changed
once released. Each runs in one transaction under a lock, so any number of workers may start at once.

Belongs here: which migrations there are and applying them. Not here: what they say.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import LiteralString

from tusd_py.errors import Refused

from .database import Database, Query, Script, Work
from .statements import split_postgres, split_sqlite

PATIENCE = 3600.0
"""Seconds that a migration may take, or wait for another worker that is at it."""

_SPLIT = {"sqlite": split_sqlite, "postgres": split_postgres}
_TABLE_EXISTS: dict[str, LiteralString] = {
    "sqlite": "SELECT 1 AS found FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'",
    "postgres": "SELECT 1 AS found WHERE to_regclass('schema_version') IS NOT NULL",
}
# Writers to SQLite are alone anyway. The number is arbitrary and ours alone in this database; a lock of the
# transaction, not of the session, because a pooling proxy hands sessions around.
_LOCK: dict[str, LiteralString] = {
    "sqlite": "SELECT 1",
    "postgres": "SELECT pg_advisory_xact_lock(7310579463)",
}
_CREATE_TABLE = """
    CREATE TABLE IF NOT EXISTS schema_version (
        version    BIGINT NOT NULL PRIMARY KEY,
        name       TEXT   NOT NULL,
        applied_at BIGINT NOT NULL
    )
"""
_CURRENT = "SELECT coalesce(max(version), 0) AS version FROM schema_version"
_APPLIED = "INSERT INTO schema_version (version, name, applied_at) VALUES (:version, :name, {now})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One step from one schema to the next."""

    number: int
    name: str
    statements: tuple[LiteralString, ...]


@cache
def migrations(dialect: str) -> tuple[Migration, ...]:
    """All that this version knows, in order."""
    folder = files(__package__) / "schema" / dialect
    scripts = {
        script.name: script.read_text("utf-8") for script in folder.iterdir() if script.name.endswith(".sql")
    }
    return tuple(
        Migration(
            number=int(name.partition("_")[0]),
            name=name.removesuffix(".sql"),
            statements=tuple(_SPLIT[dialect](scripts[name])),
        )
        for name in sorted(scripts)
    )


async def version(database: Database) -> int:
    """The number of the newest migration that was applied; 0 for an empty database."""
    if not await database.read(Query(_TABLE_EXISTS[database.name])):
        return 0
    rows = await database.read(Query(_CURRENT))
    return int(rows[0]["version"])


async def pending(database: Database) -> list[Migration]:
    """What is still to be applied. Raises Refused for a schema newer than this version knows."""
    known = migrations(database.name)
    current = await version(database)
    if current > known[-1].number:
        raise Refused(
            f"the database has schema {current}, but this version of tusd-py knows only {known[-1].number}",
            hint="run the version that wrote it, or a newer one; schemas do not go back",
        )
    return [migration for migration in known if migration.number > current]


async def apply(database: Database) -> list[Migration]:
    """Apply what is pending; returns what this call did. Safe to call from many processes at once."""
    return [
        migration
        for migration in await pending(database)
        if await database.transact(_step(database.name, migration), patience=PATIENCE)
    ]


async def bring_up_to_date(database: Database, *, migrate: bool) -> None:
    """Apply what is pending, or raise Refused where that was not asked for."""
    if migrate:
        await apply(database)
        return
    missing = await pending(database)
    if missing:
        raise Refused(
            f"the database lacks the migrations {', '.join(migration.name for migration in missing)}",
            hint="run `tusd-py migrate`, or set database.migrate = true",
        )


def _step(dialect: str, migration: Migration) -> Work[bool]:
    def script() -> Script[bool]:
        yield Query(_LOCK[dialect])
        yield Query(_CREATE_TABLE)
        rows = yield Query(_CURRENT)
        if rows[0]["version"] >= migration.number:
            return False
        for statement in migration.statements:
            yield Query(statement)
        yield Query(_APPLIED, {"version": migration.number, "name": migration.name})
        return True

    return script
