"""The digest of a whole upload on the real program: in folders and in a bucket, in both protocols."""

import asyncio
import json
import secrets
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256, sha512
from urllib.parse import urlsplit

import pytest

from tests.harness.content import Content
from tests.harness.ietf import IetfClient, place_of
from tests.harness.kept import kept_by
from tests.harness.rows import fetch
from tests.harness.server import Server
from tests.harness.tus import BYTES, RESUMABLE
from tests.harness.wire import Answer, request
from tests.services.postgres import PostgresServer
from tests.services.seaweedfs import Bucket

MIB = 1 << 20
PART = 5 * MIB
WHOLE = Content(seed=717, length=3 * PART).read(0, 3 * PART)
PATIENCE = 30.0


@pytest.fixture(scope="module", params=["bucket", "folder"])
def stored(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer
) -> Iterator[Server]:
    """The real program on a store; that with a folder has its rows in SQLite."""
    settings, url = {"uploads.checkpoint_bytes": "1MiB"}, ""
    if request.param == "bucket":
        bucket: Bucket = request.getfixturevalue("shared_bucket")
        own = replace(bucket, prefix=f"{secrets.token_hex(8)}/")
        settings |= own.settings(s3_part_size="5MiB")
        url = postgres_server.create(f"test_{secrets.token_hex(8)}")
    server = Server(folder=tmp_path_factory.mktemp("stored"), settings=settings, database_url=url)
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest.fixture
def client(stored: Server) -> IetfClient:
    return IetfClient(address=stored.address)


def said(content: bytes, *, other: tuple[str, ...] = ()) -> tuple[str, str]:
    """Both digests of it; those in `other` are of something else."""
    made = {"sha-256": sha256, "sha-512": sha512}
    values = (
        f"{name}=:{b64encode(make(b'other' if name in other else content).digest()).decode()}:"
        for name, make in made.items()
    )
    return "Repr-Digest", ", ".join(values)


async def row_of(server: Server, target: str) -> dict[str, object]:
    (row,) = await fetch(server, f"SELECT * FROM uploads WHERE id = '{target.rpartition('/')[2]}'")
    return dict(row)


async def kinds_of(server: Server, target: str) -> list[str]:
    subject = target.rpartition("/")[2]
    rows = await fetch(server, f"SELECT kind FROM events WHERE subject = '{subject}' ORDER BY id")
    return [row["kind"] for row in rows]


async def gone(server: Server, target: str) -> None:
    """It is refused, and the job that removes its bytes has done so."""
    assert (await row_of(server, target))["state"] == "refused"
    assert (await kinds_of(server, target))[-1] == "upload.refused"
    subject = target.rpartition("/")[2]
    async with asyncio.timeout(PATIENCE):
        while await fetch(server, f"SELECT 1 FROM jobs WHERE subject = '{subject}'"):
            await asyncio.sleep(0.05)
    assert await fetch(server, f"SELECT 1 FROM versions WHERE upload_id = '{subject}'") == []
    key = str((await row_of(server, target))["key"])
    async with kept_by(server) as kept:
        assert [name for name in await kept.names() if key in name] == []


async def comes_back(client: IetfClient, target: str, content: bytes) -> None:
    answer = await IetfClient(address=client.address, version=None).ask("GET", target)
    assert (answer.status, sha256(answer.body).digest()) == (200, sha256(content).digest())


def code_of(answer: Answer) -> str:
    return str(json.loads(answer.body)["code"])


SHAPES = [(100, 200), (PART, 1), (PART - 1, 1, 1), (MIB, 2 * PART, 3), (2 * PART, PART)]


@pytest.mark.parametrize("other", [(), ("sha-512",)], ids=str)
@pytest.mark.parametrize("sizes", SHAPES, ids=str)
async def test_of_several_requests_all_of_it_is_compared(
    stored: Server, client: IetfClient, sizes: tuple[int, ...], other: tuple[str, ...]
) -> None:
    content = WHOLE[: sum(sizes)]
    target = place_of(await client.create(content[: sizes[0]], said(content, other=other), complete=False))
    at = sizes[0]
    for size in sizes[1:]:
        stop = at + size
        last = await client.append(target, at, content[at:stop], complete=stop == len(content))
        at = stop
    if not other:
        assert (last.status, last.headers["upload-complete"]) == (201, "?1"), last.body
        await comes_back(client, target, content)
        return
    assert (last.status, code_of(last), last.headers["upload-complete"]) == (400, "ERR_DIGEST_MISMATCH", "?1")
    assert (await client.ask("HEAD", target)).status == 410
    await gone(stored, target)


