"""A small client of the IETF draft for tests: well-formed requests that may stop anywhere.

Belongs here: creations, appends and offsets, with what came before the final answers. Not here: malformed
requests, what is expected (test_ietf_*.py).
"""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from .tus import Framing
from .wire import Address, Answer, Connection, Interim, framed, head_of

VERSION = "Upload-Draft-Interop-Version"
PARTIAL = ("Content-Type", "application/partial-upload")
PIECE = 64 * 1024
"""Bytes of a chunk."""

Headers = Iterable[tuple[str, str]]


def place_of(told: Answer | Interim) -> str:
    """The path of the upload that it names."""
    return urlsplit(told.headers["location"]).path


@dataclass(frozen=True, slots=True, kw_only=True)
class IetfClient:
    """One user agent; every request has a connection of its own."""

    address: Address
    version: int | None = 9
    """The interop version that its requests name; None names none."""
    headers: tuple[tuple[str, str], ...] = ()
    """More, of every request."""

    async def create(
        self, body: bytes, *more: tuple[str, str], complete: bool, framing: Framing = Framing.LENGTH
    ) -> Answer:
        """POST."""
        return await self._send("POST", "/files/", (self.says(complete), *more), body, framing)

    async def append(
        self,
        target: str,
        offset: int,
        body: bytes,
        *more: tuple[str, str],
        complete: bool,
        framing: Framing = Framing.LENGTH,
    ) -> Answer:
        """PATCH."""
        fields = (*self._typed(), ("Upload-Offset", str(offset)), self.says(complete), *more)
        return await self._send("PATCH", target, fields, body, framing)

    async def ask(self, method: str, target: str, *more: tuple[str, str]) -> Answer:
        """What has no body."""
        async with await Connection.open(self.address) as connection:
            await connection.send(head_of(method, target, self._all(more)))
            return await connection.answer(method)

    async def begin_creation(self, announced: int, *more: tuple[str, str], complete: bool) -> Connection:
        """The head of a POST whose body is the caller's to send, and its connection to close."""
        return await self._begin("POST", "/files/", announced, (self.says(complete), *more))

    async def begin_append(
        self, target: str, offset: int, announced: int, *more: tuple[str, str], complete: bool
    ) -> Connection:
        """The same of a PATCH."""
        fields = (*self._typed(), ("Upload-Offset", str(offset)), self.says(complete), *more)
        return await self._begin("PATCH", target, announced, fields)

    def says(self, complete: bool) -> tuple[str, str]:
        """The field that says whether this is all; the oldest version has it the other way round."""
        if self.version == 3:
            return ("Upload-Incomplete", "?0" if complete else "?1")
        return ("Upload-Complete", "?1" if complete else "?0")

    def _typed(self) -> Headers:
        return () if self.version in (3, 4, 5) else (PARTIAL,)

    async def _begin(self, method: str, target: str, announced: int, fields: Headers) -> Connection:
        connection = await Connection.open(self.address)
        length = ("Content-Length", str(announced))
        await connection.send(head_of(method, target, self._all((*fields, length))))
        return connection

    async def _send(self, method: str, target: str, fields: Headers, body: bytes, framing: Framing) -> Answer:
        chunked = framing is Framing.CHUNKED
        length = ("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(len(body)))
        async with await Connection.open(self.address) as connection:
            # The server may answer and close before it has read everything.
            with contextlib.suppress(ConnectionError):
                await connection.send(head_of(method, target, self._all((*fields, length))))
                if chunked:
                    pieces = (body[at : at + PIECE] for at in range(0, len(body), PIECE))
                    await connection.send(*framed(pieces), b"0\r\n\r\n")
                else:
                    await connection.send(body)
            return await connection.answer(method)

    def _all(self, fields: Headers) -> list[tuple[str, str]]:
        version = () if self.version is None else ((VERSION, str(self.version)),)
        host = ("Host", f"{self.address.host}:{self.address.port}")
        return [host, *version, *self.headers, *fields, ("Connection", "close")]
