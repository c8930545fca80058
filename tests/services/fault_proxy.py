"""A proxy before an object store that does what networks and stores do on bad days.

Belongs here: faults, each at the moment that a test chooses or by dice. Not here: what must hold (tests).
"""

import asyncio
import io
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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


_ERRORS = {Fault.ERROR: (500, "InternalError"), Fault.SLOW_DOWN: (503, "SlowDown")}
_EVERY = [fault for fault in Fault if fault is not Fault.ERROR_IN_200]


def operation_of(request: web.Request) -> str:
    """Roughly: what matters here."""
    query = request.query
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
        self.is_away = False
        """Everything is refused."""
        self.planned: list[tuple[str, Fault]] = []
        """Faults for the next request of an operation, before any dice."""
        self.met: Counter[str] = Counter()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Its endpoint."""
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", self._handle)
        async with ClientSession(auto_decompress=False, cookie_jar=DummyCookieJar()) as self._client:
            runner = web.AppRunner(app, access_log=None, auto_decompress=False)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            try:
                yield f"http://127.0.0.1:{runner.addresses[0][1]}"
            finally:
                await runner.cleanup()

    def _fault(self, operation: str) -> Fault | None:
        if self.is_away:
            return Fault.SLOW_DOWN
        for planned in self.planned:
            if planned[0] == operation:
                self.planned.remove(planned)
                return planned[1]
        if self._dice.random() >= self.share:
            return None
        return self._dice.choice([*_EVERY, Fault.ERROR_IN_200] if operation == "complete" else _EVERY)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        operation = operation_of(request)
        fault = self._fault(operation)
        body = await request.read()
        if fault is not None:
            self.met[f"{operation}: {fault.value}"] += 1
        if fault in _ERRORS:
            status, code = _ERRORS[fault]
            return _error(status, code)
        if fault is Fault.ERROR_IN_200:
            return _error(200, "InternalError")
        if fault is Fault.CUT:
            return _cut(request)
        answer = await self._forward(request, body)
        if fault is Fault.TWICE:
            answer = await self._forward(request, body)
        if fault is Fault.LOST_ANSWER:
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