@pytest.mark.parametrize("right", [True, False])
async def test_the_word_that_it_was_all_is_answered_when_it_is_compared(
    stored: Server, client: IetfClient, right: bool
) -> None:
    content = WHOLE[: PART + MIB]
    digests = said(content, other=() if right else ("sha-256",))
    target = place_of(await client.create(b"", digests, complete=False))
    assert (await client.append(target, 0, content, complete=False)).status == 204
    last = await client.append(target, len(content), b"", complete=True)
    assert last.status == (201 if right else 400)
    if right:
        # Asked again, as an answer may be lost.
        assert (await client.append(target, len(content), b"", digests, complete=True)).status == 201
        await comes_back(client, target, content)
    else:
        await gone(stored, target)


async def test_another_digest_is_refused_and_the_upload_goes_on(client: IetfClient) -> None:
    content = WHOLE[:2000]
    target = place_of(await client.create(content[:1000], said(content), complete=False))
    for complete in (True, False):
        refused = await client.append(target, 1000, content[1000:], said(b"else"), complete=complete)
        assert (refused.status, code_of(refused)) == (400, "ERR_INVALID_HEADER")
        assert refused.headers["upload-complete"] == "?0"
    head = await client.ask("HEAD", target)
    assert (head.status, head.offset) == (204, 1000)
    assert (await client.append(target, 1000, content[1000:], said(content), complete=True)).status == 201


@pytest.mark.parametrize("right", [True, False])
async def test_an_upload_of_tus_is_compared_too(stored: Server, client: IetfClient, right: bool) -> None:
    content = WHOLE[: PART + MIB]
    digests = said(content, other=() if right else ("sha-512",))
    size = ("Upload-Length", str(len(content)))
    created = await request(stored.address, "POST", "/files/", [RESUMABLE, size, digests])
    assert created.status == 201
    target = urlsplit(created.headers["location"]).path
    for start, stop in ((0, PART), (PART, len(content))):
        headers = [RESUMABLE, BYTES, ("Upload-Offset", str(start))]
        last = await request(stored.address, "PATCH", target, headers, content[start:stop])
    head = await request(stored.address, "HEAD", target, [RESUMABLE])
    if right:
        assert (last.status, head.status, head.offset) == (204, 200, len(content))
        await comes_back(client, target, content)
        return
    assert (last.status, head.status) == (400, 410)
    assert b"Repr-Digest" in last.body
    await gone(stored, target)


async def test_small_uploads_of_tus_by_one_connection_are_compared(stored: Server) -> None:
    """The head of one of them differs from that of the next."""
    for n in range(6):
        content = WHOLE[n * 100 : n * 100 + 100]
        digests = said(content, other=("sha-256",) if n % 2 else ())
        headers = [RESUMABLE, BYTES, ("Upload-Length", "100"), digests]
        created = await request(stored.address, "POST", "/files/", headers, content)
        assert created.status == (400 if n % 2 else 201)


@pytest.mark.parametrize("right", [True, False])
async def test_a_digest_outlives_the_program_that_was_told_it(
    stored: Server, client: IetfClient, right: bool
) -> None:
    content = WHOLE[: 2 * PART]
    digests = said(content, other=() if right else ("sha-256",))
    target = place_of(await client.create(content[:MIB], digests, complete=False))
    await stored.kill9()
    await stored.start()
    client = IetfClient(address=stored.address)
    at = (await client.ask("HEAD", target)).offset
    assert at == MIB
    last = await client.append(target, at, content[at:], complete=True)
    assert last.status == (201 if right else 400)
    if not right:
        await gone(stored, target)


@pytest.mark.parametrize("right", [True, False])
async def test_a_program_that_dies_while_it_compares_leaves_it_to_the_next(
    stored: Server, client: IetfClient, right: bool
) -> None:
    """Wherever it is killed behind the last byte, nobody hears of an upload that is not what it should be."""
    digests = said(WHOLE, other=() if right else ("sha-512",))
    target = place_of(await client.create(WHOLE[:PART], digests, complete=False))
    async with await client.begin_append(target, PART, 2 * PART, complete=True) as connection:
        await connection.send(WHOLE[PART:])
        async with asyncio.timeout(PATIENCE):
            while (await row_of(stored, target))["state"] == "receiving":
                await asyncio.sleep(0)
        await stored.kill9()
    await stored.start()
    client = IetfClient(address=stored.address)
    async with asyncio.timeout(PATIENCE):
        while (again := await client.append(target, len(WHOLE), b"", complete=True)).status == 503:
            await asyncio.sleep(0.1)
    assert again.status in ((201,) if right else (400, 410))
    if right:
        await comes_back(client, target, WHOLE)
    else:
        await gone(stored, target)
