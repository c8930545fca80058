"""Large bodies, taken from the socket by a thread: what arrives, what is kept, and what the connection is
good for afterwards."""

import asyncio
import base64
import hashlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from storage_backends.base import StorageFull, WriteNow
from tests.harness.content import Content
from tests.harness.wire import Address, Answer, Connection, request
from tusd_py import TusRunner, setup_tus
from tusd_py.server import bulk, selftest, takeover
from tusd_py.server.connection import TusConnection, TusServer
from tusd_py.server.selftest import can_be_taken_over
from tusd_py.server.takeover import Takeover

from .hosted import settings_in

MIB = 1 << 20
SIZE = 24 * MIB


@dataclass
class House:
    """A server of ours in this process, and what its threads took."""

    address: Address
    runner: TusRunner
    bursts: list[int] = field(default_factory=list)

    async def create(self, length: int) -> str:
        headers = [("Tus-Resumable", "1.0.0"), ("Upload-Length", str(length))]
        answer = await request(self.address, "POST", "/files/", headers)
        assert answer.status == 201
        return answer.headers["location"].removeprefix(self.address.url)

    async def offset(self, path: str) -> int:
        answer = await request(self.address, "HEAD", path, [("Tus-Resumable", "1.0.0")])
        assert answer.status == 200
        return int(answer.headers["upload-offset"])

    async def holds(self, path: str, content: Content) -> bool:
        return content.matches(0, (await request(self.address, "GET", path)).body)

    def head(self, path: str, offset: int, length: int, *more: str) -> bytes:
        lines = [
            f"PATCH {path} HTTP/1.1",
            f"Host: {self.address.host}:{self.address.port}",
            "Tus-Resumable: 1.0.0",
            "Content-Type: application/offset+octet-stream",
            f"Upload-Offset: {offset}",
            f"Content-Length: {length}",
            *more,
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Sender:
    """A connection whose sending blocks a thread, not the loop, so that it is as fast as can be."""

    def __init__(self, sock: socket.socket, connection: Connection) -> None:
        self.sock = sock
        self._connection = connection

    async def send(self, *pieces: bytes | memoryview) -> None:
        def sending() -> None:
            for piece in pieces:
                self.sock.sendall(piece)

        await asyncio.to_thread(sending)

    async def answer(self, method: str = "PATCH") -> Answer:
        return await self._connection.answer(method)


@asynccontextmanager
async def sender(address: Address) -> AsyncIterator[Sender]:
    sock = socket.create_connection((address.host, address.port))
    reading = sock.dup()
    reading.setblocking(False)
    async with Connection(*await asyncio.open_connection(sock=reading)) as connection:
        with sock:
            # One file description, two descriptors: O_NONBLOCK is shared, and sendall waits with poll.
            sock.settimeout(30)
            yield Sender(sock, connection)


@asynccontextmanager
async def house(folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: object) -> AsyncIterator[House]:
    app = web.Application()
    chosen = settings_in(folder, **settings)
    setup_tus(app, settings=chosen)
    runner = TusRunner(app, settings=chosen)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    running = House(Address("127.0.0.1", runner.addresses[0][1]), runner)
    bare = Takeover.burst

    def counted(self: Takeover, write: WriteNow, most: int, *more: object) -> int:
        count = bare(self, write, most, *more)  # type: ignore[arg-type]
        running.bursts.append(count)
        return count

    monkeypatch.setattr(Takeover, "burst", counted)
    # The sender is a thread of ours, which on a busy machine may get no turn for longer than 3 ms.
    monkeypatch.setattr(takeover, "DRY", 500)
    try:
        yield running
    finally:
        await runner.cleanup()


async def test_this_machine_can_be_taken_over() -> None:
    assert await can_be_taken_over()


async def test_a_machine_whose_connections_cannot_be_handed_on_is_not_taken_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(selftest, "PATIENCE", 0.5)
    monkeypatch.setattr(TusConnection, "hand_on", lambda _connection, _behind: None)
    assert not await can_be_taken_over()


@pytest.mark.parametrize("checksum", ["", "sha1", "crc32"])
async def test_a_fast_body_is_taken_from_the_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, checksum: str
) -> None:
    content = Content(seed=seed, length=SIZE)
    body = content.read(0, SIZE)
    async with house(tmp_path, monkeypatch) as running, sender(running.address) as client:
        path = await running.create(SIZE)
        more = (f"Upload-Checksum: {checksum} {_digest(checksum, body)}",) if checksum else ()
        await client.send(running.head(path, 0, SIZE, *more), body)
        answer = await client.answer()
        assert (answer.status, answer.offset) == (204, SIZE)
        assert sum(running.bursts) > SIZE / 2
        assert await running.holds(path, content)


def _digest(algorithm: str, body: bytes) -> str:
    if algorithm == "crc32":
        import zlib  # noqa: PLC0415

        return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
    return base64.b64encode(hashlib.new(algorithm, body).digest()).decode()


