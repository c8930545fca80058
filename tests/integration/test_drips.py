"""What comes a few bytes at a time: nothing of it is lost, late or taken for something else."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import StreamReader, web

from tests.harness.tus import BYTES, RESUMABLE
from tests.harness.wire import Address, Connection, head_of, request
from tusd_py import TusRunner, setup_tus
from tusd_py.server import drips, runner
from tusd_py.server.bounded_connection import BoundedConnection

from .hosted import settings_in
from .tiny import settings_with, tiny_server

POST = "POST /files/ HTTP/1.1\n"
NEVER = 3600.0
ROUNDS = 40


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """For how many bytes the kernel was to wake the server, one after another."""
    asked: list[int] = []
    wake_at = drips._wake_at

    def noted(transport: asyncio.BaseTransport, count: int) -> None:
        asked.append(count)
        wake_at(transport, count)

    monkeypatch.setattr(drips, "_wake_at", noted)
    return asked


def bytes_wait_for(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(runner, "gathering_time", lambda *_deadlines: seconds)


async def in_pieces(connection: Connection, pieces: list[bytes], turns: int = 4) -> None:
    """Each gets a few turns of the loop, which is the server's too, to come by itself."""
    for piece in pieces:
        await connection.send(piece)
        for _ in range(turns):
            await asyncio.sleep(0)


def single_bytes(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


async def test_the_last_byte_of_a_dripping_body_wakes_the_server(
    monkeypatch: pytest.MonkeyPatch, woken: list[int]
) -> None:
    bytes_wait_for(monkeypatch, NEVER)
    body = b"x" * 5000
    async with tiny_server() as tiny, await Connection.open(tiny.address) as connection:
        for _ in range(2):
            await connection.send(tiny.raw(POST + f"Content-Length: {len(body)}"))
            await in_pieces(connection, single_bytes(body))
            assert (await connection.answer()).status == 201
        assert tiny.bodies == [body, body]
    assert max(woken) == drips.ENOUGH
    assert 1 < min(count for count in woken if count > 1) < drips.ENOUGH
    assert woken[-1] == 1, "the next request has to come at once"


async def test_a_body_that_comes_faster_again_is_no_longer_gathered(
    monkeypatch: pytest.MonkeyPatch, woken: list[int]
) -> None:
    bytes_wait_for(monkeypatch, NEVER)
    rest = b"y" * 100_000
    async with tiny_server() as tiny, await Connection.open(tiny.address) as connection:
        await connection.send(tiny.raw(POST + f"Content-Length: {20 + len(rest)}"))
        await in_pieces(connection, single_bytes(b"x" * 20))
        await connection.send(rest)
        assert (await connection.answer()).status == 201
        assert tiny.bodies == [b"x" * 20 + rest]
    assert max(woken) == drips.ENOUGH
    assert woken[-1] == 1


async def test_bytes_of_a_body_do_not_wait_for_longer_than_they_may(
    monkeypatch: pytest.MonkeyPatch, woken: list[int]
) -> None:
    """Seen by what the parser gets, as the answer would come with the last byte anyhow."""
    bytes_wait_for(monkeypatch, 0.05)
    received = 0
    take = BoundedConnection._body_received

    def counted(connection: BoundedConnection, content: StreamReader, data: bytes) -> None:
        nonlocal received
        take(connection, content, data)
        received = content.total_bytes

    monkeypatch.setattr(BoundedConnection, "_body_received", counted)
    settings = settings_with(timeouts={"header": 0.5})
    async with tiny_server(settings) as tiny, await Connection.open(tiny.address) as connection:
        await connection.send(tiny.raw(POST + "Content-Length: 1000"))
        await in_pieces(connection, single_bytes(b"x" * 50))
        async with asyncio.timeout(30):
            while received != 50:
                await asyncio.sleep(0.01)
    assert max(woken) > 1


async def test_what_dripped_before_a_cut_is_kept(
    monkeypatch: pytest.MonkeyPatch, woken: list[int], tmp_path: Path
) -> None:
    bytes_wait_for(monkeypatch, NEVER)
    async with uploading(tmp_path) as address:
        made = await request(address, "POST", "/files/", [RESUMABLE, ("Upload-Length", "1000")])
        target = made.headers["location"].removeprefix(address.url)
        sent = [("Host", "localhost"), RESUMABLE, BYTES, ("Upload-Offset", "0"), ("Content-Length", "1000")]
        async with await Connection.open(address) as connection:
            await connection.send(head_of("PATCH", target, sent))
            await in_pieces(connection, single_bytes(b"x" * 50))
        async with asyncio.timeout(30):
            while await offset(address, target) != 50:
                await asyncio.sleep(0.01)
    assert max(woken) > 1


@asynccontextmanager
async def uploading(folder: Path) -> AsyncIterator[Address]:
    """The service itself, on our server."""
    app, settings = web.Application(), settings_in(folder)
    setup_tus(app, settings=settings)
    running = TusRunner(app, settings=settings)
    await running.setup()
    try:
        await web.TCPSite(running, "127.0.0.1", 0).start()
        yield Address("127.0.0.1", running.addresses[0][1])
    finally:
        await running.cleanup()


async def offset(address: Address, target: str) -> int | None:
    """None while somebody writes."""
    return (await request(address, "HEAD", target, [RESUMABLE])).offset


@pytest.mark.parametrize("seed", range(ROUNDS))
async def test_requests_cut_anywhere_are_the_same_requests(seed: int) -> None:
    """One behind the other, without waiting for answers: the end of a head is seen wherever it lies."""
    dice = random.Random(seed)
    async with tiny_server(settings_with(timeouts={"network": 6.0})) as tiny:
        bodies = [dice.randbytes(dice.choice((0, 1, 3, 40, 300))).replace(b"\n", b" ") for _ in range(6)]
        sent = b"".join(tiny.raw(POST + f"Content-Length: {len(body)}", body) for body in bodies)
        async with await Connection.open(tiny.address) as connection:
            await in_pieces(connection, _cut(sent, dice), turns=dice.randint(1, 4))
            for _ in bodies:
                assert (await connection.answer()).status == 201
        assert tiny.bodies == bodies


async def test_a_body_that_begins_before_its_handler_does_is_not_taken_for_a_head() -> None:
    """The pieces are handed over by us, as nothing else makes them come within one turn of the loop."""
    async with tiny_server() as tiny, await Connection.open(tiny.address) as connection:
        assert tiny.runner.server is not None
        while not tiny.runner.server.connections:
            await asyncio.sleep(0)
        (theirs,) = tiny.runner.server.connections
        for piece in single_bytes(tiny.raw(POST + "Content-Length: 3", b"abc")):
            theirs.data_received(piece)
        assert (await connection.answer()).status == 201
        assert tiny.bodies == [b"abc"]


def _cut(data: bytes, dice: random.Random) -> list[bytes]:
    longest = dice.choice((1, 2, 7, 80))
    pieces = []
    while data:
        size = dice.randint(1, longest)
        pieces.append(data[:size])
        data = data[size:]
    return pieces
