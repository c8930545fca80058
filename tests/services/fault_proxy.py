"""A proxy before an object store that does what networks and stores do on bad days.

Belongs here: faults, each at the moment that a test chooses or by dice. Not here: what must hold (tests).
"""

import asyncio
import io
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum

from aiohttp import ClientSession, DummyCookieJar, web
from multidict import CIMultiDict
from yarl import URL

_OURS = frozenset({"transfer-encoding", "connection", "keep-alive", "content-encoding"})


class Fault(StrEnum):
    """What happens to one request."""

    ERROR = "500 without doing it"
    SLOW_DOWN = "503 SlowDown without doing it"
    LOST_ANSWER = "done, and the connection cut before the answer"
    CUT = "the connection cut, not done"
    ERROR_AFTER = "done, and 500"
    TWICE = "done twice"
    ERROR_IN_200 = "200 with an Error body, not done"
    LATE_ERROR = "500 a moment later, without doing it"
    SILENCE = "no answer, not done"


_ERRORS = {
    Fault.ERROR: (500, "InternalError"),
    Fault.LATE_ERROR: (500, "InternalError"),
    Fault.SLOW_DOWN: (503, "SlowDown"),
    Fault.ERROR_IN_200: (200, "InternalError"),
}
_CHOSEN_ONLY = (Fault.ERROR_IN_200, Fault.LATE_ERROR, Fault.SILENCE)
_EVERY = [fault for fault in Fault if fault not in _CHOSEN_ONLY]
LATER = 0.3
"""Seconds in which what was sent after it gets by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to the store."""

    operation: str
    key: str
    """With the bucket before it."""
    part: int
    """Its number; 0 where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What stores of another kind would say, without doing it."""

    status: int
    code: str


Rule = Callable[[Call], Fault | Refusal | None]
Watch = Callable[[Call], Awaitable[bool]]
"""Whether the connection is cut now."""


def call_of(request: web.Request) -> Call:
    """What matters of it."""
    return Call(
        operation=operation_of(request),
        key=request.path.lstrip("/"),
        part=int(request.query.get("partNumber", "0")),
    )


def operation_of(request: web.Request) -> str:
    """Roughly: what matters here."""
    query = request.query
    if "x-amz-copy-source" in request.headers:
        return "copy part"
    if "uploadId" in query:
        return {"PUT": "part", "POST": "complete", "DELETE": "abort", "GET": "list parts"}[request.method]
    if request.method == "POST" and "uploads" in query:
        return "create"
    return request.method.lower()


class FaultProxy:
    """Forwards to `endpoint`; some requests, as `share` says, meet a fault."""

    def __init__(self, endpoint: str, seed: int) -> None:
        self._endpoint = URL(endpoint)
        self._dice = random.Random(seed)
        self._runner: web.AppRunner | None = None
        self.share = 0.0
        self.away: Fault | None = None
        """What happens to everything, while there is such a thing."""
        self.planned: list[tuple[str, Fault]] = []
        """Faults for the next request of an operation, before any dice."""
        self.rules: list[Rule] = []
        """Asked after what is planned, and before any dice."""
        self.before: Watch | None = None
        """Called when a request is here, before the store hears of it."""
        self.after: Watch | None = None
        """Called between the store's answer and ours."""
        self.date: str | None = None
        """What the store says that its clock says."""
        self.met: Counter[str] = Counter()
        self.calls = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Its endpoint."""
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", self._handle)
        async with ClientSession(auto_decompress=False, cookie_jar=DummyCookieJar()) as self._client:
            runner = web.AppRunner(
                app, access_log=None, auto_decompress=False, handler_cancellation=True, shutdown_timeout=1.0
            )
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            try:
                yield f"http://127.0.0.1:{runner.addresses[0][1]}"
            finally:
                await runner.cleanup()

    def _fault(self, call: Call) -> Fault | Refusal | None:
        if self.away is not None:
            return self.away
        for planned in self.planned:
            if planned[0] == call.operation:
                self.planned.remove(planned)
                return planned[1]
        for rule in self.rules:
            if (fault := rule(call)) is not None:
                return fault
        if self._dice.random() >= self.share:
            return None
        return self._dice.choice([*_EVERY, Fault.ERROR_IN_200] if call.operation == "complete" else _EVERY)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        call = call_of(request)
        self.calls += 1
        fault = self._fault(call)
        body = await request.read()
        if self.before is not None and await self.before(call):
            return _cut(request)
        if isinstance(fault, Refusal):
            return _error(fault.status, fault.code)
        if fault is not None:
            self.met[f"{call.operation}: {fault.value}"] += 1
        if fault is Fault.LATE_ERROR:
            await asyncio.sleep(LATER)
        if fault in _ERRORS:
            return _error(*_ERRORS[fault])
        if fault is Fault.SILENCE:
            # Until the other side gives up, which cancels this.
            await asyncio.Event().wait()
        if fault is Fault.CUT:
            return _cut(request)
        answer = await self._forward(request, body)
        if fault is Fault.TWICE:
            answer = await self._forward(request, body)
        cut = self.after is not None and await self.after(call)
        if cut or fault is Fault.LOST_ANSWER:
            return _cut(request)
        return _error(500, "InternalError") if fault is Fault.ERROR_AFTER else answer

    async def _forward(self, request: web.Request, body: bytes) -> web.Response:
        url = self._endpoint.join(URL(request.raw_path, encoded=True))
        headers = CIMultiDict(item for item in request.headers.items() if item[0].lower() not in _OURS)
        async with self._client.request(
            request.method, url, headers=headers, data=io.BytesIO(body), allow_redirects=False
        ) as answer:
            content = await answer.read()
            kept = CIMultiDict(item for item in answer.headers.items() if item[0].lower() not in _OURS)
            if self.date is not None:
                kept["Date"] = self.date
            if request.method != "HEAD":
                kept.popall("Content-Length", None)
            return web.Response(status=answer.status, headers=kept, body=content)


def _error(status: int, code: str) -> web.Response:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>on a bad day</Message></Error>"
    return web.Response(status=status, text=body, content_type="application/xml")


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    raise asyncio.CancelledError
