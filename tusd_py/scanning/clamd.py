"""clamd over a socket: streams by its INSTREAM command, control commands by pyclamd.

pyclamd cannot be made safe for streams. Its `scan_stream` (0.4.0) sends with `send`, which may take a part
of a block and so break the framing; reads an answer with one `recv`, which may be a part of it; takes an
empty answer, which is what a crashed clamd leaves, for "no virus"; and is built around one socket per
object that threads would swap. So the few lines of INSTREAM are spoken here, over asyncio, and pyclamd asks
for the version, where an odd answer is refused and nothing hangs on it but the question itself.

Belongs here: sockets and deadlines. Not here: the meaning of answers (replies.py).
"""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

import pyclamd

from storage_backends.base import Block

from .replies import END, LONGEST, checked_version, judge
from .scanner import Answer, NoVerdict, ScannerAway

T = TypeVar("T")

_HEAD = struct.Struct("!L")
_LAST = _HEAD.pack(0)
LARGEST = 1 << 20
"""Bytes sent as one chunk."""
_AFTER_HANG_UP = 2.0
"""Seconds to read why clamd hung up; its answer is there already if it gave one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where clamd listens: a Unix socket, or a host and port where `socket` is empty."""

    socket: str
    host: str
    port: int

    def __str__(self) -> str:
        return self.socket or f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """How long we wait, in seconds."""

    connect: float
    send: float
    """For one chunk; nothing is taken while clamd is stopped."""
    verdict: float
    """From the end of the stream; should exceed clamd's MaxScanTime."""
    total: float


