"""The job runner outlives its jobs."""

import asyncio
from pathlib import Path

from tusd_py.metadata.database import Query
from tusd_py.metadata.jobs import JobRows, enqueue
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
