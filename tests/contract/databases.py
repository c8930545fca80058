"""The two databases, for the tests that both must pass.

`store` names one that is empty; `database` is open on it; `another` opens a second one on the same store.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
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


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "sqlite":
        return Store("sqlite", str(tmp_path / "rows" / "tusd.db"))
    return Store("postgres", request.getfixturevalue("postgres_dsn"))


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


__all__ = ["Another", "PostgresServer", "Store", "another", "database", "store"]
