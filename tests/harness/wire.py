"""HTTP/1.1 by hand over asyncio streams: a client that may be as rude as a test needs.

Belongs here: connections, raw requests, parsed answers. Not here: what tus means by them (tus.py).
"""

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

ANSWER_WITHIN = 60.0
"""Seconds; an answer that takes longer is a failure of its own (house invariant I7)."""
FINAL = 200
"""The first status that is no interim one."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


class NoAnswer(ConnectionError):
    """The connection ended before an answer was complete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interim:
    """An interim answer (1xx); header names as in `Answer`."""

    status: int
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer; header names are lower-case, repeated ones joined by a comma."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float = field(compare=False)
    """From the last byte of the request to the last of the answer."""
    interims: tuple[Interim, ...] = ()
    """Those that came before it, without what `Connection.interim` has given out."""

    @property
    def offset(self) -> int | None:
        text = self.headers.get("upload-offset")
        return None if text is None else int(text)


def head_of(method: str, target: str, headers: Iterable[tuple[str, str]]) -> bytes:
    """A request's head."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def framed(pieces: Iterable[memoryview | bytes]) -> Iterator[bytes | memoryview]:
    """The pieces as chunks of a chunked body, without its end."""
    for piece in pieces:
        yield b"%x\r\n" % len(piece)
        yield piece
        yield b"\r\n"


class Connection:
    """One TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.on_interim: Callable[[Interim], None] = lambda _interim: None
        """Hears of interim answers as they are read."""

    @classmethod
    async def open(cls, address: Address) -> Self:
        return cls(*await asyncio.open_connection(address.host, address.port))

    @property
    def local_port(self) -> int:
        port: int = self._writer.get_extra_info("sockname")[1]
        return port

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def send(self, *pieces: bytes | memoryview) -> None:
        """Raises ConnectionError when the server has closed."""
        for piece in pieces:
            self._writer.write(piece)
            await self._writer.drain()

    async def answer(self, method: str = "GET") -> Answer:
        """The next final answer. Raises NoAnswer, TimeoutError."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                interims, status, headers = await self._final_head()
                body = b"" if method == "HEAD" else await self._body(status, headers)
        except (asyncio.IncompleteReadError, ConnectionError, ValueError) as error:
            raise NoAnswer(f"{method}: the connection ended before the answer did: {error!r}") from error
        return Answer(
            status=status, headers=headers, body=body, seconds=time.monotonic() - began, interims=interims
        )

    async def interim(self) -> Interim:
        """The next answer, which has to be an interim one. Raises NoAnswer for any other, TimeoutError."""
        async with asyncio.timeout(ANSWER_WITHIN):
            status, headers = await self._head()
        if status >= FINAL:
            raise NoAnswer(f"wanted an interim answer, found {status} {headers}")
        return Interim(status=status, headers=headers)

    async def raw_head(self) -> bytes:
        """Of the next answer as it came, be it an interim one. Raises IncompleteReadError, TimeoutError."""
        async with asyncio.timeout(ANSWER_WITHIN):
            return await self._reader.readuntil(b"\r\n\r\n")

    async def told_to_continue(self) -> tuple[Interim, ...]:
        """Wait for 100 Continue; what came before it. Raises NoAnswer for a final answer, TimeoutError."""
        interims: list[Interim] = []
        async with asyncio.timeout(ANSWER_WITHIN):
            while True:
                status, headers = await self._head()
                if status == 100:
                    return tuple(interims)
                if status >= FINAL:
                    raise NoAnswer(f"wanted 100 Continue, found {status} {headers}")
                interims.append(Interim(status=status, headers=headers))

    async def _final_head(self) -> tuple[tuple[Interim, ...], int, dict[str, str]]:
        interims: list[Interim] = []
        while True:
            status, headers = await self._head()
            if status >= FINAL:
                return tuple(interims), status, headers
            interims.append(Interim(status=status, headers=headers))
            self.on_interim(interims[-1])

    async def _head(self) -> tuple[int, dict[str, str]]:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            headers[name] = f"{headers[name]}, {value.strip()}" if name in headers else value.strip()
        return int(first.split(" ", 2)[1]), headers

    async def _body(self, status: int, headers: Mapping[str, str]) -> bytes:
        if status in (204, 304):
            return b""
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return b"".join([chunk async for chunk in self._chunks()])
        if "content-length" in headers:
            return await self._reader.readexactly(int(headers["content-length"]))
        return await self._reader.read()

    async def _chunks(self) -> AsyncIterator[bytes]:
        while size := int((await self._reader.readline()).split(b";")[0], 16):
            yield await self._reader.readexactly(size)
            await self._reader.readexactly(2)
        await self._reader.readline()

    async def download(self) -> tuple[int, AsyncIterator[bytes]]:
        """Status and body of an answer of known length, in blocks. Raises NoAnswer when it is short."""
        try:
            _, status, headers = await self._final_head()
        except asyncio.IncompleteReadError as error:
            raise NoAnswer("the connection ended before the answer began") from error
        return status, self._blocks(int(headers["content-length"]))

    async def _blocks(self, wanted: int) -> AsyncIterator[bytes]:
        while wanted:
            block = await self._reader.read(min(wanted, 1 << 18))
            if not block:
                raise NoAnswer(f"{wanted} bytes are missing at the end of the body")
            wanted -= len(block)
            yield block

    def cut(self) -> None:
        """End at once with RST, as a machine that lost power would when it is asked."""
        sock: socket.socket = self._writer.get_extra_info("socket")
        # Not there any more when the other end was faster.
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()


async def request(
    address: Address, method: str, target: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b""
) -> Answer:
    """One small request on a connection of its own. `Host` and `Content-Length` are added."""
    every = [("Host", f"{address.host}:{address.port}"), *headers, ("Connection", "close")]
    if body:
        every.append(("Content-Length", str(len(body))))
    async with await Connection.open(address) as connection:
        # The server may answer and close before it has read everything.
        with contextlib.suppress(ConnectionError):
            await connection.send(head_of(method, target, every), body)
        return await connection.answer(method)
