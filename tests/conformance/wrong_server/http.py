"""HTTP/1.1 for the wrong server: requests in, answers out, bodies on demand.

Belongs here: framing. Not here: tus.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from http import HTTPStatus


class Cut(Exception):
    """The client went away, or its framing broke, in the middle of a body."""


@dataclass(kw_only=True)
class Request:
    """A request whose body may not have come yet."""

    method: str
    path: str
    http: str
    """The version of HTTP."""
    lines: list[tuple[str, str]]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    trailers: dict[str, str] = field(default_factory=dict)
    ended: bool = False
    """The body was read to its end."""

    def header(self, name: str) -> str | None:
        return next(iter(self.every(name)), None)

    def every(self, name: str) -> list[str]:
        return [value for key, value in self.lines if key == name.lower()]

    @property
    def size(self) -> int | None:
        """Bytes of the body; None for a chunked one."""
        if self.header("Transfer-Encoding"):
            return None
        return int(self.header("Content-Length") or 0)

    def invite(self) -> None:
        if self.header("Expect"):
            self.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.lines = [line for line in self.lines if line[0] != "expect"]

    async def body(self) -> AsyncIterator[bytes]:
        """Pieces as they come. Raises Cut."""
        self.invite()
        pieces = self._chunks() if self.size is None else self._counted(self.size)
        try:
            async for piece in pieces:
                yield piece
        except (asyncio.IncompleteReadError, ConnectionError, ValueError) as error:
            raise Cut from error
        self.ended = True

    async def _counted(self, size: int) -> AsyncIterator[bytes]:
        while size:
            piece = await self.reader.read(min(size, 1 << 16))
            if not piece:
                raise ConnectionError
            size -= len(piece)
            yield piece

    async def _chunks(self) -> AsyncIterator[bytes]:
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            yield await self.reader.readexactly(size)
            await self.reader.readexactly(2)
        while (line := await self.reader.readuntil(b"\r\n")) != b"\r\n":
            name, _, value = line.decode("latin-1").partition(":")
            self.trailers[name.strip().lower()] = value.strip()


@dataclass(kw_only=True)
class Answer:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    reason: str | None = None

    def encoded(self, *, with_body: bool) -> bytes:
        reason = self.reason if self.reason is not None else HTTPStatus(self.status).phrase
        length = {} if self.status == 204 else {"Content-Length": str(len(self.body))}
        head = [f"HTTP/1.1 {self.status} {reason}"]
        head += [f"{name}: {value}" for name, value in {**length, **self.headers}.items()]
        return ("\r\n".join(head) + "\r\n\r\n").encode("latin-1") + (self.body if with_body else b"")


async def read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request:
    """The next head. Raises asyncio.IncompleteReadError, ConnectionError at the end."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
    method, path, http = first.split(" ", 2)
    pairs = [line.partition(":") for line in lines]
    return Request(
        method=method,
        path=path,
        http=http,
        lines=[(name.strip().lower(), value.strip()) for name, _, value in pairs],
        reader=reader,
        writer=writer,
    )