async def test_a_wrong_checksum_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    content = Content(seed=seed, length=SIZE)
    async with house(tmp_path, monkeypatch) as running, sender(running.address) as client:
        path = await running.create(SIZE)
        wrong = f"Upload-Checksum: sha1 {_digest('sha1', b'something else')}"
        await client.send(running.head(path, 0, SIZE, wrong), content.read(0, SIZE))
        assert (await client.answer()).status == 460
        assert sum(running.bursts) > SIZE / 2
        assert await running.offset(path) == 0


WHO_COUNTS = pytest.mark.parametrize("uncounted", [8 * MIB, 64 * MIB])
"""From so many bytes on the parser does not count a body, and what is behind it has another connection."""


@WHO_COUNTS
async def test_the_connection_carries_the_next_requests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, uncounted: int
) -> None:
    monkeypatch.setattr(bulk, "UNCOUNTED", uncounted)
    content = Content(seed=seed, length=3 * SIZE)
    async with house(tmp_path, monkeypatch) as running, sender(running.address) as client:
        path = await running.create(content.length)
        for start in range(0, content.length, SIZE):
            await client.send(running.head(path, start, SIZE), content.read(start, start + SIZE))
            assert (await client.answer()).offset == start + SIZE
        assert len(running.bursts) >= 3
        assert await running.holds(path, content)


@WHO_COUNTS
async def test_pipelined_requests_are_answered_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, uncounted: int
) -> None:
    monkeypatch.setattr(bulk, "UNCOUNTED", uncounted)
    one, two = Content(seed=seed, length=SIZE), Content(seed=seed + 1, length=5)
    async with house(tmp_path, monkeypatch) as running, sender(running.address) as client:
        first, second = await running.create(SIZE), await running.create(5)
        ask = f"OPTIONS /files/ HTTP/1.1\r\nHost: {running.address.host}\r\n\r\n".encode()
        await client.send(
            running.head(first, 0, SIZE)
            + one.read(0, SIZE)
            + ask
            + running.head(second, 0, 5)
            + two.read(0, 5)
            + ask
        )
        answers = [await client.answer(method) for method in ("PATCH", "OPTIONS", "PATCH", "OPTIONS")]
        assert [answer.status for answer in answers] == [204, 200, 204, 200]
        assert sum(running.bursts) > SIZE / 2
        assert await running.holds(first, one)
        assert await running.holds(second, two)


async def test_what_is_sent_behind_a_very_large_body_waits_in_the_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    one, two = Content(seed=seed, length=SIZE), Content(seed=seed + 1, length=SIZE)
    async with house(tmp_path, monkeypatch) as running, sender(running.address) as client:
        first, second = await running.create(SIZE), await running.create(SIZE)
        sending = asyncio.create_task(
            client.send(
                running.head(first, 0, SIZE) + one.read(0, SIZE),
                running.head(second, 0, SIZE) + two.read(0, SIZE),
            )
        )
        answers = [await client.answer() for _ in range(2)]
        await sending
        assert [(answer.status, answer.offset) for answer in answers] == [(204, SIZE)] * 2
        # Each was counted once, and two of the three were handed on.
        server = running.runner.server
        assert isinstance(server, TusServer)
        async with asyncio.timeout(20):
            while server.open_connections != 1:
                await asyncio.sleep(0.01)
        assert await running.holds(first, one)
        assert await running.holds(second, two)


@pytest.mark.parametrize("sent", [300_000, MIB + 1, SIZE - 1])
async def test_what_came_before_the_client_left_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, sent: int
) -> None:
    content = Content(seed=seed, length=SIZE)
    async with house(tmp_path, monkeypatch) as running:
        path = await running.create(SIZE)
        async with sender(running.address) as client:
            await client.send(running.head(path, 0, SIZE), content.read(0, sent))
            client.sock.shutdown(socket.SHUT_WR)
            # A client that half-closes is gone for HTTP; whether it hears why does not matter.
            with suppress(ConnectionError):
                await client.answer()
        assert await running.offset(path) == sent
        async with sender(running.address) as client:
            await client.send(running.head(path, sent, SIZE - sent), content.read(sent, SIZE))
            assert (await client.answer()).status == 204
        assert await running.holds(path, content)


async def test_a_sender_that_pauses_is_waited_for_by_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    content = Content(seed=seed, length=3 * SIZE)
    async with (
        house(tmp_path, monkeypatch, storage_preallocate=0) as running,
        sender(running.address) as client,
    ):
        path = await running.create(content.length)
        await client.send(running.head(path, 0, content.length), content.read(0, SIZE))
        async with asyncio.timeout(20):
            while _largest_file(tmp_path) < SIZE:
                await asyncio.sleep(0.01)
        async with asyncio.timeout(20):
            while not await _is_quiet(running):
                pass
        await client.send(content.read(SIZE, content.length))
        assert (await client.answer()).offset == content.length
        assert await running.holds(path, content)


