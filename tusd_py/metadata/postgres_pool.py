"""Connections to Postgres that were looked at before they are trusted, and what asyncpg's errors mean.

asyncpg has a pool too; it starts a task for every release and asks the server to reset a session in which we
set nothing, which costs a third of the throughput of short transactions.

Imports asyncpg, so it is itself imported only when Postgres is configured.
Belongs here: the pool, one transaction, one statement. Not here: trying again, migrations (postgres.py),
which scripts share a transaction (postgres_in_step.py).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing
from typing import Any, TypeAlias

import asyncpg

from tusd_py.errors import Refused

from .database import Conflict, DatabaseError, LostRace, OutcomeUnknown, Query, Row, Script, T
from .in_step import Many, OutOfStep, in_step
from .statements import Statement

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

Translate = Callable[[Query], tuple[Statement, list[Any]]]
"""A query as Postgres reads it, with its positional parameters."""

FAILURES = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
    Refused,
)
"""What may come out of asyncpg, and a new connection that turned out not to be trusted."""

_AGAIN = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    # A newer version beside us added a column: what the connection had prepared is forgotten now.
    asyncpg.exceptions.InvalidCachedStatementError,
)
"""Nothing happened, and the same again may succeed."""

_OLDEST = 130000  # Postgres 13, the first with xid8 and pg_current_xact_id()
_PREPARED = 200  # statements a connection; more than there are
_STALE = 300.0  # seconds; firewalls forget idle connections without a word

_LOOK = """
    SELECT pg_is_in_recovery() AS is_standby,
           current_setting('server_version_num')::int AS version,
           current_setting('server_version') AS version_name,
           current_setting('fsync') AS fsync,
           current_setting('full_page_writes') AS full_page_writes,
           current_setting('synchronous_commit') AS synchronous_commit
