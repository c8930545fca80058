"""A TCP proxy that holds back what clients send after so many bytes, until it is told to let go.

Belongs here: making sure that a client is in the middle of something. Not here: what happens to it then.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from tests.harness.ports import free_port
from tests.harness.wire import Address

BLOCK = 1 << 16


@dataclass(slots=True, kw_only=True)
class HoldingProxy:
    """Forwards to `target` the first `most` bytes that all clients together send."""

    target: Address
    most: int
    address: Address = field(default_factory=lambda: Address("127.0.0.1", free_port()))
    holds: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once bytes are held back."""
    may_go: asyncio.Event = field(default_factory=asyncio.Event)
    """Set it to let everything through."""
    _sent: int = 0
    _serving: set[asyncio.Task[None] | None] = field(default_factory=set)

    @property
    def files_url(self) -> str:
        return f"{self.address.url}/files/"

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["HoldingProxy"]:
        """Listen while inside."""
        async with await asyncio.start_server(self._serve, self.address.host, self.address.port):
            try:
                yield self
            finally:
                self.may_go.set()
        # The server does not wait for them (docs.python.org, asyncio.Server.wait_closed, until 3.12).
        await asyncio.gather(*filter(None, self._serving), return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._serving.add(asyncio.current_task())
        with contextlib.closing(writer):
            await self._forward(reader, writer)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection(self.target.host, self.target.port)
        back = asyncio.create_task(_copy(upstream_reader, writer))
        with contextlib.suppress(ConnectionError):
            while block := await reader.read(BLOCK):
                self._sent += len(block)
                if self._sent > self.most and not self.may_go.is_set():
                    self.holds.set()
                    await self.may_go.wait()
                upstream_writer.write(block)
                await upstream_writer.drain()
        upstream_writer.transport.abort()
        await back


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while block := await reader.read(BLOCK):
            writer.write(block)
            await writer.drain()
    writer.close()
