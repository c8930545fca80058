"""A TCP proxy that counts, slows and cuts connections, for clients that cannot be told to break off.

Belongs here: forwarding, and one cut after so many bytes. Not here: what the client does then.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from tests.harness.ports import free_port

from .wire import Address

BLOCK = 1 << 16


@dataclass(slots=True, kw_only=True)
class CuttingProxy:
    """Forwards to `target`; cuts when all clients together have sent each of `cuts` bytes."""

    target: Address
    cuts: Sequence[int] = ()
    rate: float = 0
    """Bytes per second of each connection; 0 is as fast as it goes."""
    address: Address = field(default_factory=lambda: Address("127.0.0.1", free_port()))
    done: int = 0
    """How many cuts were made."""
    sent: int = 0
    """Bytes from all clients together, heads of requests too."""

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen while inside."""
        server = await asyncio.start_server(self._serve, self.address.host, self.address.port)
        async with server:
            yield

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream_reader, upstream_writer = await asyncio.open_connection(
                self.target.host, self.target.port
            )
        except ConnectionError:
            writer.transport.abort()  # nobody is there, and the client hears it
            return
        ends = [writer.transport, upstream_writer.transport]
        answering = asyncio.create_task(_copy(upstream_reader, writer))
        try:
            while block := await reader.read(BLOCK):
                self.sent += len(block)
                if self.rate:
                    await asyncio.sleep(len(block) / self.rate)
                upstream_writer.write(block)
                await upstream_writer.drain()
                if self.done < len(self.cuts) and self.sent >= self.cuts[self.done]:
                    self.done += 1
                    break
        except ConnectionError:
            pass  # either end left
        finally:
            for end in ends:
                end.abort()
            await answering


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while block := await reader.read(BLOCK):
            writer.write(block)
            await writer.drain()
    writer.close()
