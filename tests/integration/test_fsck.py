"""fsck of rows and bytes that are about to agree. (Those that do not: the crash suite and test_backup.py.)"""

from pathlib import Path

from tests.harness.checker import fsck
from tests.harness.content import Content
from tests.harness.rows import change
from tests.harness.server import Server
from tests.harness.tus import TusClient


async def test_bytes_that_a_job_is_about_to_remove_are_nothing_to_report(tmp_path: Path, seed: int) -> None:
    async with Server(folder=tmp_path) as server:
        client = TusClient(address=server.address)
        tracked = await client.create(Content(seed=seed, length=1000))
        await client.finish(tracked, 1000)
        upload_id = tracked.target.rpartition("/")[2]
    await change(server, "UPDATE uploads SET state = 'terminated'")
    await change(server, "DELETE FROM versions")
    await change(
        server,
        f"INSERT INTO jobs (consumer, subject, due_at, created_at) VALUES ('purge', '{upload_id}', 1, 1)",
    )
    assert await fsck(server) == []
    await change(server, "DELETE FROM jobs")
    assert [found["problem"] for found in await fsck(server)] == ["no-row"]
