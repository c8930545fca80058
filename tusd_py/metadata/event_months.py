"""Events by months, on Postgres: a partition for each, made before it begins, and dropped whole.

Dropping a month is one short commit, however many events it has. A month that could not be made in time
refuses nothing: its events are in the default partition, and are deleted one by one.

Belongs here: the partitions. Not here: what is old (event_retention.py), when it is done (assemble/).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from .database import Database, Query, Script

AHEAD = 3
"""Months that are there before they begin: a process that has run for so long without once getting the lock
has other troubles."""

_NAME = re.compile(r"events_([0-9]{4})_([0-9]{2})", re.ASCII)
_NOW = "SELECT {now} AS now"
_PARTITIONS = """
    SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = CAST('events' AS regclass)
"""
# Changing partitions stops every commit that writes an event, and waits for those that are under way.
_IMPATIENT = "SET LOCAL lock_timeout = '2s'"
# The number is arbitrary and ours alone in this database.
_LOCK = "SELECT pg_advisory_xact_lock(7310579464)"
_IS_TAKEN = """
    SELECT 1 AS found FROM events_default
    WHERE created_at >= CAST(:first AS BIGINT) AND created_at < CAST(:before AS BIGINT) LIMIT 1
"""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Month:
    """A month, by UTC."""

    year: int
    number: int
    """1 to 12."""

    @classmethod
    def at(cls, microseconds: int) -> "Month":
        """The one in which a time since the epoch is."""
        moment = datetime.fromtimestamp(microseconds // 1_000_000, UTC)
        return cls(year=moment.year, number=moment.month)

    @classmethod
    def of_partition(cls, name: str) -> "Month | None":
        """None for what is no month's, as the default partition."""
        found = _NAME.fullmatch(name)
        return cls(year=int(found[1]), number=int(found[2])) if found else None

    @property
    def partition(self) -> str:
        """Its name; nothing in it needs quoting."""
        return f"events_{self.year:04}_{self.number:02}"

    @property
    def next(self) -> "Month":
        """The one after it."""
        return Month(year=self.year + self.number // 12, number=self.number % 12 + 1)

    @property
    def first(self) -> int:
        """Its beginning, in microseconds since the epoch."""
        return int(datetime(self.year, self.number, 1, tzinfo=UTC).timestamp()) * 1_000_000


class EventMonths:
    """The partitions of one database; on SQLite there are none, and nothing is done."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prepare(self) -> int:
        """Make the partitions of this month and the next ones; how many were made.

        Raises DatabaseError, also where somebody reads the log for so long that nothing can be changed.
        """
        if self._database.name != "postgres":
            return 0
        there = await self.there()
        (row,) = await self._database.read(Query(_NOW))
        missing = [month for month in _months(Month.at(row["now"])) if month not in there]
        return sum([await self._database.transact(partial(_make, month)) for month in missing])

    async def there(self) -> list[Month]:
        """Which there are, in order."""
        if self._database.name != "postgres":
            return []
        rows = await self._database.read(Query(_PARTITIONS))
        return sorted(month for row in rows if (month := Month.of_partition(row["name"])) is not None)

    async def drop(self, before: int, passed: tuple[int, int] | None) -> int:
        """Drop the months that ended before a time (microseconds); how many.

        `passed` is the last (transaction, number) that every relay is done with; a month with later ones
        stays. None where there is no relay. Raises DatabaseError.
        """
        over = [month for month in await self.there() if month.next.first <= before]
        return sum([await self._database.transact(partial(_drop, month, passed)) for month in over])


def _months(month: Month) -> Iterator[Month]:
    for _ in range(AHEAD + 1):
        yield month
        month = month.next


def _make(month: Month) -> Script[int]:
    yield Query(_IMPATIENT)
    yield Query(_LOCK)
    # Events of a month that was missing cannot move to it; they stay where they are until they are old.
    if (yield Query(_IS_TAKEN, {"first": month.first, "before": month.next.first})):
        return 0
    yield Query(
        f"CREATE TABLE IF NOT EXISTS {month.partition} PARTITION OF events "
        f"FOR VALUES FROM ({month.first}) TO ({month.next.first})"
    )
    return 1


def _drop(month: Month, passed: tuple[int, int] | None) -> Script[int]:
    yield Query(_IMPATIENT)
    yield Query(_LOCK)
    if not (yield Query(_PARTITIONS + f" AND c.relname = '{month.partition}'")):
        return 0  # another worker was quicker
    if passed is not None:
        later = Query(
            f"SELECT 1 AS found FROM {month.partition} "
            "WHERE (tx, id) > (CAST(CAST(:tx AS TEXT) AS xid8), CAST(:id AS BIGINT)) LIMIT 1",
            {"tx": str(passed[0]), "id": passed[1]},
        )
        if (yield later):
            return 0
    yield Query(f"DROP TABLE {month.partition}")
    return 1
