"""Short texts between workers of several hosts, by LISTEN and NOTIFY.

A worker listens on a channel of its own, on a connection of its own: a pooling proxy gives sessions away, and
with them what they listen to. Sending is a transaction of its own, of many texts together, as Postgres lets
only one transaction that notifies commit at a time. Texts may get lost; whoever needs to know looks at rows.

Imports asyncpg, so it is itself imported only when Postgres is configured.
Belongs here: the connection and the channel. Not here: what the texts mean (wakeups.py).
"""

import asyncio
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import asyncpg

from tusd_py.log import get_logger

from .database import Database, DatabaseError, Query
from .postgres_pool import FAILURES, Connection

log = get_logger("tusd_py.metadata")

ARRIVES_WITHIN = 2.0
"""Seconds in which a text sent to ourselves must arrive; else listening does not work here."""
LOOK_AFTER_CONNECTION = 10.0
"""Seconds between questions to the server, as a connection may die without a word."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds between attempts to connect again, doubled each time."""
MOST_BYTES = 7900
"""In one notification: Postgres takes less than 8,000."""
MOST_WAITING = 10_000
"""Texts waiting to be sent; the oldest are dropped, they are the stalest."""

_NOTIFY = "SELECT pg_notify(c, t) FROM unnest($1::text[], $2::text[]) AS sent (c, t)"
_NOTIFY_ONE = "SELECT pg_notify(:channel, :text)"
_LOOK = "SELECT pg_is_in_recovery() AS is_standby, pg_backend_pid() AS pid"
_PROBE = "probe "


class Deaf(Exception):
    """Listening does not work; the message says why."""


