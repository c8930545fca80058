"""fsck beside a server that serves: what moved while it looked is no disagreement."""

import asyncio
import json
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tests.harness.content import Content
from tests.harness.rows import change, fetch, files_of
from tests.harness.server import Server
from tests.harness.tus import Hanging, Plan, TusClient
from tests.harness.wire import request
from tests.services.fault_proxy import Call, FaultProxy
from tests.services.seaweedfs import Bucket

MIB = 1 << 20
STEP = MIB // 4
OFTEN = {"uploads.checkpoint_interval": "100ms", "s3.s3_tail_after": "100ms"}


@dataclass(slots=True, kw_only=True)
class Slow:
    """A body that comes in steps."""

    content: Content
    hanging: Hanging
    at: int = 0

    async def go_on_until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """The loop looks at the clock when something comes."""
        while not await condition():
            assert self.at < self.content.length, "all was sent, and it did not happen"
            await self.send(min(self.at + STEP, self.content.length))
            await asyncio.sleep(0.05)

    async def send(self, stop: int) -> None:
        for piece in self.content.slices(self.at, stop):
            await self.hanging.connection.send(piece)
        self.at = stop


async def tails_of(server: Server) -> set[str]:
    return {row["ref"] for row in await fetch(server, "SELECT ref FROM parts WHERE state = 'tail'")}


async def said_by_fsck(server: Server) -> list[str]:
    ended = await asyncio.to_thread(
        subprocess.run,
        server.command("fsck", "--repair", "--json"),
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert not ended.stderr
    return [json.loads(line)["problem"] for line in ended.stdout.splitlines()]


async def test_a_file_whose_bytes_are_not_there_is_told_to_be_gone_once_fsck_repaired_it(
    tmp_path: Path, seed: int
) -> None:
    server = Server(folder=tmp_path, settings={"quota.bytes": "1MiB"})
    async with server:
        client = TusClient(address=server.address)
        tracked = await client.create(Content(seed=seed, length=1000))
        await client.finish(tracked, step=1000)
        [path] = files_of(server)
        # A day later.
        await change(server, "DELETE FROM uploads")
        path.unlink()
        assert (await request(server.address, "GET", tracked.target)).status == 503
        assert await said_by_fsck(server) == ["file-missing"]
        assert (await request(server.address, "GET", tracked.target)).status == 410
        assert await said_by_fsck(server) == []
        [event] = await fetch(server, "SELECT * FROM events WHERE kind = 'upload.lost'")
        assert event["actor"] == "fsck"


async def test_fsck_lets_an_upload_be_whose_tails_became_a_part_meanwhile(
    tmp_path: Path, bucket: Bucket, seed: int
) -> None:
    proxy = FaultProxy(bucket.endpoint, seed)
    server = Server(folder=tmp_path, settings={**bucket.settings(), **OFTEN})
    async with proxy.running() as endpoint, server:
        client = TusClient(address=server.address)
        tracked = await client.create(Content(seed=seed, length=24 * MIB))
        hanging = await client.patch_hanging(tracked, Plan(start=0, stop=24 * MIB, reach=0))
        slow = Slow(content=tracked.content, hanging=hanging)
        looked_for: set[str] = set()

        async def has_tails() -> bool:
            looked_for.update(await tails_of(server))
            return bool(looked_for)

        async def has_others() -> bool:
            return looked_for.isdisjoint(await tails_of(server))

        async def before_it_looks(call: Call) -> bool:
            if call.operation == "head" and any(call.key.endswith(ref) for ref in looked_for):
                await slow.go_on_until(has_others)
            return False

        await slow.go_on_until(has_tails)
        proxy.before = before_it_looks
        through = replace(bucket, endpoint=endpoint).settings()
        assert await said_by_fsck(replace(server, settings={**server.settings, **through})) == []
        assert await has_others()
        await slow.send(tracked.content.length)
        assert (await hanging.answer()).status == 204
        await hanging.connection.close()
