"""Bad days of an object store: the right object or an honest error, never a wrong one."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.harness.content import Content
from tests.harness.server import Server
from tests.harness.tus import Plan, Refused, TusClient
from tests.harness.wire import NoAnswer, request
from tests.services.fault_proxy import Fault, FaultProxy
from tests.services.seaweedfs import Bucket

MIB = 1 << 20

ONE_BY_ONE = [
    (operation, fault)
    for operation in ("create", "part", "complete")
    for fault in Fault
    # Only completing answers so.
    if fault is not Fault.ERROR_IN_200 or operation == "complete"
]


@asynccontextmanager
async def troubled(
    folder: Path, bucket: Bucket, seed: int
) -> AsyncIterator[tuple[FaultProxy, Server, TusClient]]:
    proxy = FaultProxy(bucket.endpoint, seed)
    async with proxy.running() as endpoint:
        settings = replace(bucket, endpoint=endpoint).settings(s3_retry_within="1s", s3_timeout="5s")
        async with Server(folder=folder, settings=settings) as server:
            yield proxy, server, TusClient(address=server.address)


async def holds(server: Server, client: TusClient) -> None:
    """Everything that was promised, of every upload that this client made."""
    assert client.ledger.violations == []
    for tracked in client.ledger.uploads.values():
        answer = await request(server.address, "GET", tracked.target)
        assert answer.status == 200, (tracked.target, answer.status)
        assert len(answer.body) == tracked.content.length
        assert tracked.content.matches(0, answer.body)


async def persist(client: TusClient, dice: random.Random, content: Content) -> None:
    """Upload it in requests of random size, some cut; every refusal that may pass is tried again."""
    tracked = None
    while tracked is None:
        with suppress(Refused, NoAnswer):
            tracked = await client.create(content)
    while not tracked.finished:
        with suppress(Refused, NoAnswer):
            start = await client.offset(tracked)
            stop = min(content.length, start + dice.choice([1, 300_000, 3 * MIB, 9 * MIB, 30 * MIB]))
            if start == stop:
                return
            if dice.random() < 0.2:
                await client.patch_cut(
                    tracked, Plan(start=start, stop=stop, reach=dice.randint(start, stop - 1))
                )
            else:
                await client.patch(tracked, Plan.whole(start, stop))


async def test_a_store_that_fails_every_third_time_makes_no_wrong_object(
    tmp_path: Path, bucket: Bucket, seed: int
) -> None:
    dice = random.Random(seed)
    async with troubled(tmp_path, bucket, seed) as (proxy, server, client):
        proxy.share = 0.3
        for number in range(8):
            length = dice.choice([70_000, 2 * MIB, 9 * MIB, 17 * MIB])
            await persist(client, dice, Content(seed=seed + number, length=length))
        proxy.share = 0.0
        for tracked in client.ledger.uploads.values():
            await client.finish(tracked, step=8 * MIB)
        await everything_is_stored(server, client)
        await holds(server, client)
    assert proxy.met


async def everything_is_stored(server: Server, client: TusClient) -> None:
    """The finish jobs are done."""
    async with asyncio.timeout(60):
        for tracked in client.ledger.uploads.values():
            while (await request(server.address, "GET", tracked.target)).status != 200:
                await asyncio.sleep(0.2)


@pytest.mark.parametrize(("operation", "fault"), ONE_BY_ONE)
async def test_one_fault_is_outlived(
    tmp_path: Path, bucket: Bucket, seed: int, operation: str, fault: Fault
) -> None:
    async with troubled(tmp_path, bucket, seed) as (proxy, server, client):
        proxy.planned = [(operation, fault)]
        await persist(client, random.Random(seed), Content(seed=seed, length=12 * MIB))
        await everything_is_stored(server, client)
        await holds(server, client)
        assert not proxy.planned


async def test_a_store_that_is_away_is_said_honestly(tmp_path: Path, bucket: Bucket, seed: int) -> None:
    async with troubled(tmp_path, bucket, seed) as (proxy, server, client):
        tracked = await client.create(Content(seed=seed, length=30 * MIB))
        await client.patch(tracked, Plan.whole(0, 9 * MIB))
        proxy.is_away = True
        answer = await client.patch(tracked, Plan.whole(9 * MIB, 30 * MIB))
        assert answer.status == 503
        assert "retry-after" in answer.headers
        assert int(answer.headers["upload-offset"]) == 9 * MIB
        assert await client.offset(tracked) == 9 * MIB
        ready = await request(server.address, "GET", "/readyz")
        assert ready.status == 503
        proxy.is_away = False
        await client.finish(tracked, step=30 * MIB)
        await everything_is_stored(server, client)
        await holds(server, client)
