"""The wrong server itself, in this process, on a port of its own.

Belongs here: connections and what every answer carries. Not here: tus (tus.py).
"""

import asyncio
import contextlib
from enum import StrEnum
from types import TracebackType
from typing import Self

from .bugs import Bug
from .http import Answer, Cut, Request, read_request
from .ietf.bugs import DraftBug
from .parsing import Refused
from .tus import METHODS, answer, effective_method
from .uploads import House

_ALLOWED = (
    *("Authorization", "Content-Type", "Tus-Resumable", "Upload-Checksum", "Upload-Concat", "X-Request-ID"),
    *("Upload-Defer-Length", "Upload-Length", "Upload-Metadata", "Upload-Offset", "X-HTTP-Method-Override"),
)
_EXPOSED = (
    *("Location", "Tus-Checksum-Algorithm", "Tus-Extension", "Tus-Max-Size", "Tus-Resumable", "Tus-Version"),
    *("Upload-Concat", "Upload-Defer-Length", "Upload-Expires", "Upload-Length", "Upload-Metadata"),
    "Upload-Offset",
)


class WrongServer:
    """An async context manager; without bugs it is right."""

    def __init__(self, *bugs: Bug | DraftBug, lifetime: float = 3600.0) -> None:
        """`lifetime` is the seconds after which unfinished uploads expire."""
        self._bugs = frozenset[StrEnum](bugs)
        self._lifetime = lifetime
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/files/"
        self._house = House(base=self.url, bugs=self._bugs, lifetime=self._lifetime)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._connections.add(serving)
        serving.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gone = (Cut, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)
        try:
            with contextlib.suppress(*gone):
                while await self._serve_one(reader, writer):
                    continue
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; whether another may follow. Raises what ends a connection."""
        request = await read_request(reader, writer)
        try:
            answered = await answer(self._house, request)
        except Refused as refused:
            answered = refused.answer
        unread = request.size != 0 and not request.ended
        goes_on = not unread or Bug.SMUGGLED in self._bugs
        self._dress(answered, request)
        if not goes_on:
            answered.headers["Connection"] = "close"
        writer.write(answered.encoded(with_body=effective_method(self._house, request) != "HEAD"))
        if Bug.HEAD_WITH_BODY in self._bugs and request.method == "HEAD":
            writer.write(b"0123456789")
        await writer.drain()
        return goes_on

    def _dress(self, answered: Answer, request: Request) -> None:
        """The headers that every answer has."""
        is_error = answered.status >= 400
        if not (is_error and Bug.ERRORS_WITHOUT_VERSION in self._bugs):
            answered.headers["Tus-Resumable"] = "1.0.0"
        if answered.status == 404 and Bug.NOTHING_HAS_AN_OFFSET in self._bugs:
            answered.headers["Upload-Offset"] = "0"
        origin = request.header("Origin")
        if origin is None or (is_error and Bug.ERRORS_NOT_EXPOSED in self._bugs):
            return
        left_out = {"Upload-Checksum"} if Bug.CHECKSUM_NOT_ALLOWED in self._bugs else set()
        answered.headers |= {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": ", ".join(METHODS),
            "Access-Control-Allow-Headers": ", ".join(name for name in _ALLOWED if name not in left_out),
            "Access-Control-Expose-Headers": ", ".join(_EXPOSED),
        }
        if Bug.NO_VARY not in self._bugs:
            answered.headers["Vary"] = "Origin"