class Clamd:
    """A running clamd. Each scan has a connection of its own."""

    def __init__(self, place: Place, deadlines: Deadlines) -> None:
        self._place = place
        self._deadlines = deadlines

    # --- streams

    async def scan(self, blocks: AsyncIterator[Block]) -> Answer:
        """See `Scanner`. Raises NoVerdict."""
        try:
            async with asyncio.timeout(self._deadlines.total):
                return await self._scan(blocks)
        except TimeoutError as late:
            raise NoVerdict(str(late) or f"no verdict within {self._deadlines.total:g} s") from late

    async def _scan(self, blocks: AsyncIterator[Block]) -> Answer:
        connection = await self._connected()
        try:
            answering = asyncio.create_task(_answer(connection))
            try:
                is_whole = await self._send_all(connection, blocks, answering)
                patience = self._deadlines.verdict if is_whole else _AFTER_HANG_UP
                reply = await _within(patience, answering, "no verdict")
            finally:
                answering.cancel()
                with suppress(asyncio.CancelledError, OSError):
                    await answering
        except TimeoutError:
            raise
        except OSError as failed:
            raise NoVerdict(f"the connection to clamd broke: {failed}") from failed
        finally:
            connection.close()
        return judge(reply, is_whole=is_whole)

    async def _send_all(
        self, connection: socket.socket, blocks: AsyncIterator[Block], answering: asyncio.Task[bytes]
    ) -> bool:
        """False when clamd answered or hung up before the end."""
        if not await self._send(connection, b"zINSTREAM\0", answering):
            return False
        async for block in blocks:
            rest = memoryview(block).cast("B")
            while rest:
                chunk, rest = rest[:LARGEST], rest[LARGEST:]
                if not await self._send(connection, _HEAD.pack(len(chunk)), answering):
                    return False
                if not await self._send(connection, chunk, answering):
                    return False
        return await self._send(connection, _LAST, answering)

    async def _send(self, connection: socket.socket, piece: Block, answering: asyncio.Task[bytes]) -> bool:
        if answering.done() or _has_spoken(connection):
            return False
        sending = asyncio.ensure_future(asyncio.get_running_loop().sock_sendall(connection, piece))
        try:
            done, _ = await asyncio.wait(
                (sending, answering), timeout=self._deadlines.send, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                raise TimeoutError(f"clamd took nothing for {self._deadlines.send:g} s")
            return sending in done and _was_taken(sending)
        finally:
            if not sending.done():
                sending.cancel()
                with suppress(asyncio.CancelledError, OSError):
                    await sending

    async def _connected(self) -> socket.socket:
        try:
            return await _within(self._deadlines.connect, self._connect(), "no connection")
        except TimeoutError as late:
            raise ScannerAway(f"clamd at {self._place}: {late}") from late
        except OSError as failed:
            raise ScannerAway(f"clamd cannot be reached at {self._place}: {failed}") from failed

    async def _connect(self) -> socket.socket:
        if self._place.socket:
            return await _open(socket.AF_UNIX, self._place.socket)
        return await _open(socket.AF_INET, (await asyncio.to_thread(_ipv4, self._place), self._place.port))

    # --- control commands

    async def version(self) -> str:
        """See `Scanner`. Raises NoVerdict."""
        # pyclamd tries five times to read, each time for as long as its own timeout.
        patience = self._deadlines.connect * 7
        asked = asyncio.to_thread(_ask_version, self._place, self._deadlines.connect)
        try:
            return checked_version(await _within(patience, asked, "no version"))
        except TimeoutError as late:
            raise ScannerAway(f"clamd at {self._place}: {late}") from late


class _Closing:
    """pyclamd leaves its socket open where it cannot connect, or where nobody answers its constructor."""

    clamd_socket: socket.socket

    def __init__(self, **where: str | float) -> None:
        try:
            super().__init__(**where)
        except OSError:
            self.clamd_socket.close()
            raise

    def _init_socket(self) -> None:
        try:
            super()._init_socket()  # type: ignore[misc]  # pyclamd's, which comes next in the order
        except OSError:
            self.clamd_socket.close()
            raise


class _UnixControl(_Closing, pyclamd.ClamdUnixSocket):  # type: ignore[misc]  # it has no types
    pass


class _TcpControl(_Closing, pyclamd.ClamdNetworkSocket):  # type: ignore[misc]  # it has no types
    pass


def _ask_version(place: Place, timeout: float) -> str:
    """Blocks. pyclamd's constructor connects once to see who is there; all its errors are OSErrors."""
    try:
        if place.socket:
            client = _UnixControl(filename=place.socket, timeout=timeout)
        else:
            client = _TcpControl(host=_ipv4(place), port=place.port, timeout=timeout)
        try:
            answer = client.version()
        finally:
            # It closes its socket only when all went well.
            client.clamd_socket.close()
    except OSError as failed:
        raise ScannerAway(f"clamd cannot be asked at {place}: {failed}") from failed
    # Bytes, where they were no text.
    return answer if isinstance(answer, str) else repr(answer)


def _ipv4(place: Place) -> str:
    """pyclamd speaks IPv4 only, and both must ask the same clamd."""
    found = socket.getaddrinfo(place.host, place.port, family=socket.AF_INET, type=socket.SOCK_STREAM)
    return str(found[0][4][0])


async def _open(family: int, address: object) -> socket.socket:
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        if family != socket.AF_UNIX:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(connection, address)  # type: ignore[arg-type]  # as its family has it
    except BaseException:
        connection.close()
        raise
    return connection


async def _answer(connection: socket.socket) -> bytes:
    """All that clamd says, to the end of an answer or to the end of the connection."""
    loop = asyncio.get_running_loop()
    reply = b""
    while not reply.endswith(END) and len(reply) <= LONGEST:
        piece = await loop.sock_recv(connection, LONGEST)
        if not piece:
            break
        reply += piece
    return reply


def _has_spoken(connection: socket.socket) -> bool:
    """clamd said something, or hung up, and nobody has read it yet."""
    try:
        connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def _was_taken(sending: asyncio.Future[None]) -> bool:
    """False when clamd has closed: it said why, or it died."""
    failed = sending.exception()
    if isinstance(failed, ConnectionError):
        return False
    if failed is not None:
        raise failed
    return True


async def _within(seconds: float, awaitable: Awaitable[T], what: str) -> T:
    try:
        async with asyncio.timeout(seconds):
            return await awaitable
    except TimeoutError:
        raise TimeoutError(f"{what} within {seconds:g} s") from None
