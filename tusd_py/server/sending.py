"""Bytes on their way out: from the kernel's cache by itself where that can be, else block by block.

`sendfile` of the event loop would read the disk in the loop's own thread, and uvloop has none. So the call
runs in the disk pool, on a duplicate of the connection's socket, and only while the transport has nothing of
its own to write; the loop waits for the socket to take more.

Belongs here: the pump, and the deadline for readers who take nothing. Not here: heads and ranges (files.py).
"""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from storage_backends.base import Sending
from tusd_py.config.units import KIB

SENDFILE_FROM = 256 * KIB
"""Bytes; less goes out in one write, together with the head."""


class ReaderStalled(Exception):
    """Nothing was taken for too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outflow:
    """What the pumps must know."""

    patience: float
    """Seconds that a reader may take nothing."""
    sent: Callable[[int], None]
    """Told how many bytes went out."""


@contextmanager
def own_socket(request: web.BaseRequest) -> Iterator[socket.socket | None]:
    """A duplicate of the connection's socket; None where its bytes are not ours: TLS, or no socket we know.

    The end of the connection is told only when the duplicate is closed too.
    """
    transport = request.transport
    found = None if transport is None else transport.get_extra_info("socket")
    if transport is None or found is None or transport.get_extra_info("sslcontext") is not None:
        yield None
        return
    if found.family not in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
        yield None
        return
    duplicate: socket.socket = found.dup()
    try:
        yield duplicate
    finally:
        duplicate.close()


async def pump_file(
    request: web.BaseRequest,
    writer: AbstractStreamWriter | None,
    sending: Sending,
    target: socket.socket,
    outflow: Outflow,
) -> None:
    """Everything that is left of `sending`, after the head, which `writer` still holds.

    Raises ReaderStalled, ConnectionError, StorageError.
    """
    await _flush(request, writer, outflow.patience)
    while sending.left:
        count = await sending.send(target.fileno())
        outflow.sent(count)
        if request.transport is None or request.transport.is_closing():
            raise ConnectionResetError("the connection was closed")
        if sending.left:
            await _writable(target, outflow.patience)


async def pump_blocks(
    response: web.StreamResponse, first: bytes, blocks: AsyncGenerator[bytes, None], outflow: Outflow
) -> None:
    """`first` and then `blocks`. Raises ReaderStalled, ConnectionError, StorageError."""
    await _write(response, first, outflow)
    async for block in blocks:
        await _write(response, block, outflow)


async def _write(response: web.StreamResponse, block: bytes, outflow: Outflow) -> None:
    try:
        async with asyncio.timeout(outflow.patience):
            await response.write(block)
    except TimeoutError:
        raise ReaderStalled from None
    outflow.sent(len(block))


async def _flush(request: web.BaseRequest, writer: AbstractStreamWriter | None, patience: float) -> None:
    """Until the transport has nothing to write: what we write ourselves must not overtake it."""
    transport = request.transport
    if transport is None or writer is None:
        raise ConnectionResetError("the connection was closed")
    low, high = transport.get_write_buffer_limits()
    # So that "drained" means "empty".
    transport.set_write_buffer_limits(high=0)
    try:
        async with asyncio.timeout(patience):
            writer.send_headers()
            await writer.drain()
            while transport.get_write_buffer_size():
                # A loop that writes at the end of its turn has not told the writer to wait yet.
                await asyncio.sleep(0)
                await writer.drain()
    except TimeoutError:
        raise ReaderStalled from None
    finally:
        transport.set_write_buffer_limits(high=high, low=low)


async def _writable(target: socket.socket, patience: float) -> None:
    """Until the socket takes more, or its other end is gone."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()

    def take_note() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_writer(target, take_note)
    try:
        async with asyncio.timeout(patience):
            await ready
    except TimeoutError:
        raise ReaderStalled from None
    finally:
        loop.remove_writer(target)
