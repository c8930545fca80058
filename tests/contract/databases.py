"""The two databases, for the tests that both must pass.

`store` names one without rows; `database` is open on it; `another` opens a second one on the same store.
`empty_store` has no tables either.
"""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.services.postgres import PostgresServer
from tusd_py.metadata.database import Database

from .database_process import connect

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Store:
    """Where a database is."""

    kind: str
    where: str

    def connect(self) -> Database:
        return connect(self.kind, self.where)

    async def process(self, verb: str) -> asyncio.subprocess.Process:
        """Another process on the same store."""
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.contract.database_process", self.kind, self.where, verb),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )


Another = Callable[[], Awaitable[Database]]


KINDS = ["sqlite", "postgres"]


@pytest.fixture(params=KINDS)
def empty_store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """For tests of how the schema is made."""
    if request.param == "sqlite":
        return Store("sqlite", str(tmp_path / "rows" / "tusd.db"))
    return Store("postgres", request.getfixturevalue("empty_postgres_dsn"))


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "postgres":
        return Store("postgres", request.getfixturevalue("postgres_dsn"))
    path = tmp_path / "rows" / "tusd.db"
    path.parent.mkdir()
    shutil.copyfile(request.getfixturevalue("migrated_sqlite"), path)
    return Store("sqlite", str(path))


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the schema and no rows: each migration is synced, and copying it is not."""
    path = tmp_path_factory.mktemp("migrated") / "tusd.db"

    async def migrate() -> None:
        made = connect("sqlite", str(path))
        await made.open()
        await made.close()

    # In a thread, as fixtures of tests with an event loop ask for it too.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, migrate()).result()
    return path


@pytest.fixture
async def another(store: Store) -> AsyncIterator[Another]:
    opened: list[Database] = []

    async def open_another() -> Database:
        database = store.connect()
        opened.append(database)
        await database.open()
        return database

    yield open_another
    for database in opened:
        await database.close()


@pytest.fixture
async def database(another: Another) -> Database:
    return await another()


__all__ = [
    "Another",
    "PostgresServer",
    "Store",
    "another",
    "database",
    "empty_store",
    "migrated_sqlite",
    "store",
]
