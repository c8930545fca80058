"""A Postgres that only follows another one is never served from, neither at start nor after a failover."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.harness.content import Content
from tests.harness.ports import free_port
from tests.harness.server import Server
from tests.harness.tus import Plan, TusClient
from tests.harness.wire import Address, request
from tests.services.postgres import PostgresServer, passable_folder, temporary_server

MIB = 1 << 20


@dataclass(slots=True)
class Switch:
    """A name that leads to one server now and to another one later, as after a failover."""

    port: int
    """Where it leads, on 127.0.0.1."""
    address: Address = field(default_factory=lambda: Address("127.0.0.1", free_port()))
    _ends: set[asyncio.StreamWriter] = field(default_factory=set)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with await asyncio.start_server(self._serve, self.address.host, self.address.port):
            yield
            self.turn(self.port)

    def turn(self, port: int) -> None:
        """Lead to another one from now on; what was connected is cut."""
        self.port = port
        for end in self._ends:
            end.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there = await asyncio.open_connection("127.0.0.1", self.port)
        ends = {writer, there}
        self._ends |= ends
        await asyncio.gather(_copy(reader, there), _copy(there_reader, writer))
        self._ends -= ends


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while block := await reader.read(1 << 16):
            writer.write(block)
            await writer.drain()
    writer.close()


@dataclass(frozen=True, slots=True)
class Both:
    primary: PostgresServer
    standby: PostgresServer


@pytest.fixture(scope="module")
def both() -> Iterator[Both]:
    with (
        temporary_server() as primary,
        passable_folder() as folder,
        PostgresServer(folder / "standby", standby_of=primary) as standby,
    ):
        yield Both(primary, standby)


async def test_a_standby_is_refused_at_start(both: Both, tmp_path: Path) -> None:
    server = Server(folder=tmp_path, database_url=both.standby.dsn("postgres"))
    server.spawn()
    assert await asyncio.to_thread(server.process.wait, 20) == 1
    assert "error: this Postgres server is a standby" in server.log
    assert "let database.url lead to the primary" in server.log
    assert "Traceback" not in server.log


async def test_after_a_failover_to_a_standby_clients_are_told_to_wait(both: Both, tmp_path: Path) -> None:
    name = f"failover_{secrets.token_hex(4)}"
    both.primary.create(name)
    switch = Switch(both.primary.port)
    url = f"postgresql://postgres@{switch.address.host}:{switch.address.port}/{name}"
    async with switch.running(), Server(folder=tmp_path, database_url=url) as server:
        client = TusClient(address=server.address)
        content = Content(seed=1, length=2 * MIB)
        tracked = await client.create(content)
        await client.patch(tracked, Plan.whole(0, MIB))

        switch.turn(both.standby.port)
        head = await client.head(tracked)
        assert (head.status, head.offset) == (423, None)
        refused = [
            await client.patch(tracked, Plan.whole(MIB, 2 * MIB)),
            await request(
                server.address, "POST", "/files/", [("Tus-Resumable", "1.0.0"), ("Upload-Length", "1")]
            ),
        ]
        assert [answer.status for answer in refused] == [503, 503]
        assert all("retry-after" in answer.headers for answer in (head, *refused))
        async with asyncio.timeout(10):
            while (await request(server.address, "GET", "/readyz")).status != 503:
                await asyncio.sleep(0.05)

        switch.turn(both.primary.port)
        assert await client.offset(tracked) == MIB
        await client.finish(tracked, step=MIB)
        assert tracked.finished
        assert not client.ledger.violations
        assert "Traceback" not in server.log