class PostgresNotices:
    """The channel of one worker, and the way to those of the others."""

    def __init__(self, database: Database, *, dsn: str, worker: str, seconds: float) -> None:
        """`dsn` must lead to the server itself and to the database that `database` is open on.

        `seconds` bounds every question to the server.
        """
        self._database = database
        self._dsn = dsn
        self._worker = worker
        self._seconds = seconds
        self._received: Callable[[str], None] = _ignore
        self._connection: Connection | None = None
        self._asking = asyncio.Lock()
        self._waiting: list[tuple[str, str]] = []
        self._wake = asyncio.Event()
        self._probe = ""
        self._probed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def listens(self) -> bool:
        """Whether what others send arrives, as far as we know."""
        return self._connection is not None and not self._connection.is_closed()

    def send(self, worker: str, line: str) -> None:
        """Try to tell another worker. Never fails; whether it arrives is not known."""
        self._waiting.append((_channel(worker), line))
        del self._waiting[:-MOST_WAITING]
        self._wake.set()

    async def open(self, received: Callable[[str], None], *, listen: bool) -> None:
        """Begin to send and, with `listen`, to call `received` for each line that comes. Raises Deaf."""
        self._received = received
        if listen:
            await self._listen()
            self._tasks.append(asyncio.create_task(self._keep_listening(), name="notices:listen"))
        self._tasks.append(asyncio.create_task(self._keep_sending(), name="notices:send"))

    async def close(self) -> None:
        """Send what waits, and let go."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        await self._send_waiting()
        await self._hang_up()

    # --- listening

    async def _listen(self) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                connection = await asyncpg.connect(
                    self._dsn,
                    timeout=self._seconds,
                    statement_cache_size=0,
                    server_settings={"application_name": "tusd-py notices"},
                )
        except (*FAILURES, ValueError) as problem:
            raise Deaf(f"there is no connection to listen on: {_said(problem)}") from problem
        try:
            async with asyncio.timeout(self._seconds + ARRIVES_WITHIN):
                await self._prove(connection)
        except (*FAILURES, DatabaseError) as problem:
            await _end(connection)
            raise Deaf(f"LISTEN failed: {_said(problem)}") from problem
        except BaseException:
            await _end(connection)
            raise
        # Only now: nobody may send on it, or rely on what it hears, before that.
        self._connection = connection

    async def _prove(self, connection: Connection) -> None:
        """Listen, and hear ourselves, by way of the connections that the rows go over. Raises Deaf."""
        found = await connection.fetchrow(_LOOK)
        if found is None or found["is_standby"]:
            raise Deaf("the server is a standby")
        if found["pid"] != connection.get_server_pid():
            raise Deaf("a pooling proxy is in between")
        self._probed.clear()
        self._probe = _PROBE + secrets.token_hex(8)
        channel = _channel(self._worker)
        await connection.add_listener(channel, self._notified)
        await self._database.execute(Query(_NOTIFY_ONE, {"channel": channel, "text": self._probe}))
        try:
            async with asyncio.timeout(ARRIVES_WITHIN):
                await self._probed.wait()
        except TimeoutError:
            raise Deaf("a notification did not arrive: is it the same database?") from None

    def _notified(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        for line in str(payload).split("\n"):
            if line.startswith(_PROBE):
                if line == self._probe:
                    self._probed.set()
            elif line:
                self._received(line)

    async def _keep_listening(self) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                if not self.listens:
                    await self._listen()
                    log.info("notices.listening")
                await self._watch()
            except Deaf as deaf:
                log.warning(
                    "notices.deaf", error=str(deaf), meaning="writers on other hosts look at their rows"
                )
                await asyncio.sleep(pause)
                pause = min(LONGEST_PAUSE, 2 * pause)
            else:
                pause = FIRST_PAUSE

    async def _watch(self) -> None:
        """Return when the connection is gone."""
        connection = self._connection
        if connection is None:
            return
        gone = asyncio.Event()
        connection.add_termination_listener(lambda _: gone.set())
        while not (gone.is_set() or connection.is_closed()):
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_AFTER_CONNECTION):
                    await gone.wait()
            if not gone.is_set():
                await self._still_answers(connection)
        await self._hang_up()

    async def _still_answers(self, connection: Connection) -> None:
        try:
            async with self._asking, asyncio.timeout(self._seconds):
                await connection.fetchval("SELECT 1")
        except FAILURES:
            connection.terminate()

    async def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await _end(connection)

    # --- sending

    async def _keep_sending(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._send_waiting()

    async def _send_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        packed = list(_packed(waiting))
        try:
            if not await self._sent_directly(packed):
                for channel, text in packed:
                    await self._database.execute(Query(_NOTIFY_ONE, {"channel": channel, "text": text}))
        except (*FAILURES, DatabaseError) as problem:
            # Whoever was to hear is overtaken by force, or looks at its rows: it costs time, nothing else.
            log.debug("notices.not_sent", count=len(waiting), error=_said(problem))

    async def _sent_directly(self, packed: Sequence[tuple[str, str]]) -> bool:
        connection = self._connection
        if connection is None or connection.is_closed():
            return False
        channels, texts = zip(*packed, strict=True)
        async with self._asking, asyncio.timeout(self._seconds):
            await connection.execute(_NOTIFY, list(channels), list(texts))
        return True


async def _end(connection: Connection) -> None:
    try:
        await connection.close(timeout=1.0)
    except FAILURES:
        connection.terminate()


def _channel(worker: str) -> str:
    return f"tusd_{worker}"


def _packed(waiting: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Lines for the same channel together, as far as a notification holds them."""
    by_channel: dict[str, list[str]] = {}
    for channel, line in waiting:
        by_channel.setdefault(channel, []).append(line)
    for channel, lines in by_channel.items():
        text = ""
        for line in lines:
            if text and len(text.encode()) + 1 + len(line.encode()) > MOST_BYTES:
                yield channel, text
                text = ""
            text = f"{text}\n{line}" if text else line
        yield channel, text


def _said(problem: BaseException) -> str:
    return str(problem) or type(problem).__name__


def _ignore(_line: str) -> None:
    return None
