"""What happened minute by minute, for plots: one row for each worker and minute in which there was something.

A worker adds what it counted with one statement a minute, by the database's clock, so that the minutes of all
workers are the same ones. What it counted since the last full minute is in the row of the minute in which it
was told: a plot may be off by one minute, its sum is not. A worker that is killed loses what it had not told.

Belongs here: the rows. Not here: counting (uploads/tally.py), when (work/).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .database import Database, Query
from .jobs import NEVER

MINUTE = 60_000_000
"""Microseconds."""

# A server that nobody uses writes nothing.
_ADD = """
    INSERT INTO minutes (at, worker, created, finished, received, jobs)
    SELECT {now} / 60000000 * 60000000, CAST(:worker AS TEXT), CAST(:created AS BIGINT),
           CAST(:finished AS BIGINT), CAST(:received AS BIGINT), waiting.jobs
    FROM (SELECT count(*) AS jobs FROM jobs WHERE due_at < CAST(:never AS BIGINT)) AS waiting
    WHERE CAST(:created AS BIGINT) + CAST(:finished AS BIGINT) + CAST(:received AS BIGINT) + waiting.jobs > 0
    ON CONFLICT (at, worker) DO UPDATE
    SET created = minutes.created + excluded.created, finished = minutes.finished + excluded.finished,
        received = minutes.received + excluded.received, jobs = excluded.jobs
"""
_SINCE = """
    SELECT at, sum(created) AS created, sum(finished) AS finished, sum(received) AS received,
           max(jobs) AS jobs
    FROM minutes
    WHERE at > {now} - CAST(:span AS BIGINT)
    GROUP BY at ORDER BY at
"""
_FORGET = "DELETE FROM minutes WHERE at <= {now} - CAST(:span AS BIGINT)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """What all workers did in one minute."""

    at: int
    """When it began, in microseconds since the epoch."""
    created: int
    finished: int
    received: int
    """Bytes."""
    jobs: int
    """Waiting or running, when it was counted."""


class MinuteRows:
    """The minutes of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, worker: str, *, created: int, finished: int, received: int) -> None:
        """Add to this minute. Jobs that were given up are not counted."""
        params = {"worker": worker, "created": created, "finished": finished, "received": received}
        await self._database.execute(Query(_ADD, {**params, "never": NEVER}))

    async def since(self, minutes: int) -> Sequence[Minute]:
        """Those of the last so many in which there was something, in order."""
        rows = await self._database.read(Query(_SINCE, {"span": minutes * MINUTE}))
        return [
            Minute(
                at=int(row["at"]),
                created=int(row["created"]),
                finished=int(row["finished"]),
                received=int(row["received"]),
                jobs=int(row["jobs"]),
            )
            for row in rows
        ]

    async def forget(self, span: int) -> None:
        """Drop what is older than `span` microseconds."""
        await self._database.execute(Query(_FORGET, {"span": span}))
