"""The jobs table on both databases."""

import asyncio
from dataclasses import replace

from tusd_py.metadata.database import Database, Script
from tusd_py.metadata.jobs import Claim, JobRows, enqueue, finished
from tusd_py.metadata.workers import WorkerRows

from .databases import Another

MINUTE = 60_000_000


async def add(database: Database, *subjects: str, delay: int = 0) -> None:
    def script() -> Script[None]:
        for subject in subjects:
            yield enqueue("finish", subject, delay)

    await database.transact(script)


async def claim(
    database: Database, *, worker: str = "a1", limit: int = 10, lease: int = MINUTE
) -> list[Claim]:
    return await JobRows(database).claim("finish", worker, limit, lease)


async def test_a_job_is_claimed_once_and_goes_when_done(database: Database) -> None:
    await add(database, "u1")
    (job,) = await claim(database)
    assert (job.subject, job.worker, job.attempts, job.last_error) == ("u1", "a1", 1, None)
    assert await claim(database, worker="a2") == []
    assert await JobRows(database).done(job)
    assert await JobRows(database).backlog() == []


async def test_jobs_of_other_consumers_are_left_alone(database: Database) -> None:
    await add(database, "u1")
    assert await JobRows(database).claim("scan", "a1", 10, MINUTE) == []


async def test_a_job_is_not_claimed_before_it_is_due(database: Database) -> None:
    await add(database, "u1", delay=MINUTE)
    assert await claim(database) == []
    await add(database, "u1")
    assert len(await claim(database)) == 1


async def test_asking_again_for_later_does_not_postpone(database: Database) -> None:
    await add(database, "u1")
    await add(database, "u1", delay=MINUTE)
    assert len(await claim(database)) == 1


async def test_a_claim_that_ran_out_goes_to_the_next_and_the_first_can_end_nothing(
    database: Database,
) -> None:
    await add(database, "u1")
    (first,) = await claim(database, lease=-1)
    (second,) = await claim(database, worker="a2")
    assert second.attempts == 2
    jobs = JobRows(database)
    assert not await jobs.done(first)
    await jobs.retry(first, "too late", 0)
    assert await claim(database, worker="a3") == []
    assert await jobs.done(second)


async def test_a_renewed_claim_lasts_longer_and_replaces_the_one_before(database: Database) -> None:
    await add(database, "u1")
    jobs = JobRows(database)
    (first,) = await claim(database, lease=-1)
    renewed = await jobs.renew(first, MINUTE)
    assert renewed is not None
    assert await claim(database, worker="a2") == []
    assert not await jobs.done(first)
    assert await jobs.renew(first, MINUTE) is None
    assert await jobs.done(renewed)
    assert await jobs.renew(renewed, MINUTE) is None


async def test_a_buried_worker_loses_its_claims(database: Database) -> None:
    workers = WorkerRows(database)
    await workers.register("a1", "host", "boot", "", MINUTE)
    await add(database, "u1")
    assert len(await claim(database)) == 1
    assert await claim(database, worker="a2") == []
    await workers.bury("a1")
    assert [job.worker for job in await claim(database, worker="a2")] == ["a2"]


async def test_a_job_asked_for_while_it_is_done_is_done_again(database: Database) -> None:
    await add(database, "u1")
    (first,) = await claim(database)
    await add(database, "u1")
    assert not await JobRows(database).done(first)
    (second,) = await claim(database)
    assert second.attempts == 1
    assert await JobRows(database).done(second)


async def test_a_job_asked_for_again_that_fails_keeps_its_earlier_date(database: Database) -> None:
    await add(database, "u1")
    (first,) = await claim(database)
    await add(database, "u1")
    await JobRows(database).retry(first, "no", MINUTE)
    assert len(await claim(database)) == 1


async def test_a_failed_job_waits_and_remembers_why(database: Database) -> None:
    jobs = JobRows(database)
    await add(database, "u1")
    (job,) = await claim(database)
    await jobs.retry(job, "disk on fire", MINUTE)
    assert await claim(database) == []
    (backlog,) = await jobs.backlog()
    assert (backlog.consumer, backlog.total, backlog.claimed, backlog.failing, backlog.overdue) == (
        "finish",
        1,
        0,
        1,
        0,
    )
    await add(database, "u1")
    (again,) = await claim(database)
    assert again.last_error == "disk on fire"


async def test_a_job_is_done_together_with_its_effect_or_not_at_all(database: Database) -> None:
    await add(database, "u1")
    (job,) = await claim(database)

    def effect(one: Claim) -> Script[bool]:
        yield enqueue("scan", one.subject, 0)
        return (yield from finished(one))

    assert not await database.transact(lambda: effect(replace(job, worker="a2")))
    assert await database.transact(lambda: effect(job))
    assert [backlog.consumer for backlog in await JobRows(database).backlog()] == ["scan"]


async def test_many_claimants_share_the_jobs_and_none_twice(database: Database, another: Another) -> None:
    await add(database, *(f"u{n}" for n in range(60)))
    elsewhere = await another()
    claims = await asyncio.gather(
        *(claim(where, worker=f"a{n}", limit=5) for n, where in enumerate([database, elsewhere] * 6))
    )
    subjects = [job.subject for taken in claims for job in taken]
    assert all(len(taken) <= 5 for taken in claims)
    assert len(subjects) == len(set(subjects))
    rest = await claim(database, limit=100)
    assert len(subjects) + len(rest) == 60


async def test_the_oldest_are_claimed_first_up_to_the_limit(database: Database) -> None:
    await add(database, "late", delay=-1)
    await add(database, "early", delay=-MINUTE)
    assert [job.subject for job in await claim(database, limit=1)] == ["early"]
    (backlog,) = await JobRows(database).backlog()
    assert backlog.claimed == 1
    assert backlog.overdue >= MINUTE
