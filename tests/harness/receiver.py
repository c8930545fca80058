"""Somebody's webhook receiver, and the ways in which it fails.

It proves each signature with the reference library, and remembers what it took. Belongs here: receiving. Not
here: what is sent to it.
"""

import asyncio
import base64
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from aiohttp import web
from standardwebhooks.webhooks import Webhook

from .ports import free_port

SECRET = "whsec_" + base64.b64encode(b"a key of thirty-two bytes, says us"[:32]).decode()


class How(StrEnum):
    """What becomes of a request."""

    TAKE = "take"
    SLOWLY = "slowly"
    """Taken, after a while."""
    FAIL = "fail"
    """500."""
    BUSY = "busy"
    """503."""
    AWAY = "away"
    """302 to somewhere else."""
    HANG = "hang"
    """No answer at all."""
    LOSE_ANSWER = "lose answer"
    """Taken, but the answer does not arrive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A message, as it was taken."""

    id: str
    kind: str
    subject: str
    body: bytes


Choose = Callable[[str], How]
"""By subject."""


@dataclass(kw_only=True)
class Receiver:
    """One endpoint on a port of its own; `stop` and `start` as often as wanted."""

    choose: Choose = lambda _subject: How.TAKE
    slow: float = 0.05
    port: int = field(default_factory=free_port)
    taken: list[Taken] = field(default_factory=list)
    """Also what was taken before."""
    met: Counter[How] = field(default_factory=Counter)
    """Requests, by what became of them."""
    forged: int = 0
    _runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/hook", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def stop(self) -> None:
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.stop()

    def ids(self) -> list[str]:
        return [one.id for one in self.taken]

    def firsts(self) -> list[Taken]:
        """Each once, where it came first."""
        found: dict[str, Taken] = {}
        for one in self.taken:
            found.setdefault(one.id, one)
        return list(found.values())

    def out_of_order(self, expected: Sequence[tuple[str, str]]) -> list[str]:
        """Subjects whose events, (subject, kind), did not come in this order."""
        wanted: dict[str, list[str]] = {}
        for subject, kind in expected:
            wanted.setdefault(subject, []).append(kind)
        found: dict[str, list[str]] = {}
        for one in self.firsts():
            found.setdefault(one.subject, []).append(one.kind)
        return [subject for subject, kinds in wanted.items() if found.get(subject) != kinds]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        try:
            said: dict[str, Any] = Webhook(SECRET).verify(body, dict(request.headers))
        except Exception:
            self.forged += 1
            raise
        subject = said.get("data", {}).get("upload_id", "")
        how = self.choose(subject)
        self.met[how] += 1
        match how:
            case How.FAIL:
                return web.Response(status=500)
            case How.BUSY:
                return web.Response(status=503)
            case How.AWAY:
                raise web.HTTPFound("http://127.0.0.1:1/elsewhere")
            case How.HANG:
                await asyncio.sleep(3600)
            case How.SLOWLY:
                await asyncio.sleep(self.slow)
            case How.LOSE_ANSWER:
                self._take(request, said, body)
                assert request.transport is not None
                request.transport.abort()
        self._take(request, said, body)
        return web.Response(text="thanks")

    def _take(self, request: web.Request, said: dict[str, Any], body: bytes) -> None:
        assert request.headers["webhook-id"] == said["id"]
        assert json.loads(body) == said
        kind, subject = said["type"], said["data"].get("upload_id", "")
        self.taken.append(Taken(id=said["id"], kind=kind, subject=subject, body=body))
