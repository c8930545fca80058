"""The real program, asked by code that has no event loop of its own; time passes at its word.

Belongs here: requests, cuts, restarts, dates, looking at rows and files. Not here: what must come of it
(model.py), and which request comes when (machine.py).
"""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.harness.rows import OWN_FOLDER, files_of
from tests.harness.server import DidNotHappen, Server
from tests.harness.wire import Answer, Connection, Interim

from .model import HALF_DAY
from .requests import Request

SETTINGS = {
    "uploads.max_size": "2MiB",
    # So that short bodies too are cut behind a checkpoint, and may be too long for the short cut.
    "uploads.checkpoint_bytes": "4KiB",
    "uploads.inline_limit": "64",
    # So that nobody waits long for what is due.
    "uploads.reap_interval": "0.01s",
    "storage.sweep_interval": "0.2s",
}
MAX_SIZE = 2 << 20
WITHIN = 20.0
"""Seconds until what runs in the background is done."""
HOUR = 3600

# What nothing holds back: rows that are due, and finals and others that wait to be finished. A final holds
# back partials that are complete; another one ends on its day, and the final with it.
_UNDONE = """
    SELECT (SELECT count(*) FROM jobs WHERE consumer = 'finish')
         + (SELECT count(*) FROM uploads u
            WHERE u.expires_at <= :now
              AND (u.state IN ('created', 'receiving')
                   OR NOT EXISTS (SELECT 1 FROM concat c WHERE c.partial_id = u.id)))
"""
_TO_PURGE = "SELECT count(*) FROM jobs"
_REFS = """
    SELECT ref FROM versions
    UNION SELECT ref FROM uploads WHERE state IN ('receiving', 'completing') AND "offset" > 0
    UNION SELECT ref FROM uploads u WHERE kind = 'partial' AND (state = 'stored'
          OR EXISTS (SELECT 1 FROM concat c WHERE c.partial_id = u.id))
    UNION SELECT ref FROM parts
"""


@dataclass(slots=True, kw_only=True)
class Service:
    """One server, for many histories."""

    server: Server
    runner: asyncio.Runner
    _connection: sqlite3.Connection | None = None
    _logged: int = 0
    """How far the log was read."""

    def close(self) -> None:
        """The server stays as it is."""
        if self._connection is not None:
            self._connection.close()

    # Requests

    def ask(self, request: Request) -> Answer:
        """Raises NoAnswer."""
        return self.runner.run(self._ask(request))

    async def _ask(self, request: Request) -> Answer:
        async with await Connection.open(self.server.address) as connection:
            # A refusal may come, and the connection be closed, before everything was sent.
            with contextlib.suppress(ConnectionError):
                await connection.send(request.head(self.server.address, ("Connection", "close")))
                await connection.send(*request.sent(len(request.body or b"")), request.rest())
            return await connection.answer(request.method)

    def begin(self, request: Request, reach: int, name: str) -> tuple[Connection, Sequence[Interim]]:
        """Send `reach` bytes of a body that the server asked for; `name` is for `wait_for_end`.

        Also what the server said before it asked.
        """
        return self.runner.run(self._begin(request, reach, name))

    async def _begin(self, request: Request, reach: int, name: str) -> tuple[Connection, Sequence[Interim]]:
        connection = await Connection.open(self.server.address)
        waiting = (("Expect", "100-continue"), ("X-Request-ID", name))
        await connection.send(request.head(self.server.address, *waiting))
        interims = await connection.told_to_continue()
        await connection.send(*request.sent(reach))
        return connection, interims

    def end(self, connection: Connection, *, reset: bool) -> None:
        """Hang up, or be gone."""
        if reset:
            connection.cut()
        self.runner.run(connection.close())

    def answer(self, connection: Connection, method: str) -> Answer:
        """Raises NoAnswer."""
        return self.runner.run(connection.answer(method))

    def wait_for_end(self, name: str) -> None:
        """Until the request of that X-Request-ID is over, for the server as well."""
        said = f'"request_id": "{name}"'
        self._wait(lambda: any(said in line and '"request"' in line for line in self._log()), name)

    def _log(self) -> list[str]:
        with (self.server.folder / "log").open(errors="replace") as log:
            log.seek(self._logged)
            text = log.read()
        whole = text[: text.rfind("\n") + 1]
        self._logged += len(whole.encode())
        return whole.splitlines()

    # Restarts and time

    def restart(self, *, kill: bool) -> None:
        self.runner.run(self.server.kill9() if kill else self._terminate())
        self.start()

    async def _terminate(self) -> None:
        code, _ = await self.server.terminate()
        assert code == 0, f"exit code {code}"

    def start(self) -> None:
        """Harmless when it runs."""
        if not self.server.running:
            self.runner.run(self.server.start())

    def pass_half_a_day(self) -> None:
        """The dates of all rows come that much closer."""
        by = HALF_DAY * HOUR * 1_000_000
        self._rows.execute("UPDATE uploads SET expires_at = expires_at - ?", (by,))

    # What is there

    def settle(self) -> None:
        """Wait until nothing is due, and everything that is complete is stored."""
        self._wait(lambda: not self._count(_UNDONE), "what is due is done")

    def settle_files(self) -> None:
        """Wait until no bytes are without a row and no row without bytes."""
        self._wait(lambda: not self._count(_TO_PURGE), "what is to be purged is purged")
        self._wait(lambda: self._files() == self._refs(), "files are as rows say", self._difference)

    def _difference(self) -> str:
        files, refs = self._files(), self._refs()
        return f"files without a row: {sorted(files - refs)}, rows without a file: {sorted(refs - files)}"

    def _files(self) -> set[str]:
        return {str(path.relative_to(self.server.data)) for path in files_of(self.server)}

    def _refs(self) -> set[str]:
        return {ref for (ref,) in self._rows.execute(_REFS)}

    def _count(self, sql: str) -> int:
        count: int = self._rows.execute(sql, {"now": time.time_ns() // 1000}).fetchone()[0]
        return count

    @property
    def _rows(self) -> sqlite3.Connection:
        """Every statement is a transaction of its own."""
        if self._connection is None:
            path = self.server.data / OWN_FOLDER / "tusd.db"
            self._connection = sqlite3.connect(path, timeout=WITHIN, isolation_level=None)
        return self._connection

    def _wait(self, done: Callable[[], bool], what: str, why: Callable[[], str] = str) -> None:
        until = time.monotonic() + WITHIN
        while not done():
            if not self.server.running:
                # Nothing in a history ends it but what waits for it to be ready again.
                raise DidNotHappen(f"the server ended, exit {self.server.process.poll()}, before {what}")
            if time.monotonic() > until:
                raise DidNotHappen(f"not within {WITHIN} s: {what}; {why()}")
            time.sleep(0.005)
