"""The one thread of a process that writes to SQLite.

It takes every script that waits, up to `BATCH`, and runs them under one lock and one COMMIT; the loop hears
of all of them at once. Nothing is answered before the COMMIT returned. When one of them raises, all are
undone and run again, each in a savepoint of its own: rare, and savepoints cost as much as many a script.

Belongs here: the thread, its connection, grouping. Not here: locking (write_lock.py), reads (sqlite.py).
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any

from .database import Conflict, DatabaseError, OutcomeUnknown, Query, Row, Script, Work
from .in_step import FEWEST
from .sqlite_in_step import run_in_step
from .statements import for_sqlite
from .write_lock import WriteLock

BATCH = 256
"""Scripts in one commit, after which no more join: bounds how long the lock is held, which other processes
wait for."""

PAUSE_FOR_ONE, LONGEST_PAUSE = 0.00025, 0.002
"""Seconds that scripts are gathered, for each that came with the last ones, and at most. A commit costs as
much CPU as several scripts, so it should have many; who comes alone waits for nobody. Twice as long cost 3 %
less CPU for a small upload, and a quarter of their rate where processors were left over."""

# Somebody from outside (a backup, an operator's shell) may hold SQLite's own lock. Less than the 3 s after
# which the supervisor takes a worker for frozen that holds ours.
_BUSY_TIMEOUT = 2.0

_WAL_LIMIT = 64 * 1024 * 1024
_CHECKPOINT = 4000
"""Pages of the log, 16 MiB, that go to the database at once; many are written several times before."""
_UNIQUE = (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
# Both are said before the commit record is whole. After any other error (a failed fsync above all) the
# record may be in the log, and recovery after a crash may find it.
_NOT_COMMITTED = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY)


@dataclass(slots=True, eq=False, kw_only=True)
class Order:
    """A script that waits for the writer. `outcome` is written by the thread, `future` by the loop only."""

    work: Work[Any]
    in_step: bool
    future: asyncio.Future[Any]
    is_begun: bool = False
    is_withdrawn: bool = False
    result: Any = None
    error: Exception | None = field(default=None)


class Writer:
    """Made and closed by the event loop that it answers to."""

    def __init__(self, path: Path, *, synchronous: str, clock: Callable[[], int]) -> None:
        self._path = path
        self._synchronous = synchronous
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._gathered: list[Order] = []
        self._pause = 0.0
        self._orders: SimpleQueue[Sequence[Order] | None] = SimpleQueue()
        self._begin_or_withdraw = Lock()
        self._connection: sqlite3.Connection | None = None
        self._write_lock = WriteLock(path)
        # A daemon: a close that was forgotten must not keep the process from exiting, and a commit
        # survives the end of its process at any point.
        self._thread = Thread(target=self._serve, name="sqlite-writer", daemon=True)
        self._thread.start()

    # --- called by the loop

    def submit(self, work: Work[Any], *, in_step: bool = False) -> Order:
        """Queue a script; its future ends with the commit. See `Database.transact`."""
        order = Order(work=work, in_step=in_step, future=self._loop.create_future())
        if not self._gathered:
            # At least what one turn of the loop brings goes together: one thread woken, one commit.
            self._loop.call_later(self._pause, self._hand_over)
        self._gathered.append(order)
        return order

    def withdraw(self, order: Order) -> bool:
        """True if the script had not begun; then it never will."""
        with self._begin_or_withdraw:
            order.is_withdrawn = not order.is_begun
            return order.is_withdrawn

    async def close(self) -> None:
        """Finish what was submitted, and end the thread."""
        self._hand_over()
        self._orders.put(None)
        await asyncio.to_thread(self._thread.join)

    def _hand_over(self) -> None:
        if self._gathered:
            self._pause = pause_after(len(self._gathered))
            self._orders.put(self._gathered)
            self._gathered = []

    # --- the thread

    def _serve(self) -> None:
        first = self._orders.get()
        while first is not None:
            orders = list(first)
            try:
                with self._write_lock.held():
                    self._join_waiting(orders)
                    self._commit([order for order in orders if self._begin(order)])
            except (OSError, sqlite3.Error) as problem:
                _fail(orders, problem, DatabaseError)
            self._answer(orders)
            first = self._orders.get()
        self._close()

    def _join_waiting(self, orders: list[Order]) -> None:
        with suppress(Empty):
            while len(orders) < BATCH:
                more = self._orders.get_nowait()
                if more is None:
                    self._orders.put(None)
                    break
                orders += more

    def _begin(self, order: Order) -> bool:
        with self._begin_or_withdraw:
            order.is_begun = not order.is_withdrawn
            return order.is_begun

    def _commit(self, orders: Sequence[Order]) -> None:
        if not orders:
            return
        connection = self._connected()
        try:
            if not self._run_plainly(connection, orders):
                self._run_apart(connection, orders)
        except sqlite3.Error as problem:
            self._abandon(connection)
            _fail(orders, problem, DatabaseError)
            return
        try:
            connection.execute("COMMIT")
        except sqlite3.Error as problem:
            self._abandon(connection)
            _fail(
                orders,
                problem,
                DatabaseError if problem.sqlite_errorcode in _NOT_COMMITTED else OutcomeUnknown,
            )

    def _run_plainly(self, connection: sqlite3.Connection, orders: Sequence[Order]) -> bool:
        """Run them in one open transaction. False, with nothing done, when one of them raised."""
        connection.execute("BEGIN IMMEDIATE")
        try:
            for order in self._without_those_in_step(connection, orders):
                order.result = self._drive(connection, order.work())
        except Exception:  # noqa: BLE001 - it is raised again, and told to whose it is
            # Which one, and whether it undid everything, shows when they run apart.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            return False
        return True

    def _without_those_in_step(
        self, connection: sqlite3.Connection, orders: Sequence[Order]
    ) -> Sequence[Order]:
        """Those that are left, once the others were run together."""
        together = [order for order in orders if order.in_step]
        if len(together) < FEWEST:
            return orders
        results = run_in_step(connection, [order.work() for order in together], self._clock)
        for order, result in zip(together, results, strict=True):
            order.result = result
        return [order for order in orders if not order.in_step]

    def _run_apart(self, connection: sqlite3.Connection, orders: Sequence[Order]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        for order in orders:
            order.result = None
            self._run(connection, order)

    def _run(self, connection: sqlite3.Connection, order: Order) -> None:
        connection.execute("SAVEPOINT script")
        try:
            order.result = self._drive(connection, order.work())
        except Exception as problem:
            # Whatever a script raises belongs to its caller.
            if not connection.in_transaction:
                raise  # a full disk or an I/O error undid the whole transaction: all of them must hear it
            order.error = _translated(problem)
            connection.execute("ROLLBACK TO script")
        connection.execute("RELEASE script")

    def _drive(self, connection: sqlite3.Connection, script: Script[Any]) -> Any:
        with closing(script):
            try:
                query = next(script)
                while True:
                    query = script.send(self._rows(connection, query))
            except StopIteration as end:
                return end.value

    def _rows(self, connection: sqlite3.Connection, query: Query) -> list[Row]:
        statement = for_sqlite(query.sql)
        now = self._clock()
        cursor = connection.execute(statement.text, statement.values(query.params, now))
        if statement.tells_at:
            return [{"at": now}] * cursor.rowcount
        # Nothing comes back from most of them, and to ask for it costs a tenth of the statement.
        return cursor.fetchall() if cursor.description is not None else []

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            connection = sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT, isolation_level=None)
            try:
                self._prepare(connection)
            except sqlite3.Error:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.row_factory = as_row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {self._synchronous}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT}")
        # What a statement puts aside must not lie in /var/tmp, which is nobody's to look after.
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT}")

    def _abandon(self, connection: sqlite3.Connection) -> None:
        """Undo the batch; a connection that cannot even do that is replaced."""
        with suppress(sqlite3.Error):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        if connection.in_transaction:
            connection.close()
            self._connection = None

    def _answer(self, orders: Sequence[Order]) -> None:
        # A loop that was closed without closing the database has nobody left to tell.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(_settle, orders)

    def _close(self) -> None:
        if self._connection is not None:
            # The last one to close makes a checkpoint, so this too needs the lock.
            with suppress(OSError), self._write_lock.held():
                self._connection.close()
        self._write_lock.close()


def pause_after(scripts: int) -> float:
    return 0.0 if scripts == 1 else min(scripts * PAUSE_FOR_ONE, LONGEST_PAUSE)


def as_sqlite(query: Query, clock: Callable[[], int]) -> tuple[str, tuple[Any, ...]]:
    """The statement and its parameters; KeyError when one is missing."""
    statement = for_sqlite(query.sql)
    return statement.text, statement.values(query.params, clock())


def as_row(cursor: sqlite3.Cursor, values: tuple[Any, ...]) -> Row:
    """Rows by column name."""
    return {column[0]: value for column, value in zip(cursor.description, values, strict=True)}


def _translated(problem: Exception) -> Exception:
    if not isinstance(problem, sqlite3.Error):
        return problem
    if isinstance(problem, sqlite3.IntegrityError) and problem.sqlite_errorcode in _UNIQUE:
        translated: Exception = Conflict(str(problem))
    else:
        translated = DatabaseError(str(problem))
    translated.__cause__ = problem
    return translated


def _fail(orders: Sequence[Order], problem: Exception, failure: type[DatabaseError]) -> None:
    for order in orders:
        # One exception each: raised in several tasks, they must not share a traceback.
        order.error = failure(f"SQLite: {problem}")
        order.error.__cause__ = problem


def _settle(orders: Sequence[Order]) -> None:
    for order in orders:
        if order.future.done():
            continue
        if order.error is not None:
            order.future.set_exception(order.error)
        else:
            order.future.set_result(order.result)
