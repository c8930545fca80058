"""A tiny application on the real runner, for tests of the HTTP plumbing.

Belongs here: starting it, and talking to it byte by byte. Not here: uploads.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import web

from tests.harness.wire import Address, Answer, Connection
from tusd_py.config.settings import Settings
from tusd_py.server.errors import install
from tusd_py.server.expect import expect_handler, send_continue
from tusd_py.server.location import client_address, upload_url
from tusd_py.server.metrics import Metrics
from tusd_py.server.runner import TusRunner
from tusd_py.server.sockets import Listening, open_sockets

UPLOAD = "0123456789abcdef0123456789abcdef"

__all__ = ["Address", "Answer", "Connection", "Tiny", "ask", "settings_with", "tiny_server"]


def settings_with(**sections: dict[str, Any]) -> Settings:
    """Defaults with some changed: settings_with(server={"allowed_hosts": ("a",)}); always on a free port."""
    chosen = {"server": {}, "metrics": {"port": 0}} | sections
    chosen["server"] = {"port": 0} | chosen["server"]
    base = Settings()
    return replace(base, **{name: replace(getattr(base, name), **values) for name, values in chosen.items()})


@dataclass
class Tiny:
    """A running server, and what its handlers saw."""

    address: Address
    runner: TusRunner
    metrics: Metrics
    listening: Listening
    bodies: list[bytes] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    def raw(self, head: str, body: bytes = b"") -> bytes:
        """A request from readable lines; Host is added unless it is there."""
        lines = [line.strip() for line in head.strip().splitlines()]
        if not any(line.lower().startswith("host:") for line in lines):
            lines.insert(1, f"Host: 127.0.0.1:{self.address.port}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


@asynccontextmanager
async def tiny_server(settings: Settings | None = None) -> AsyncIterator[Tiny]:
    """Routes: POST /files/ reads its body and answers 201; /files/refuse refuses before reading; and more."""
    settings = settings or settings_with()
    app = web.Application()
    metrics = Metrics(version="0")
    install(app, settings, meter=metrics)
    runner = TusRunner(
        app, settings=settings, opened=metrics.opened, closed=metrics.closed, refused=metrics.turned_away
    )
    listening = open_sockets(settings.server, backlog=settings.limits.backlog, environ={})
    port = 0 if settings.server.unix_sock else listening.sockets[0].getsockname()[1]
    tiny = Tiny(Address("127.0.0.1", port), runner, metrics, listening)
    _add_routes(app, tiny, settings)
    await runner.setup()
    try:
        await runner.listen(listening.sockets)
        yield tiny
    finally:
        tiny.release.set()
        await runner.cleanup()
        listening.close()


def _add_routes(app: web.Application, tiny: Tiny, settings: Settings) -> None:
    async def create(request: web.Request) -> web.Response:
        tiny.calls.append(request.method)
        await send_continue(request)
        await send_continue(request)
        tiny.bodies.append(await request.content.read())
        location = upload_url(request, settings, UPLOAD)
        return web.Response(
            status=201, headers={"Location": location, "X-Client": client_address(request, settings)}
        )

    async def refuse(request: web.Request) -> web.Response:
        tiny.calls.append(request.method)
        raise web.HTTPRequestEntityTooLarge(max_size=1, actual_size=2)

    async def crash(_request: web.Request) -> web.Response:
        raise ZeroDivisionError("secret detail")

    async def hang(_request: web.Request) -> web.Response:
        await tiny.release.wait()
        return web.Response(text="released")

    async def options(_request: web.Request) -> web.Response:
        return web.Response(headers={"Tus-Version": "1.0.0"})

    async def sockopts(request: web.Request) -> web.Response:
        sock = request.get_extra_info("socket")
        return web.json_response(
            [sock.getsockopt(*map(int, pair.split("-"))) for pair in request.query["of"].split(",")]
        )

    async def half(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "10"})
        await response.prepare(request)
        await response.write(b"12345")
        raise ZeroDivisionError

    app.router.add_post("/files/", create, expect_handler=expect_handler)
    app.router.add_route("*", "/files/refuse", refuse, expect_handler=expect_handler)
    app.router.add_route("*", "/files/crash", crash)
    app.router.add_get("/files/half", half)
    app.router.add_get("/files/hang", hang)
    app.router.add_get("/files/sockopts", sockopts)
    app.router.add_route("OPTIONS", "/files/", options)
    app.router.add_get("/file/x", options)


async def ask(tiny: Tiny, head: str, body: bytes = b"") -> Answer:
    """One exchange on a connection of its own; only the answer's own words are trusted."""
    async with await Connection.open(tiny.address) as connection:
        await connection.send(tiny.raw(head, body))
        return await connection.answer(head.split(maxsplit=1)[0])


def events(records: Iterable[logging.LogRecord]) -> list[str]:
    """The names of our events among what was logged; what a library said stands there as its sentence."""
    return [str(record.msg["event"] if isinstance(record.msg, dict) else record.msg) for record in records]
