"""The job runner outlives its jobs."""

import asyncio
from pathlib import Path

import pytest

from storage_backends.base import StorageAway
from tusd_py.metadata.database import DatabaseError, Query
from tusd_py.metadata.jobs import Claim, JobRows, enqueue
from tusd_py.work import runner as runner_module
from tusd_py.work.runner import JobRunner

from .house import working


async def test_no_failure_of_a_job_ends_the_runner(tmp_path: Path) -> None:
    done = asyncio.Event()

    async def fail(_subject: str) -> None:
        raise RuntimeError("no database takes this: \udcff\0")

    async def succeed(_subject: str) -> None:
        done.set()

    async with working(tmp_path) as worker:
        rows = JobRows(worker.database)
        runner = JobRunner(rows, {"bad": fail, "good": succeed}, worker=worker.id, look_every=0.01)
        await worker.database.execute(enqueue("bad", "1", 0))
        running = asyncio.create_task(runner.run())
        async with asyncio.timeout(10):
            while (await worker.database.read(Query("SELECT last_error FROM jobs")))[0]["last_error"] is None:
                await asyncio.sleep(0.01)
            await worker.database.execute(enqueue("good", "2", 0))
            runner.kick()
            await done.wait()
        running.cancel()
        await asyncio.wait([running])
        assert running.cancelled()


async def test_the_claim_of_a_long_job_is_renewed_until_it_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "RENEW_EVERY", 0.01)
    claims = list[int]()

    async with working(tmp_path) as worker:

        async def work(_subject: str) -> None:
            async with asyncio.timeout(20):
                while len(set(claims)) < 3:
                    (row,) = await worker.database.read(Query("SELECT claimed_until FROM jobs"))
                    claims.append(row["claimed_until"])

        runner = JobRunner(JobRows(worker.database), {"finish": work}, worker=worker.id, look_every=60.0)
        await worker.database.execute(enqueue("finish", "1", 0))
        assert await runner.run_due() == 1
        assert await worker.database.read(Query("SELECT subject FROM jobs")) == []
    assert claims == sorted(claims)


async def test_a_job_that_hangs_is_left_to_others_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "RENEW_EVERY", 0.0)
    monkeypatch.setattr(runner_module, "RENEW_FOR", 0.0)
    monkeypatch.setattr(runner_module, "LEASE", 0)
    took = list[int]()

    async with working(tmp_path) as worker:
        rows = JobRows(worker.database)

        async def work(_subject: str) -> None:
            await asyncio.sleep(0)
            took.append(len(await rows.claim("finish", "b1", 10, 60_000_000)))

        runner = JobRunner(rows, {"finish": work}, worker=worker.id, look_every=60.0)
        await worker.database.execute(enqueue("finish", "1", 0))
        assert await runner.run_due() == 1
        (row,) = await worker.database.read(Query("SELECT claimed_by FROM jobs"))
        assert (took, row["claimed_by"]) == ([1], "b1")


async def test_what_others_did_behind_a_long_job_is_not_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "RENEW_EVERY", 0.0)
    done = list[str]()

    async with working(tmp_path) as worker:

        async def work(subject: str) -> None:
            done.append(subject)
            # The other one of its batch.
            await worker.database.execute(Query("DELETE FROM jobs WHERE subject <> :id", {"id": subject}))

        runner = JobRunner(JobRows(worker.database), {"finish": work}, worker=worker.id, look_every=60.0)
        for subject in ("1", "2"):
            await worker.database.execute(enqueue("finish", subject, 0))
        assert await runner.run_due() == 2
    assert len(done) == 1


class Forgetful(JobRows):
    """Fails to say of one job that it is done."""

    async def done(self, claim: Claim) -> bool:
        if claim.subject == "1":
            raise DatabaseError("the database is away")
        return await super().done(claim)


async def test_what_was_claimed_together_does_not_wait_for_what_could_not_be_ended(tmp_path: Path) -> None:
    done = list[str]()

    async def work(subject: str) -> None:
        done.append(subject)

    async with working(tmp_path) as worker:
        runner = JobRunner(Forgetful(worker.database), {"finish": work}, worker=worker.id, look_every=60.0)
        for subject in ("1", "2", "3"):
            await worker.database.execute(enqueue("finish", subject, 0))
        assert await runner.run_due() == 3
        assert await worker.database.read(Query("SELECT subject FROM jobs")) == [{"subject": "1"}]
    assert sorted(done) == ["1", "2", "3"]


async def test_a_job_whose_storage_is_away_waits_without_a_traceback(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    away = StorageAway("the bucket is away")

    async def fail(_subject: str) -> None:
        raise away

    async with working(tmp_path) as worker:
        runner = JobRunner(JobRows(worker.database), {"finish": fail}, worker=worker.id, look_every=60.0)
        await worker.database.execute(enqueue("finish", "1", 0))
        assert await runner.run_due() == 1
        (row,) = await worker.database.read(Query("SELECT attempts, last_error FROM jobs"))
    assert (row["attempts"], str(away) in row["last_error"]) == (1, True)
    (told,) = (record for record in caplog.records if "job." in str(record.msg))
    assert str(away) in str(told.msg)
    assert told.exc_info is None
