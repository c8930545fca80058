"""Bad days of an object store: the right object or an honest error, never a wrong one."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from storage_backends.s3 import S3Backend
from tests.contract.books import Booked
from tests.contract.storages import begin
from tests.harness.checker import download
from tests.harness.content import Content
from tests.harness.persist import everything_is_stored, persist, same_as_sent
from tests.harness.server import Server, until
from tests.harness.tus import RESUMABLE, Plan, TusClient
from tests.harness.wire import request
from tests.services.fault_proxy import Call, Fault, FaultProxy
from tests.services.seaweedfs import Bucket

MIB = 1 << 20

OF_ALL = [fault for fault in Fault if fault not in (Fault.SILENCE, Fault.ERROR_IN_200)]
"""Silence is told from slowness after s3_timeout only."""


@asynccontextmanager
async def troubled(
    folder: Path, bucket: Bucket, seed: int
) -> AsyncIterator[tuple[FaultProxy, Server, TusClient]]:
    proxy = FaultProxy(bucket.endpoint, seed)
    async with proxy.running() as endpoint:
        settings = replace(bucket, endpoint=endpoint).settings(s3_retry_within="1s", s3_timeout="5s")
        async with Server(folder=folder, settings=settings) as server:
            yield proxy, server, TusClient(address=server.address)


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
        await same_as_sent(server, client)
    assert proxy.met


@pytest.mark.parametrize(
    ("operation", "faults"),
    # Only completing answers 200 with an error.
    [("create", OF_ALL), ("part", OF_ALL), ("complete", [*OF_ALL, Fault.ERROR_IN_200])],
)
async def test_every_fault_is_outlived(
    tmp_path: Path, bucket: Bucket, seed: int, operation: str, faults: list[Fault]
) -> None:
    async with troubled(tmp_path, bucket, seed) as (proxy, server, _):
        for fault in faults:
            client = TusClient(address=server.address)
            proxy.planned = [(operation, fault)]
            await persist(client, random.Random(seed), Content(seed=seed, length=12 * MIB))
            await everything_is_stored(server, client)
            await same_as_sent(server, client)
            assert not proxy.planned, fault


async def test_a_store_that_is_away_is_said_honestly(tmp_path: Path, bucket: Bucket, seed: int) -> None:
    async with troubled(tmp_path, bucket, seed) as (proxy, server, client):
        tracked = await client.create(Content(seed=seed, length=30 * MIB))
        await client.patch(tracked, Plan.whole(0, 9 * MIB))
        proxy.away = Fault.SLOW_DOWN
        answer = await client.patch(tracked, Plan.whole(9 * MIB, 30 * MIB))
        assert answer.status == 503
        assert "retry-after" in answer.headers
        assert int(answer.headers["upload-offset"]) == 9 * MIB
        assert await client.offset(tracked) == 9 * MIB
        async with asyncio.timeout(10):
            # Its last answer holds for a second.
            while (await request(server.address, "GET", "/readyz")).status != 503:
                await asyncio.sleep(0.05)
        assert "Traceback" not in server.log
        proxy.away = None
        await client.finish(tracked, step=30 * MIB)
        await everything_is_stored(server, client)
        await same_as_sent(server, client)


async def test_parts_count_where_the_rest_cannot_be_kept(tmp_path: Path, bucket: Bucket, seed: int) -> None:
    """8 MiB are a part. What came behind it would be an object of its own, which the store does not take."""
    proxy = FaultProxy(bucket.endpoint, seed)
    async with proxy.running() as endpoint:
        settings = replace(bucket, endpoint=endpoint).settings(s3_retry_within="1s", s3_tail_after="500ms")
        patient = {**settings, "timeouts.network": "1s"}
        async with Server(folder=tmp_path, settings=patient) as server:
            client = TusClient(address=server.address)
            tracked = await client.create(Content(seed=seed, length=30 * MIB))
            proxy.rules.append(lambda call: Fault.SLOW_DOWN if call.operation == "put" else None)
            hanging = await client.patch_hanging(tracked, Plan(start=0, reach=9 * MIB, stop=30 * MIB))
            answer = await hanging.connection.answer("PATCH")
            await hanging.connection.close()
            assert (answer.status, answer.headers.get("upload-offset")) == (503, str(8 * MIB))
            assert await client.offset(tracked) == 8 * MIB
            assert not server.first_traceback


async def test_nothing_is_read_while_as_much_is_held_as_may_be_sent_again(bucket: Bucket, seed: int) -> None:
    """It is what a client sends again if the host dies: s3_max_buffered_parts parts."""
    part, begun, go_on = 5 * MIB, list[int](), asyncio.Event()

    async def held(call: Call) -> bool:
        if call.operation == "part":
            begun.append(call.part)
            await go_on.wait()
        return False

    proxy = FaultProxy(bucket.endpoint, seed)
    proxy.before = held
    async with proxy.running() as endpoint:
        options = replace(bucket, endpoint=endpoint).options(part_size=part, parts_of_one=2)
        backend = S3Backend(options)
        await backend.open()
        writer = await begin(Booked(backend), length=4 * part)

        async def write() -> None:
            for _ in range(4 * part // MIB):
                await writer.write(bytes(MIB))

        writing = asyncio.create_task(write())
        await until(lambda: len(begun) == 2, "two parts are on their way", 30)
        assert writer.offset == 2 * part
        assert not writing.done()
        go_on.set()
        await writing
        assert (await writer.checkpoint()).offset == 4 * part
        await writer.close(4 * part)
        await backend.close()
    assert sorted(begun) == [1, 2, 3, 4]


async def test_a_part_of_acknowledged_bytes_alone_keeps_its_place(
    tmp_path: Path, bucket: Bucket, seed: int
) -> None:
    """A tail that is longer than parts are now becomes a part by itself, with which the line does not move.

    Here because parts were made smaller; without that where a length is declared late, behind 8 GiB.
    """
    content = Content(seed=seed, length=60 * MIB)
    fourth = asyncio.Event()

    async def third_after_fourth(call: Call) -> bool:
        """So that the line is looked at when the second is there, which is the tail, and the third is not."""
        if call.operation == "part" and call.part == 3:
            await fourth.wait()
        if call.operation == "part" and call.part == 4:
            fourth.set()
        return False

    proxy = FaultProxy(bucket.endpoint, seed)
    async with proxy.running() as endpoint:
        there = replace(bucket, endpoint=endpoint)
        sizes = ("16MiB", "5MiB")
        large, small = (there.settings(s3_part_size=size, s3_min_part_size=size) for size in sizes)
        async with Server(folder=tmp_path, settings=large) as server:
            client = TusClient(address=server.address)
            tracked = await client.create(content)
            await client.patch(tracked, Plan.whole(0, 28 * MIB))
        proxy.before = third_after_fourth
        async with Server(folder=tmp_path, settings=small) as server:
            client = TusClient(address=server.address)
            await client.patch(tracked, Plan.whole(28 * MIB, 60 * MIB))
            await everything_is_stored(server, client)
            status, length, digest = await download(server.address, tracked.target)
    assert (status, length, digest) == (200, content.length, content.sha256())


async def test_an_object_that_cannot_be_put_together_now_is_put_together_later(
    tmp_path: Path, bucket: Bucket, seed: int
) -> None:
    async with troubled(tmp_path, bucket, seed) as (proxy, server, client):
        targets = []
        for number in range(3):
            content = Content(seed=seed + number, length=12 * MIB)
            partial = await client.create(content, ("Upload-Concat", "partial"))
            await client.finish(partial, step=12 * MIB)
            targets.append(partial.target)
        # Each piece for longer than it is tried.
        proxy.planned = [(operation, Fault.SLOW_DOWN) for operation in ("copy part", "part") * 50]
        concat = ("Upload-Concat", f"final;{' '.join(targets)}")
        made = await request(server.address, "POST", "/files/", [RESUMABLE, concat])
        assert made.status == 201
        await until(lambda: "job.postponed" in server.log, "its finish is put off", 60)
        assert not server.first_traceback
        proxy.planned = []
        target = "/files/" + made.headers["location"].rpartition("/")[2]
        sent = b"".join(Content(seed=seed + number, length=12 * MIB).read(0, 12 * MIB) for number in range(3))
        assert await download(server.address, target) == (200, len(sent), hashlib.sha256(sent).hexdigest())
