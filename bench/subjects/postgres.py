"""A PostgreSQL server of the benchmark's own, with its data on a disk and its syncs on.

Belongs here: starting the one that the tests start, too. Not here: what is stored in it.
"""

import secrets
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.services.postgres import PostgresMissing, PostgresServer, find_programs


def postgres_missing() -> str:
    """Why there is none; empty when there is."""
    try:
        find_programs()
    except PostgresMissing as missing:
        return str(missing)
    return ""


class Postgres:
    """Started when it is first asked for a database; ends with `lasting`."""

    def __init__(self, lasting: ExitStack, disk: Path) -> None:
        self._lasting = lasting
        self._disk = disk
        self._server: PostgresServer | None = None

    @property
    def pid(self) -> int:
        """Of the process above all of its processes."""
        return self._running().pid

    def fresh(self) -> str:
        """The URL of an empty database."""
        return self._running().create(f"bench_{secrets.token_hex(4)}")

    def _running(self) -> PostgresServer:
        if self._server is None:
            folder = tempfile.TemporaryDirectory(prefix="tusd-py-bench-postgres-", dir=self._disk)
            parent = Path(self._lasting.enter_context(folder))
            # It runs as another user, who must get in.
            parent.chmod(0o755)
            self._server = self._lasting.enter_context(PostgresServer(parent / "server"))
            # Nobody needs its data afterwards, so it need not write them.
            self._lasting.callback(self._server.stop_immediately)
        return self._server