"""
# Said in full, because roles and databases may have other defaults.
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"


class Pool:
    """Up to `size` connections; nobody holds one while waiting for anything else.

    `seconds` is how long a connection may take to be made, and a transaction may stand still.
    """

    def __init__(
        self, dsn: str, *, size: int, seconds: float, require_power: bool, translate: Translate
    ) -> None:
        self._dsn = dsn
        self._size = size
        self._seconds = seconds
        self._require_power = require_power
        self._translate = translate
        self._is_proxied = False
        self._room = asyncio.Semaphore(size)
        self._idle: list[tuple[Connection, float]] = []
        # A worker that freezes in a transaction would hold its locks for ever: Postgres ends it.
        self._limit = f"idle_in_transaction_session_timeout = {max(1, round(seconds * 1000))}"

    async def open(self) -> None:
        """Raises Refused, or one of FAILURES where the server cannot be reached."""
        self._is_proxied = await _is_proxied(self._dsn, self._seconds)
        async with asyncio.timeout(self._seconds), self._connection():
            pass

    async def close(self) -> None:
        """Wait for those who are at it; every call has its own time limit."""
        for _ in range(self._size):
            await self._room.acquire()
        while self._idle:
            connection, _ = self._idle.pop()
            try:
                await connection.close(timeout=self._seconds)
            except FAILURES:
                # Nothing is under way on it: the server that does not answer has nothing to lose by it.
                connection.terminate()

    async def run(self, script: Script[T], *, seconds: float) -> T:
        """One transaction. Raises what the script raises, Conflict, DatabaseError (LostRace and the like)."""
        return await self._transaction(lambda connection: self._drive(connection, script), seconds)

    async def run_in_step(self, scripts: Sequence[Script[Any]], *, seconds: float) -> list[Any]:
        """All of them in one transaction; their results. Raises OutOfStep, and as `run`."""
        return await self._transaction(lambda connection: self._drive_in_step(connection, scripts), seconds)

    async def _transaction(self, drive: Callable[[Connection], Awaitable[T]], seconds: float) -> T:
        begin = f"{_BEGIN}; SET LOCAL {self._limit}" if self._is_proxied else _BEGIN
        is_committing = False
        try:
            async with asyncio.timeout(seconds), self._connection() as connection:
                await connection.execute(begin)
                result = await drive(connection)
                is_committing = True
                tag = await connection.execute("COMMIT")
        except FAILURES as problem:
            raise _translated(problem, may_have_committed=is_committing) from problem
        if tag != "COMMIT":
            # Postgres answers COMMIT with ROLLBACK, and no error, where the transaction had failed.
            raise DatabaseError(f"Postgres answered COMMIT with {tag}")
        return result

    async def run_one(self, query: Query, *, seconds: float) -> list[Row]:
        """One statement in a transaction of its own, in one round trip. Raises as `run`."""
        if self._is_proxied:
            return await self.run(_one(query), seconds=seconds)
        is_sent = False
        try:
            async with asyncio.timeout(seconds), self._connection() as connection:
                is_sent = True
                return await self._rows(connection, query)
        except FAILURES as problem:
            raise _translated(problem, may_have_committed=is_sent) from problem

    async def _drive(self, connection: Connection, script: Script[T]) -> T:
        with closing(script):
            try:
                query = next(script)
                while True:
                    query = script.send(await self._rows(connection, query))
            except StopIteration as end:
                result: T = end.value
                return result

    async def _rows(self, connection: Connection, query: Query) -> list[Row]:
        statement, params = self._translate(query)
        return [dict(record) for record in await connection.fetch(statement.text, *params)]

    async def _drive_in_step(self, connection: Connection, scripts: Sequence[Script[Any]]) -> list[Any]:
        with closing(in_step(scripts)) as together:
            try:
                many = next(together)
                while True:
                    many = together.send(await self._rows_of_each(connection, many))
            except StopIteration as end:
                results: list[Any] = end.value
                return results

    async def _rows_of_each(self, connection: Connection, many: Many) -> Sequence[list[Row]]:
        """In one round trip: all of them are sent before the first answer is read."""
        said = [self._translate(Query(many.sql, params)) for params in many.params]
        statement, params = said[0][0], [params for _, params in said]
        if not statement.is_blind:
            raise OutOfStep
        if not statement.tells_at:
            await connection.executemany(statement.text, params)
            return [[]] * len(params)
        records = await connection.fetchmany(statement.text, params)
        if len(records) != len(params):
            raise OutOfStep
        return [[dict(record)] for record in records]

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        """A connection that goes back clean: after an error its transaction is undone, or it is ended."""
        async with self._room:
            connection = self._fresh() or await self._connect()
            try:
                yield connection
            except Exception:
                await _undo(connection)
                raise
            except BaseException:
                # Cancelled or timed out with a statement under way. Postgres undoes what was not committed.
                connection.terminate()
                raise
            finally:
                if not connection.is_closed():
                    self._idle.append((connection, asyncio.get_running_loop().time()))

    def _fresh(self) -> "Connection | None":
        oldest = asyncio.get_running_loop().time() - _STALE
        while self._idle:
            connection, since = self._idle.pop()
            if since > oldest and not connection.is_closed():
                return connection
            connection.terminate()
        return None

    async def _connect(self) -> Connection:
        connection = await asyncpg.connect(
            self._dsn,
            timeout=self._seconds,
            # A pooling proxy gives each transaction another session, which has not prepared the statement.
            statement_cache_size=0 if self._is_proxied else _PREPARED,
            server_settings={"application_name": "tusd-py"},
        )
        try:
            await self._look(connection)
            if not self._is_proxied:
                await connection.execute(f"SET {self._limit}")
        except BaseException:
            connection.terminate()
            raise
        return connection

    async def _look(self, connection: Connection) -> None:
        """Every new connection is looked at: after a failover the same name may lead to another server."""
        async with connection.transaction(readonly=True):
            found = await connection.fetchrow(_LOOK)
        if found is None:
            raise DatabaseError("Postgres did not say what it is")
        if found["is_standby"]:
            raise Refused(
                "this Postgres server is a standby, which may lag behind and cannot be written to",
                hint="let database.url lead to the primary",
            )
        if found["version"] < _OLDEST:
            raise Refused(
                f"this is Postgres {found['version_name']}; 13 or newer is needed",
                hint="upgrade the server",
            )
        if self._require_power:
            _refuse_the_forgetful(found)


def _one(query: Query) -> Script[list[Row]]:
    return (yield query)


async def _undo(connection: Connection) -> None:
    if connection.is_closed() or not connection.is_in_transaction():
        return
    try:
        await connection.execute("ROLLBACK")
    except BaseException:
        connection.terminate()
        raise


async def _is_proxied(dsn: str, seconds: float) -> bool:
    """A pooling proxy (pgbouncer and the like) names another process than the one that answers."""
    connection = await asyncpg.connect(dsn, timeout=seconds, statement_cache_size=0)
    try:
        async with asyncio.timeout(seconds), connection.transaction(readonly=True):
            backend = await connection.fetchval("SELECT pg_backend_pid()")
        return bool(backend != connection.get_server_pid())
    finally:
        await connection.close(timeout=seconds)


def _refuse_the_forgetful(found: asyncpg.Record) -> None:
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):
        if found[setting] == "off":
            raise Refused(
                f'this Postgres server runs with {setting} = off, but storage.durability = "power" '
                "promises that a power cut undoes nothing",
                hint=f'set {setting} = on for this server and role, or storage.durability = "process"',
            )


def _translated(problem: Exception, *, may_have_committed: bool) -> Exception:
    text = f"Postgres: {str(problem) or type(problem).__name__}"
    if isinstance(problem, asyncpg.UniqueViolationError):
        return Conflict(text)
    if isinstance(problem, _AGAIN):
        return LostRace(text)
    if may_have_committed and not _is_undone(problem):
        return OutcomeUnknown(text)
    return DatabaseError(text)


def _is_undone(problem: Exception) -> bool:
    """Is the transaction surely undone? After an ERROR of the server it is, but not after a FATAL one:
    a backend that is ended while it waits for its standby has committed already."""
    if isinstance(problem, asyncpg.StatementCompletionUnknownError):
        return False
    return isinstance(problem, asyncpg.PostgresError) and problem.severity_en == "ERROR"
