"""A tus server in memory that can be told to behave strangely.

Belongs here: what our own server never does, and therefore cannot be used to test. Not here: good behaviour.
"""

import base64
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

RESUMABLE = {"Tus-Resumable": "1.0.0"}
EVERYTHING = "creation,creation-with-upload,creation-defer-length,termination,checksum,concatenation"

Answerer = Callable[[web.Request], Awaitable[web.StreamResponse | None]]


@dataclass(slots=True)
class Kept:
    """One upload."""

    length: int | None
    content: bytearray = field(default_factory=bytearray)


@dataclass(frozen=True, slots=True)
class Seen:
    """One request."""

    method: str
    path: str
    headers: Mapping[str, str]


@dataclass(slots=True, kw_only=True)
class Strange:
    """Answers as it should, unless `instead` gives an answer of its own."""

    instead: Answerer | None = None
    extensions: str = EVERYTHING
    location: str = "{path}"
    """What a new upload is said to be at; {path} and {port} are filled in."""
    uploads: dict[str, Kept] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/files/"

    @property
    def only(self) -> Kept:
        (kept,) = self.uploads.values()
        return kept

    def count(self, method: str) -> int:
        return sum(seen.method == method for seen in self.seen)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Strange"]:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{tail:.*}", self._handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.port = runner.addresses[0][1]
            yield self
        finally:
            await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(Seen(request.method, request.path, dict(request.headers)))
        answer = await self.instead(request) if self.instead else None
        if answer is not None:
            return answer
        if request.method == "OPTIONS":
            return said(204, {"Tus-Version": "1.0.0", "Tus-Extension": self.extensions} | _CHECKSUMS)
        if request.method == "POST":
            return await self._post(request)
        kept = self.uploads.get(request.path)
        if kept is None:
            return said(404)
        if request.method == "HEAD":
            return said(200, _standing(kept))
        if request.method == "DELETE":
            del self.uploads[request.path]
            return said(204)
        return await self._patch(request, kept)

    async def _post(self, request: web.Request) -> web.StreamResponse:
        path = f"/files/{len(self.uploads)}"
        length = request.headers.get("Upload-Length")
        self.uploads[path] = kept = Kept(None if length is None else int(length))
        kept.content += await request.read()
        where = self.location.format(path=path, port=self.port)
        return said(201, {"Location": where, "Upload-Offset": str(len(kept.content))})

    async def _patch(self, request: web.Request, kept: Kept) -> web.StreamResponse:
        if int(request.headers["Upload-Offset"]) != len(kept.content):
            return said(409)
        kept.content += await request.read()
        if "Upload-Length" in request.headers:
            kept.length = int(request.headers["Upload-Length"])
        return said(204, {"Upload-Offset": str(len(kept.content))})


_CHECKSUMS = {"Tus-Checksum-Algorithm": "sha1,crc32c"}


def said(status: int, headers: Mapping[str, str] | None = None, text: str = "") -> web.Response:
    """An answer with Tus-Resumable."""
    return web.Response(status=status, headers={**RESUMABLE, **(headers or {})}, text=text or None)


def _standing(kept: Kept) -> dict[str, str]:
    length = {} if kept.length is None else {"Upload-Length": str(kept.length)}
    return {"Upload-Offset": str(len(kept.content)), **length}


def is_proven(body: bytes, header: str) -> bool:
    """Whether a sha1 checksum is that of the body."""
    return header == "sha1 " + base64.b64encode(hashlib.sha1(body).digest()).decode()


def times(count: int, answer: Callable[[], web.StreamResponse], *methods: str) -> Answerer:
    """The first `count` requests of these methods are answered so."""
    left = count

    async def instead(request: web.Request) -> web.StreamResponse | None:
        nonlocal left
        if request.method not in methods or not left:
            return None
        left -= 1
        return answer()

    return instead
