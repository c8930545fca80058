"""The database on one host: SQLite in write-ahead mode, any number of worker processes.

Writes go through one thread of this process (sqlite_writer.py) and take turns with other processes; reads
have a connection of their own and see the last commit.

Belongs here: opening, closing, waiting, and what is refused. Not here: how commits are grouped.
"""

import asyncio
import os
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import cast

import aiosqlite

from tusd_py.errors import Refused
from tusd_py.log import get_logger

from .database import DatabaseError, OutcomeUnknown, Query, Row, Script, T, Work
from .facts import HEARTBEAT, claim_host
from .full_disk import HINT, is_full
from .host import Host
from .local_disk import refuse_shared_filesystem
from .migrations import bring_up_to_date
from .sqlite_writer import Order, Writer, as_row, as_sqlite

log = get_logger(__name__)

_FILE_MODE = 0o600  # upload ids in it let their finder write
_FOLDER_MODE = 0o750


class SqliteDatabase:
    """One file on a local disk."""

    name = "sqlite"

    def __init__(
        self,
        path: Path,
        *,
        durability_full: bool,
        clock: Callable[[], int],
        migrate: bool,
        timeout: float = 10.0,
        host: Host | None = None,
    ) -> None:
        """`clock` gives microseconds since the epoch, `timeout` is in seconds, `host` is this one if None.

        With `durability_full` a commit survives a power cut, otherwise the end of the process.
        """
        self._path = path
        self._synchronous = "FULL" if durability_full else "NORMAL"
        self._clock = clock
        self._migrate = migrate
        self._timeout = timeout
        self._host = host
        self._writer: Writer | None = None
        self._reader: aiosqlite.Connection | None = None
        self._browser: aiosqlite.Connection | None = None
        self._browsing = asyncio.Lock()
        self._heartbeat: asyncio.Task[None] | None = None
        self._lost_to: str | None = None

    async def open(self) -> None:
        """Raises Refused: shared filesystem, another host, no such file to be had, another schema."""
        refuse_shared_filesystem(self._path)
        try:
            await asyncio.to_thread(_make_file, self._path)
            self._writer = Writer(self._path, synchronous=self._synchronous, clock=self._clock)
            await self._prepare()
        except BaseException as problem:
            await self.close()
            if isinstance(problem, OSError | DatabaseError):
                raise Refused(
                    f"cannot open the SQLite database {self._path}: {problem}",
                    hint=HINT
                    if is_full(problem)
                    else "check database.url and the permissions of that folder",
                ) from problem
            raise

    async def _prepare(self) -> None:
        # The first write makes the log, which a reader needs.
        await self.execute(Query("SELECT 1"))
        self._reader = await _open_reader(self._path, self._timeout)
        self._browser = await _open_reader(self._path, self._timeout)
        await bring_up_to_date(self, migrate=self._migrate)
        host = self._host or Host.this()
        await self.transact(claim_host(host))
        self._heartbeat = asyncio.create_task(self._beat(host))

    async def close(self) -> None:
        if self._heartbeat is not None:
            self._heartbeat.cancel()
            with suppress(asyncio.CancelledError):
                await self._heartbeat
            self._heartbeat = None
        readers = (self._reader, self._browser)
        self._reader = self._browser = None
        for reader in readers:
            if reader is not None:
                await reader.close()
        if self._writer is not None:
            writer, self._writer = self._writer, None
            await writer.close()

    async def transact(self, work: Work[T], *, patience: float | None = None, in_step: bool = False) -> T:
        writer = self._writable()
        order = writer.submit(work, in_step=in_step)
        expiry = asyncio.get_running_loop().call_later(patience or self._timeout, _expire, writer, order)
        try:
            result: T = await order.future
        finally:
            expiry.cancel()
            if order.future.cancelled():
                writer.withdraw(order)
        return result

    async def execute(self, query: Query) -> list[Row]:
        def script() -> Script[list[Row]]:
            return (yield query)

        return await self.transact(script)

    async def read(self, query: Query) -> list[Row]:
        return await self._within_the_timeout(self._fetched(self._reader, query))

    async def browse(self, query: Query) -> list[Row]:
        return await self._within_the_timeout(self._browsed(query))

    async def _browsed(self, query: Query) -> list[Row]:
        # One at a time, so that it is this one that is interrupted.
        async with self._browsing:
            try:
                return await self._fetched(self._browser, query)
            except asyncio.CancelledError:
                # It would go on to its end, and all that come behind it wait for that.
                if self._browser is not None:
                    await self._browser.interrupt()
                raise

    async def _fetched(self, reader: aiosqlite.Connection | None, query: Query) -> list[Row]:
        if reader is None:
            raise DatabaseError("the database is not open")
        # Made by as_row; aiosqlite names the row class of the standard library.
        return cast(list[Row], await reader.execute_fetchall(*as_sqlite(query, self._clock)))

    async def _within_the_timeout(self, rows: Awaitable[list[Row]]) -> list[Row]:
        try:
            async with asyncio.timeout(self._timeout):
                return await rows
        except sqlite3.Error as problem:
            raise DatabaseError(f"SQLite: {problem}") from problem
        except TimeoutError as problem:
            raise DatabaseError(f"SQLite did not answer within {self._timeout:g} s") from problem

    def _writable(self) -> Writer:
        if self._writer is None:
            raise DatabaseError("the database is not open")
        if self._lost_to is not None:
            raise DatabaseError(self._lost_to)
        return self._writer

    async def _beat(self, host: Host) -> None:
        """Keep other hosts out; once one is in all the same, write nothing more."""
        while True:
            await asyncio.sleep(HEARTBEAT / 1_000_000)
            try:
                await self.transact(claim_host(host))
            except Refused as refused:
                log.critical("database.lost_to_another_host", reason=refused.message)
                self._lost_to = refused.message
            except DatabaseError as problem:
                log.warning("database.heartbeat_failed", reason=str(problem))


def _make_file(path: Path) -> None:
    path.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    # SQLite syncs the folder of its log, which is this one; its log gets the mode of the database.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, _FILE_MODE))
    _sync_folder(path.parent.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


async def _open_reader(path: Path, busy_timeout: float) -> aiosqlite.Connection:
    reader = await aiosqlite.connect(path, timeout=busy_timeout, isolation_level=None)
    reader.row_factory = as_row  # type: ignore[assignment]  # any factory will do
    await reader.execute_fetchall("PRAGMA query_only = ON")
    await reader.execute_fetchall("PRAGMA temp_store = MEMORY")
    return reader


def _expire(writer: Writer, order: Order) -> None:
    if order.future.done():
        return
    if writer.withdraw(order):
        order.future.set_exception(DatabaseError("SQLite: no turn to write within the time allowed"))
    else:
        order.future.set_exception(OutcomeUnknown("SQLite: the commit did not end within the time allowed"))
