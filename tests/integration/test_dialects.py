"""Which protocols requests are said to have spoken, with the real program."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession

from tests.harness.direct import begin_direct
from tests.harness.ietf import IetfClient, place_of
from tests.harness.multipart import begin
from tests.harness.ports import free_port
from tests.harness.server import Server
from tests.harness.tus import BYTES, RESUMABLE
from tests.harness.wire import request
from tests.services.seaweedfs import Bucket

LENGTH = ("Upload-Length", "5")


@pytest.fixture
async def counted(tmp_path: Path) -> AsyncIterator[Server]:
    settings = {"metrics.expose_metrics": "true", "metrics.port": str(free_port())}
    async with Server(folder=tmp_path, settings=settings) as server:
        yield server


async def counts(server: Server) -> dict[str, int]:
    url = f"http://127.0.0.1:{server.settings['metrics.port']}/metrics"
    async with ClientSession() as session, session.get(url) as answer:
        text = await answer.text()
    found = re.findall(r'^tusdpy_requests_total\{dialect="(\w+)"\} (\d+)', text, re.MULTILINE)
    return {dialect: int(count) for dialect, count in found}


@asynccontextmanager
async def counting(server: Server, **wanted: int) -> AsyncIterator[None]:
    """What is asked inside counts so, and for nothing else."""
    before = await counts(server)
    yield
    after = await counts(server)
    assert {one: after[one] - before[one] for one in after} == {**dict.fromkeys(after, 0), **wanted}


async def test_each_request_counts_for_what_it_spoke(counted: Server) -> None:
    address, client = counted.address, IetfClient(address=counted.address)
    assert set(await counts(counted)) == {"tus", "ietf", "multipart", "direct", "api", "other"}
    async with counting(counted, tus=3):
        for _ in range(2):
            # The second is answered where small uploads are, without the rest of the program.
            made = await request(address, "POST", "/files/", [RESUMABLE, BYTES, LENGTH], b"hello")
            assert made.status == 201
        assert (await request(address, "POST", "/files/", [LENGTH])).status == 412
    async with counting(counted, ietf=2):
        target = place_of(await client.create(b"hello", complete=True))
        # Only the upload says what this is.
        assert (await IetfClient(address=address, version=None).ask("HEAD", target)).status == 204
    async with counting(counted, other=4):
        asked = [("GET", target), ("OPTIONS", "/files/"), ("OPTIONS", "*"), ("GET", "/upload")]
        assert [(await request(address, *one)).status for one in asked] == [200, 200, 204, 404]
    async with counting(counted, multipart=3):
        multipart = await begin(address)
        await multipart.send(1, b"hello")
        assert (await request(address, "GET", "/upload/nothing")).status == 404
    async with counting(counted, api=1):
        assert (await request(address, "GET", "/api/v1/files")).status == 200
        assert (await request(address, "GET", "/healthz")).status == 200


async def test_parts_that_go_to_the_store_count_for_themselves(tmp_path: Path, bucket: Bucket) -> None:
    metrics = {"metrics.expose_metrics": "true", "metrics.port": str(free_port())}
    settings = bucket.settings(s3_direct="true") | metrics
    async with Server(folder=tmp_path, settings=settings) as server:
        async with counting(server, direct=5):
            direct = await begin_direct(server.address, file_size=5)
            await (await direct.urls([1]))[1].sent(b"hello")
            assert (await direct.show()).status == 200
            assert (await direct.complete()).status == 200
            assert (await direct.complete()).status == 200
        async with counting(server, multipart=2):
            await begin(server.address)
            assert (await request(server.address, "GET", f"/upload/{'0' * 32}")).status == 404
