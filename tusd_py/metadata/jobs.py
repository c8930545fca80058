"""The jobs table: what is still to be done after a commit.

One row for each consumer and subject. At least once: a job is claimed for a while, and whoever claims it
next does it again. Its row goes only with the claim that did it, so a job that was asked for again
meanwhile stays.

Belongs here: the queue. Not here: what the jobs do (work/).
"""

from dataclasses import dataclass, replace

from .database import Database, Query, Row, Script
from .upload_row import FOREVER

# Asked for again while it is being done: it may have looked before the reason came, so it is to be done once
# more. Attempts that start again from 0 fit no claim.
_ENQUEUE = """
    INSERT INTO jobs (consumer, subject, due_at, created_at)
    VALUES (:consumer, :subject, {now} + CAST(:delay AS BIGINT), {now})
    ON CONFLICT (consumer, subject) DO UPDATE
    SET due_at = CASE WHEN jobs.claimed_until IS NOT NULL OR excluded.due_at < jobs.due_at
                      THEN excluded.due_at ELSE jobs.due_at END,
        attempts = 0
"""
_ENQUEUE_ONCE = """
    INSERT INTO jobs (consumer, subject, due_at, created_at)
    VALUES (:consumer, :subject, {now}, {now})
    ON CONFLICT (consumer, subject) DO NOTHING
"""
# MATERIALIZED: planned as a join, the inner query could run again and lock more rows than its limit.
_CLAIM = """
    WITH due AS MATERIALIZED (
        SELECT consumer, subject
        FROM jobs
        WHERE consumer = :consumer AND due_at <= {now}
          AND (claimed_until IS NULL OR claimed_until <= {now}
               OR EXISTS (SELECT 1 FROM workers w WHERE w.id = jobs.claimed_by AND w.buried <> 0))
        ORDER BY due_at, subject
        LIMIT CAST(:limit AS BIGINT)
        {skip_locked}
    )
    UPDATE jobs
    SET claimed_by = :worker, claimed_until = {now} + CAST(:lease AS BIGINT), attempts = jobs.attempts + 1
    FROM due
    WHERE jobs.consumer = due.consumer AND jobs.subject = due.subject
    RETURNING jobs.consumer, jobs.subject, jobs.claimed_by, jobs.claimed_until, jobs.attempts,
              jobs.last_error, jobs.created_at
"""
# The due date is for others: whoever asks for one job by name has what makes it cheap.
_CLAIM_ONE = """
    UPDATE jobs
    SET claimed_by = :worker, claimed_until = {now} + CAST(:lease AS BIGINT), attempts = attempts + 1
    WHERE consumer = :consumer AND subject = :subject
      AND (claimed_until IS NULL OR claimed_until <= {now})
    RETURNING consumer, subject, claimed_by, claimed_until, attempts, last_error, created_at
"""
_RENEW = """
    UPDATE jobs
    SET claimed_until = {now} + CAST(:lease AS BIGINT)
    WHERE consumer = :consumer AND subject = :subject
      AND claimed_by = :worker AND claimed_until = :claimed_until
    RETURNING claimed_until
"""
_DONE = """
    DELETE FROM jobs
    WHERE consumer = :consumer AND subject = :subject
      AND claimed_by = :worker AND claimed_until = :claimed_until AND attempts = :attempts
    RETURNING subject
"""
_LET_GO = """
    UPDATE jobs
    SET claimed_by = NULL, claimed_until = NULL
    WHERE consumer = :consumer AND subject = :subject
      AND claimed_by = :worker AND claimed_until = :claimed_until
"""
# Other attempts than the claim's: it was asked for again meanwhile, and has its date.
_RETRY = """
    UPDATE jobs
    SET claimed_by = NULL, claimed_until = NULL, last_error = :error,
        due_at = CASE WHEN attempts = :attempts THEN {now} + CAST(:delay AS BIGINT) ELSE due_at END
    WHERE consumer = :consumer AND subject = :subject
      AND claimed_by = :worker AND claimed_until = :claimed_until
    RETURNING subject
"""
_BACKLOG = """
    SELECT consumer,
           count(*) AS total,
           sum(CASE WHEN claimed_until > {now} THEN 1 ELSE 0 END) AS claimed,
           sum(CASE WHEN last_error IS NOT NULL THEN 1 ELSE 0 END) AS failing,
           max({now} - due_at) AS greatest_age
    FROM jobs
    GROUP BY consumer
"""