async def _is_quiet(running: House) -> bool:
    """For a while, no thread asks the socket; were it asked again and again, this would never be so."""
    before = len(running.bursts)
    await asyncio.sleep(0.05)
    return len(running.bursts) == before


def _largest_file(folder: Path) -> int:
    return max(
        (path.stat().st_size for path in folder.joinpath("anonymous").rglob("*") if path.is_file()), default=0
    )


async def test_a_slow_sender_holds_no_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    content = Content(seed=seed, length=2 * MIB)
    async with (
        house(tmp_path, monkeypatch, storage_preallocate=0) as running,
        sender(running.address) as client,
    ):
        path = await running.create(content.length)
        await client.send(running.head(path, 0, content.length))
        for start in range(0, content.length, 64 * 1024):
            await client.send(content.read(start, start + 64 * 1024))
            async with asyncio.timeout(20):
                while _largest_file(tmp_path) < start + 64 * 1024:
                    await asyncio.sleep(0.001)
        assert (await client.answer()).status == 204
        assert running.bursts == []
        assert await running.holds(path, content)


async def test_a_burst_that_finds_nothing_gives_the_socket_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    content = Content(seed=seed, length=SIZE)
    bare, found_nothing = Takeover.burst, 0

    def dry_at_first(self: Takeover, *more: object) -> int:
        nonlocal found_nothing
        if found_nothing < 3:
            found_nothing += 1
            self.is_dry = True
            return 0
        return bare(self, *more)  # type: ignore[arg-type]

    async with house(tmp_path, monkeypatch) as running, sender(running.address) as client:
        monkeypatch.setattr(Takeover, "burst", dry_at_first)
        path = await running.create(SIZE)
        await client.send(running.head(path, 0, SIZE), content.read(0, SIZE))
        assert (await client.answer()).status == 204
        assert found_nothing == 3
        assert await running.holds(path, content)


async def test_another_request_interrupts_a_burst(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    content = Content(seed=seed, length=SIZE)
    async with house(tmp_path, monkeypatch, storage_preallocate=0) as running:
        path = await running.create(SIZE)
        async with sender(running.address) as first, sender(running.address) as second:
            await first.send(running.head(path, 0, SIZE), content.read(0, SIZE - 1))
            offset = await running.offset(path)  # HEAD waits until the writer has saved and let go
            assert (await first.answer()).status == 423
            await second.send(running.head(path, offset, SIZE - offset), content.read(offset, SIZE))
            assert (await second.answer()).status == 204
        assert offset > 0
        assert await running.holds(path, content)


async def test_stopping_in_the_middle_saves_what_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    content = Content(seed=seed, length=2 * SIZE)
    async with house(tmp_path, monkeypatch, storage_preallocate=0) as running:
        path = await running.create(content.length)
        async with sender(running.address) as client:
            await client.send(running.head(path, 0, content.length), content.read(0, SIZE))
            async with asyncio.timeout(20):
                while _largest_file(tmp_path) < SIZE:
                    await asyncio.sleep(0.01)
            stopping = asyncio.create_task(running.runner.cleanup())
            assert (await client.answer()).status in (423, 503)
            await stopping
    async with house(tmp_path, monkeypatch) as again:
        assert await again.offset(path) == SIZE


async def test_a_disk_that_is_full_in_the_middle_keeps_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    content = Content(seed=seed, length=SIZE)
    is_full = True
    bare = Takeover.burst

    def filling(self: Takeover, write: WriteNow, most: int, *more: object) -> int:
        written = 0

        def until_full(block: bytes | bytearray | memoryview) -> None:
            nonlocal written
            if is_full and written + len(block) > 4 * MIB:
                raise StorageFull("no room")
            write(block)
            written += len(block)

        return bare(self, until_full, most, *more)  # type: ignore[arg-type]

    async with house(tmp_path, monkeypatch) as running:
        monkeypatch.setattr(Takeover, "burst", filling)
        path = await running.create(SIZE)
        async with sender(running.address) as client:
            with suppress(ConnectionError):
                await client.send(running.head(path, 0, SIZE), content.read(0, SIZE))
                assert (await client.answer()).status == 507
            is_full = False
        offset = await running.offset(path)
        assert 0 < offset < SIZE
        async with sender(running.address) as client:
            await client.send(running.head(path, offset, SIZE - offset), content.read(offset, SIZE))
            assert (await client.answer()).status == 204
        assert await running.holds(path, content)


async def test_bodies_go_the_long_way_where_that_is_wished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    content = Content(seed=seed, length=SIZE)
    async with house(tmp_path, monkeypatch, server_socket_receive=False) as running:
        path = await running.create(SIZE)
        async with sender(running.address) as client:
            await client.send(running.head(path, 0, SIZE), content.read(0, SIZE))
            assert (await client.answer()).status == 204
        assert running.bursts == []
        assert await running.holds(path, content)
