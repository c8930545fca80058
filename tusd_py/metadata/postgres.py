"""The database of several hosts: Postgres, the primary only.

Scripts of several callers share a transaction only where they read nothing (postgres_in_step.py): others
would hold each other up by the rows that they lock, and savepoints over the network cost more than they save.

Belongs here: what the seam promises, on top of connections (postgres_pool.py). Not here: asyncpg.
"""

import asyncio
import random
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tusd_py.errors import Refused

from .database import DatabaseError, LostRace, Query, Row, T, Work
from .migrations import bring_up_to_date
from .postgres_in_step import Lanes
from .statements import NOW, Statement, for_postgres

if TYPE_CHECKING:
    from .postgres_pool import Pool

RETRIES = 5
"""How often a transaction that lost a race (serialization failure, deadlock) is run again."""

_FIRST_PAUSE = 0.01


class PostgresDatabase:
    """A pool of connections to one database."""

    name = "postgres"

    def __init__(
        self,
        dsn: str,
        *,
        pool_size: int,
        timeout: float,
        require_power: bool,
        migrate: bool,
        clock: Callable[[], int] | None = None,
    ) -> None:
        """`timeout` (seconds) bounds every call; `clock` gives microseconds, None is the server's clock.

        With `require_power` a server that may forget commits in a power cut is refused.
        """
        self._dsn = dsn
        self._pool_size = pool_size
        self._timeout = timeout
        self._require_power = require_power
        self._migrate = migrate
        self._clock = clock
        self._pool: Pool | None = None
        self._lanes = Lanes(
            together=lambda scripts: self._opened().run_in_step(scripts, seconds=self._timeout),
            alone=self.transact,
        )

    async def open(self) -> None:
        """Raises Refused: asyncpg missing, no connection, a standby, too old, forgetful, another schema."""
        try:
            # asyncpg is an optional dependency, wanted only here.
            from .postgres_pool import FAILURES, Pool  # noqa: PLC0415
        except ImportError as problem:
            raise Refused(
                "database.url names Postgres, but asyncpg is not installed",
                hint="pip install 'tusd-py[postgres]'",
            ) from problem
        try:
            self._pool = Pool(
                self._dsn,
                size=self._pool_size,
                seconds=self._timeout,
                require_power=self._require_power,
                translate=self._as_postgres,
            )
            await self._pool.open()
            await bring_up_to_date(self, migrate=self._migrate)
        except BaseException as problem:
            await self.close()
            if isinstance(problem, (*FAILURES, DatabaseError, ValueError)) and not isinstance(
                problem, Refused
            ):
                raise _refusal(problem, self._dsn) from problem
            raise

    async def close(self) -> None:
        if self._pool is not None:
            pool, self._pool = self._pool, None
            await pool.close()

    async def transact(self, work: Work[T], *, patience: float | None = None, in_step: bool = False) -> T:
        if in_step and patience is None:
            return await self._lanes.transact(work)
        seconds = patience or self._timeout
        for pause in _pauses():
            try:
                return await self._opened().run(work(), seconds=seconds)
            except LostRace:
                await asyncio.sleep(pause)
        return await self._opened().run(work(), seconds=seconds)

    async def execute(self, query: Query) -> list[Row]:
        for pause in _pauses():
            try:
                return await self._opened().run_one(query, seconds=self._timeout)
            except LostRace:
                await asyncio.sleep(pause)
        return await self._opened().run_one(query, seconds=self._timeout)

    async def read(self, query: Query) -> list[Row]:
        return await self._opened().run_one(query, seconds=self._timeout)

    async def browse(self, query: Query) -> list[Row]:
        # Every connection of the pool is one of many.
        return await self.read(query)

    def _opened(self) -> "Pool":
        if self._pool is None:
            raise DatabaseError("the database is not open")
        return self._pool

    def _as_postgres(self, query: Query) -> tuple[Statement, list[Any]]:
        statement = for_postgres(query.sql, clock_is_given=self._clock is not None)
        return statement, [self._value(query, name) for name in statement.names]

    def _value(self, query: Query, name: str) -> Any:
        if name == NOW and self._clock is not None:
            return self._clock()
        return query.params[name]


def _pauses() -> Iterator[float]:
    """Seconds; random, so that those who met do not meet again."""
    for retry in range(RETRIES):
        yield random.uniform(0, _FIRST_PAUSE * 2**retry)  # noqa: S311 - spreads load, guards nothing


def _refusal(problem: BaseException, dsn: str) -> Refused:
    if type(problem) is ValueError:  # it quotes what it did not understand: perhaps a piece of the password
        return Refused(
            "cannot use the Postgres database: database.url cannot be taken apart",
            hint="write @ : / ? # [ ] and % in a password as %40 %3A %2F %3F %23 %5B %5D and %25",
        )
    return Refused(
        f"cannot use the Postgres database{_place(dsn)}: {str(problem) or type(problem).__name__}",
        hint="check database.url, and that the server runs and lets this user in",
    )


def _place(dsn: str) -> str:
    """Host and port, where it is sure that they are not a piece of a password."""
    try:
        user, at, place = urlsplit(dsn).netloc.rpartition("@")
    except ValueError:
        return ""
    is_sure = place and dsn.count("@") == len(at) and "@" not in user
    return f" at {place}" if is_sure else ""