NEVER = FOREVER // 2
"""A job due later than this (microseconds since the epoch) was given up."""

SCAN = "scan"
"""The consumer that scans what was just stored."""
RESCAN = "rescan"
"""The same for what can wait: older files, and files that were scanned before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A job that a worker may do until `claimed_until`."""

    consumer: str
    subject: str
    worker: str
    claimed_until: int
    """Microseconds since the epoch, by the database's clock."""
    attempts: int
    """This one included; 1 is the first."""
    last_error: str | None
    created_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """How many jobs of a consumer there are."""

    consumer: str
    total: int
    claimed: int
    """Being done now."""
    failing: int
    """Failed at least once."""
    overdue: int
    """Microseconds since the job that waits longest was due; 0 when none is."""


def enqueue(consumer: str, subject: str, delay: int) -> Query:
    """Part of the transaction that gives the reason: a job, due `delay` microseconds from now.

    One that waits already is due at the earlier of both dates.
    """
    return Query(_ENQUEUE, {"consumer": consumer, "subject": subject, "delay": delay})


def enqueue_once(consumer: str, subject: str) -> Query:
    """A job that is due now; nothing where it waits, or is being done, already."""
    return Query(_ENQUEUE_ONCE, {"consumer": consumer, "subject": subject})


def finished(claim: Claim) -> Script[bool]:
    """Part of the transaction with the job's effect (`yield from`): the job is done.

    False when the claim was lost, or the job asked for again: somebody will do it once more.
    """
    params = _params(claim)
    rows = yield Query(_DONE, {**params, "attempts": claim.attempts})
    if not rows:
        yield Query(_LET_GO, params)
    return bool(rows)


def failed(claim: Claim, error: str, delay: int) -> Query:
    """As `JobRows.retry`, to be part of a transaction. No row when the claim was lost."""
    params = {**_params(claim), "attempts": claim.attempts, "error": error, "delay": delay}
    return Query(_RETRY, params)


class JobRows:
    """The queue, as the runners use it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, consumer: str, worker: str, limit: int, lease: int) -> list[Claim]:
        """Take up to `limit` jobs that are due, for `lease` microseconds each.

        Also those whose claim ran out, or whose worker is buried. They come in no order.
        """
        params = {"consumer": consumer, "worker": worker, "limit": limit, "lease": lease}
        return [_to_claim(row) for row in await self._database.execute(Query(_CLAIM, params))]

    async def claim_one(self, consumer: str, subject: str, worker: str, lease: int) -> list[Claim]:
        """The job of one subject, due or not; [] where there is none, or another worker has it."""
        params = {"consumer": consumer, "subject": subject, "worker": worker, "lease": lease}
        return [_to_claim(row) for row in await self._database.execute(Query(_CLAIM_ONE, params))]

    async def renew(self, claim: Claim, lease: int) -> Claim | None:
        """The same for another `lease` microseconds from now; None where it was lost, or the job is done."""
        rows = await self._database.execute(Query(_RENEW, {**_params(claim), "lease": lease}))
        return replace(claim, claimed_until=rows[0]["claimed_until"]) if rows else None

    async def done(self, claim: Claim) -> bool:
        """As `finished`, in a transaction of its own."""
        return await self._database.transact(lambda: finished(claim))

    async def retry(self, claim: Claim, error: str, delay: int) -> None:
        """It failed: try again in `delay` microseconds. Nothing when the claim was lost."""
        await self._database.execute(failed(claim, error, delay))

    async def backlog(self) -> list[Backlog]:
        """One for each consumer that has jobs."""
        return [_to_backlog(row) for row in await self._database.read(Query(_BACKLOG))]


def _params(claim: Claim) -> dict[str, str | int]:
    return {
        "consumer": claim.consumer,
        "subject": claim.subject,
        "worker": claim.worker,
        "claimed_until": claim.claimed_until,
    }


def _to_claim(row: Row) -> Claim:
    return Claim(
        consumer=row["consumer"],
        subject=row["subject"],
        worker=row["claimed_by"],
        claimed_until=row["claimed_until"],
        attempts=row["attempts"],
        last_error=row["last_error"],
        created_at=row["created_at"],
    )


def _to_backlog(row: Row) -> Backlog:
    return Backlog(
        consumer=row["consumer"],
        total=row["total"],
        claimed=int(row["claimed"]),
        failing=int(row["failing"]),
        overdue=max(0, row["greatest_age"]),
    )
