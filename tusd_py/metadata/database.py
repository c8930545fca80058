"""The seam under the repository: one database, two implementations.

A transaction is written once, as a generator that yields queries and is sent their rows; it does no I/O
itself, so the same text runs in SQLite's writer thread and over asyncpg. It may be run again from the
start after a lost race, so it must not touch anything but its own locals.

Statements use `:name` parameters and the words in braces that `statements.py` lists: `{now}` is the
database's clock in microseconds, `{for_update}` stands where a row read here is written later in the same
transaction. "offset" is quoted. Postgres must be able to infer the type of every parameter.

Belongs here: the seam. Not here: statements (repository modules) and drivers (sqlite.py, postgres.py).
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, LiteralString, Protocol, TypeVar

T = TypeVar("T")

Row = Mapping[str, Any]


class DatabaseError(Exception):
    """The database could not do it; nothing was promised. Clients hear 503 (423 on HEAD)."""


class OutcomeUnknown(DatabaseError):
    """The connection died during COMMIT: read the row again before saying anything."""


class LostRace(DatabaseError):
    """Another transaction won, again and again; drivers have tried several times before this comes out."""


class Buried(DatabaseError):
    """This worker was given up by the others: it may never commit again and must exit."""


class Conflict(Exception):
    """A uniqueness rule was hit; the transaction changed nothing."""


@dataclass(frozen=True, slots=True)
class Query:
    """One statement and its parameters."""

    sql: LiteralString
    params: Mapping[str, Any] = field(default_factory=dict)


Script = Generator[Query, list[Row], T]
"""A running transaction script."""

Work = Callable[[], Script[T]]
"""Makes a script; called again for every try."""


class Database(Protocol):
    """SQLite or Postgres."""

    name: str
    """ "sqlite" or "postgres"."""

    async def open(self) -> None:
        """Connect, refuse what cannot be trusted (`Refused`), bring the schema up to date if told to."""
        ...

    async def close(self) -> None:
        """Finish what was begun and let go."""
        ...

    async def transact(self, work: Work[T], *, patience: float | None = None, in_step: bool = False) -> T:
        """Run a script in one transaction; when this returns it is committed as durably as configured.

        Scripts of several callers may share one commit, each in a savepoint of its own. An exception
        from the script undoes that script only and comes out here. A cancelled caller may or may not
        have committed. `patience` is in seconds; None is the configured timeout. `in_step` says that the
        script reads nothing, so that its statements may stand between those of other such scripts.
        Raises Conflict, DatabaseError, OutcomeUnknown.
        """
        ...

    async def execute(self, query: Query) -> list[Row]:
        """One writing statement in a transaction of its own: cheaper than a script that yields one query.

        Raises like `transact`.
        """
        ...

    async def read(self, query: Query) -> list[Row]:
        """Rows as committed now, on the primary. Raises DatabaseError."""
        ...

    async def browse(self, query: Query) -> list[Row]:
        """As `read`, for what may take long: whoever only wants one row does not wait behind it."""
        ...
