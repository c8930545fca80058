"""Uploads of the IETF draft in a bucket and on Postgres: ways to completion, around the size of a part."""

import asyncio
import itertools
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import sha256

import pytest

from tests.harness.content import Content
from tests.harness.ietf import IetfClient, place_of
from tests.harness.server import Server
from tests.harness.tus import Framing
from tests.services.postgres import PostgresServer
from tests.services.seaweedfs import Bucket

MIB = 1 << 20
PART = 5 * MIB
WHOLE = Content(seed=515, length=3 * PART).read(0, 3 * PART)


@pytest.fixture(scope="module", params=["bucket", "folder"])
def stored(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer
) -> Iterator[Server]:
    """The real program on a store, with its rows on Postgres."""
    settings = {"uploads.checkpoint_bytes": "1MiB"}
    if request.param == "bucket":
        bucket: Bucket = request.getfixturevalue("shared_bucket")
        own = replace(bucket, prefix=f"{secrets.token_hex(8)}/")
        settings |= own.settings(s3_part_size="5MiB")
    dsn = postgres_server.create(f"test_{secrets.token_hex(8)}")
    server = Server(folder=tmp_path_factory.mktemp("stored"), settings=settings, database_url=dsn)
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest.fixture
def client(stored: Server) -> IetfClient:
    return IetfClient(address=stored.address)


def ranges(sizes: Sequence[int]) -> list[tuple[int, int]]:
    """Where bodies of these sizes begin and end."""
    ends = list(itertools.accumulate(sizes))
    return list(zip([0, *ends], ends, strict=False))


async def sent(client: IetfClient, sizes: Sequence[int], *length: tuple[str, str], framing: Framing) -> str:
    """The path of an upload to which bodies of these sizes were appended, all with more to come."""
    target = place_of(await client.create(b"", *length, complete=False))
    for start, stop in ranges(sizes):
        appended = await client.append(target, start, WHOLE[start:stop], complete=False, framing=framing)
        assert (appended.status, appended.offset) == (204, stop), appended.body
    return target


async def is_all(client: IetfClient, target: str, size: int) -> None:
    """It is complete, and comes back as it was sent."""
    head = await client.ask("HEAD", target)
    assert (head.status, head.offset, head.headers["upload-complete"]) == (204, size, "?1")
    assert head.headers["upload-length"] == str(size)
    async with asyncio.timeout(30):
        # It is told to be complete before it is assembled, where that takes long.
        while (
            answer := await IetfClient(address=client.address, version=None).ask("GET", target)
        ).status == 409:
            await asyncio.sleep(0.05)
    assert answer.status == 200
    assert sha256(answer.body).digest() == sha256(WHOLE[:size]).digest()


SHAPES = [
    (PART,),
    (PART - 1, 1),
    (PART - 1, 2),
    (PART, 1),
    (PART, PART, PART),
    (PART + 1, PART - 1),
    (1, 1, 1),
    (100_000, 2 * PART),
    (2 * PART + 7, PART - 7),
    (MIB, MIB, PART, 3),
]


@pytest.mark.parametrize("sizes", SHAPES, ids=str)
async def test_chunked_bodies_of_which_the_last_is_the_end(client: IetfClient, sizes: Sequence[int]) -> None:
    target = await sent(client, sizes[:-1], framing=Framing.CHUNKED)
    start, stop = sum(sizes[:-1]), sum(sizes)
    last = await client.append(target, start, WHOLE[start:stop], complete=True, framing=Framing.CHUNKED)
    assert (last.status, last.offset, last.headers["upload-complete"]) == (201, stop, "?1"), last.body
    await is_all(client, target, stop)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("sizes", [(), (1,), (PART,), (PART - 1, 1), (PART, PART), (PART + 1, 3)], ids=str)
async def test_all_bytes_and_then_the_word_that_it_was_all(
    client: IetfClient, sizes: Sequence[int], known: bool
) -> None:
    size = sum(sizes)
    length = (("Upload-Length", str(size)),) if known else ()
    target = await sent(client, sizes, *length, framing=Framing.LENGTH)
    head = await client.ask("HEAD", target)
    assert (head.status, head.offset, head.headers["upload-complete"]) == (204, size, "?0")
    done = await client.append(target, size, b"", complete=True)
    assert (done.status, done.offset, done.headers["upload-complete"]) == (201, size, "?1"), done.body
    await is_all(client, target, size)


@pytest.mark.parametrize("size", [0, 1000, PART, PART + 1, 2 * PART])
async def test_one_chunked_creation_with_everything(client: IetfClient, size: int) -> None:
    created = await client.create(WHOLE[:size], complete=True, framing=Framing.CHUNKED)
    assert (created.status, created.offset, created.headers["upload-complete"]) == (201, size, "?1")
    await is_all(client, place_of(created), size)


async def test_what_was_cut_goes_on_where_it_is_told_to(client: IetfClient) -> None:
    async with await client.begin_creation(3 * PART, complete=True) as connection:
        target = place_of(await connection.interim())
        await connection.send(WHOLE[: 2 * PART + MIB])
        while "upload-offset" not in (await connection.interim()).headers:
            pass
        connection.cut()
    head = await client.ask("HEAD", target)
    assert (head.status, head.headers["upload-complete"]) == (204, "?0")
    assert head.offset is not None
    assert 0 < head.offset <= 2 * PART + MIB
    last = await client.append(target, head.offset, WHOLE[head.offset :], complete=True)
    assert (last.status, last.offset) == (201, 3 * PART)
    await is_all(client, target, 3 * PART)


async def test_less_than_the_length_leaves_it_open_and_more_ends_it(client: IetfClient) -> None:
    for rest, status, later in ((MIB - 1, 400, 204), (MIB + 1, 400, 410)):
        target = await sent(client, [PART], ("Upload-Length", str(PART + MIB)), framing=Framing.LENGTH)
        body = WHOLE[PART : PART + rest]
        refused = await client.append(target, PART, body, complete=True, framing=Framing.CHUNKED)
        assert refused.status == status
        head = await client.ask("HEAD", target)
        assert head.status == later
        if later == 204:
            assert head.offset == PART
            rest_of_it = WHOLE[PART : PART + MIB]
            assert (await client.append(target, PART, rest_of_it, complete=True)).status == 201
            await is_all(client, target, PART + MIB)
