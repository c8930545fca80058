"""A server of the IETF draft in memory that can be told to behave strangely, down to its interim responses.

Belongs here: what our own server never does, and therefore cannot be used to test. Not here: good behaviour.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Kept:
    """One upload."""

    content: bytearray = field(default_factory=bytearray)
    is_complete: bool = False
    length: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request."""

    method: str
    path: str
    headers: Mapping[str, str]
    size: int
    """Bytes of its body."""


@dataclass(slots=True, kw_only=True)
class StrangeDraft:
    """Answers as it should, unless it is told otherwise."""

    limits: str = ""
    tells_limits: tuple[str, ...] = ("OPTIONS", "POST", "HEAD")
    """In answers to these."""
    interim: int = 0
    """104 responses before each answer to a body."""
    refusals: dict[str, list[int]] = field(default_factory=dict)
    """Statuses that a method is answered, one after the other."""
    forgets_the_end: int = 0
    """How often it keeps bytes and not that they were the last."""
    ends_early: bool = False
    is_ordinary: bool = False
    """It knows nothing of the draft, and says yes to anything."""
    uploads: dict[str, Kept] = field(default_factory=dict)
    seen: list[Asked] = field(default_factory=list)
    _port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/files/"

    @property
    def only(self) -> Kept:
        (kept,) = self.uploads.values()
        return kept

    def asked(self, method: str) -> list[Asked]:
        return [one for one in self.seen if one.method == method]

    @asynccontextmanager
    async def running(self) -> AsyncIterator["StrangeDraft"]:
        serving: set[asyncio.Task[None]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if (task := asyncio.current_task()) is not None:
                serving.add(task)
            with (
                contextlib.closing(writer),
                contextlib.suppress(ConnectionError, asyncio.IncompleteReadError),
            ):
                while True:
                    await self._serve_one(reader, writer)

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        async with server:
            yield self
            for task in serving:
                task.cancel()
            await asyncio.gather(*serving, return_exceptions=True)

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = dict(line.split(": ", 1) for line in head[1:] if line)
        body = await reader.readexactly(int(headers.get("Content-Length", "0")))
        asked = Asked(method=method, path=path, headers=headers, size=len(body))
        self.seen.append(asked)
        if body:
            for _n in range(self.interim):
                writer.write(b"HTTP/1.1 104 Upload Resumption Supported\r\nUpload-Offset: 1\r\n\r\n")
        status, told = self._answer(asked, body)
        if self.limits and method in self.tells_limits:
            told["Upload-Limit"] = self.limits
        if status not in (204, 104):
            told["Content-Length"] = "0"
        lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        writer.write(f"HTTP/1.1 {status} Said\r\n{lines}\r\n".encode())
        await writer.drain()

    def _answer(self, asked: Asked, body: bytes) -> tuple[int, dict[str, str]]:
        if self.is_ordinary:
            return 200, {}
        if waiting := self.refusals.get(asked.method):
            return waiting.pop(0), {"Upload-Complete": "?0"}
        if asked.method == "OPTIONS":
            return 204, {}
        if asked.method == "POST":
            path = f"/files/{len(self.uploads)}"
            self.uploads[path] = Kept(length=asked.headers.get("Upload-Length"))
            return 201, {"Location": path, **self._kept(self.uploads[path], asked, body)}
        kept = self.uploads.get(asked.path)
        if kept is None:
            return 404, {}
        if asked.method == "PATCH":
            return 204, self._kept(kept, asked, body)
        return 204, {**self._standing(kept), **self._length(kept)}

    def _kept(self, kept: Kept, asked: Asked, body: bytes) -> dict[str, str]:
        assert int(asked.headers.get("Upload-Offset", "0")) == len(kept.content)
        kept.content += body
        ends = asked.headers["Upload-Complete"] == "?1"
        if ends and self.forgets_the_end:
            self.forgets_the_end -= 1
            ends = False
        kept.is_complete = ends or (self.ends_early and asked.method == "PATCH")
        return self._standing(kept)

    def _length(self, kept: Kept) -> dict[str, str]:
        return {} if kept.length is None else {"Upload-Length": kept.length}

    def _standing(self, kept: Kept) -> dict[str, str]:
        complete = "?1" if kept.is_complete else "?0"
        return {"Upload-Complete": complete, "Upload-Offset": str(len(kept.content))}
