"""A row of Postgres that somebody holds, for transactions to wait at."""

from collections.abc import AsyncIterator
from typing import TypeAlias

import asyncpg
import pytest

from tusd_py.metadata.database import Query
from tusd_py.metadata.postgres import PostgresDatabase

Gate: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

END_COMMITS = Query(
    """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE query = 'COMMIT' AND wait_event_type = 'Lock' AND datname = current_database()
    """
)
"""Of those that wait at the gate; gives a row for each."""


@pytest.fixture
async def postgres(postgres_dsn: str) -> AsyncIterator[PostgresDatabase]:
    database = PostgresDatabase(postgres_dsn, pool_size=3, timeout=30, require_power=True, migrate=True)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def held_gate(postgres: PostgresDatabase, postgres_dsn: str) -> AsyncIterator[Gate]:
    """Somebody else holds the row of "gate", until the end of the test or `gate.close()`."""
    await postgres.execute(Query("CREATE TABLE gate (n BIGINT)"))
    await postgres.execute(Query("INSERT INTO gate VALUES (1)"))
    gate = await asyncpg.connect(postgres_dsn)
    await gate.execute("BEGIN")
    await gate.execute("SELECT n FROM gate FOR UPDATE")
    yield gate
    await gate.close()


async def have_commits_wait(postgres: PostgresDatabase) -> None:
    """Whoever has written a fact waits at the gate when it commits."""
    await postgres.execute(
        Query(
            """
            CREATE FUNCTION wait_at_gate() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN PERFORM n FROM gate FOR UPDATE; RETURN NULL; END $$
            """
        )
    )
    # A deferred trigger runs inside COMMIT.
    await postgres.execute(
        Query(
            """
            CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON facts DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION wait_at_gate()
            """
        )
    )
