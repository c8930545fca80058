"""Are we alive, are we ready: /healthz, /readyz and the alias /health.

Belongs here: the answers and the time-outs. Not here: what is checked; whoever owns it adds a check.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from protocol.errors import ProtocolError
from storage_backends.base import StorageError, StorageFull
from tusd_py.log import get_logger
from tusd_py.metadata.database import DatabaseError
from tusd_py.scanning.scanner import NoVerdict

from .route import Reply, Route

log = get_logger("tusd_py.server")

PATIENCE = 2.0
"""Seconds for one check; orchestrators ask with time-outs of a few seconds."""

_FRESH = 1.0
"""Seconds for which a report is given out again, so that asking often costs the database nothing."""

_RETRY_AFTER = "5"

_LOW = "low on space"
"""New uploads are refused; everything that is there can be fetched, deleted and finished."""
_GOOD_ENOUGH = frozenset({"ok", _LOW})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Check:
    name: str
    ask: Callable[[], Awaitable[None]]
    required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the checks said: "ok", "low on space", "failed" or "timeout". Never why: strangers read it."""

    ready: bool
    checks: dict[str, str]


class Readiness:
    """Named checks, and whether we are draining."""

    def __init__(self) -> None:
        self.draining = False
        """Set on SIGTERM: load balancers should send new requests elsewhere."""
        self._checks: list[_Check] = []
        self._asking = asyncio.Lock()
        self._last: Report | None = None
        self._fresh_until = 0.0

    def add(self, name: str, ask: Callable[[], Awaitable[None]], *, required: bool = True) -> None:
        """`ask` raises if its part is down. Without `required` it is only shown."""
        self._checks.append(_Check(name=name, ask=ask, required=required))

    async def report(self) -> Report:
        """Ask every check, at most once a second however many want to know."""
        loop = asyncio.get_running_loop()
        async with self._asking:
            if self._last is None or loop.time() >= self._fresh_until:
                self._last = await self._ask_all()
                self._fresh_until = loop.time() + _FRESH
            return self._last

    async def _ask_all(self) -> Report:
        answers = await asyncio.gather(*(_ask(check) for check in self._checks))
        said = dict(zip((check.name for check in self._checks), answers, strict=True))
        return Report(
            ready=all(said[check.name] in _GOOD_ENOUGH for check in self._checks if check.required),
            checks=said,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The face for load balancers and orchestrators."""

    readiness: Readiness

    async def alive(self, _request: web.Request) -> web.Response:
        """The process answers; nothing else is looked at, so that a slow database restarts nobody."""
        return web.Response(text="ok\n", headers={"Cache-Control": "no-store"})

    async def ready(self, _request: web.Request) -> web.Response:
        """Whether requests should come here."""
        return _answer(await self.readiness.report(), draining=self.readiness.draining)


async def _ask(check: _Check) -> str:
    try:
        async with asyncio.timeout(PATIENCE):
            await check.ask()
    except TimeoutError:
        log.warning("health.timeout", check=check.name, seconds=PATIENCE)
        return "timeout"
    except StorageFull as full:
        log.warning("health.low_on_space", check=check.name, error=str(full))
        return _LOW
    except (StorageError, DatabaseError, ProtocolError, NoVerdict) as failed:
        log.warning("health.failed", check=check.name, error=str(failed))
        return "failed"
    except Exception:  # a check may fail in any way, and must not take the others along
        log.warning("health.failed", check=check.name, exc_info=True)
        return "failed"
    return "ok"


def _answer(report: Report, *, draining: bool) -> web.Response:
    ready = report.ready and not draining
    status = "draining" if draining else "ok" if report.ready else "unavailable"
    headers = {"Cache-Control": "no-store"} | ({} if ready else {"Retry-After": _RETRY_AFTER})
    return web.Response(
        status=web.HTTPOk.status_code if ready else web.HTTPServiceUnavailable.status_code,
        text=json.dumps({"status": status, "checks": report.checks}) + "\n",
        content_type="application/json",
        headers=headers,
    )


_ALIVE = Reply(description="The process answers.", media_type="text/plain")
_REPORT = {
    "type": "object",
    "required": ["status", "checks"],
    "properties": {
        "status": {"enum": ["ok", "unavailable", "draining"]},
        "checks": {"type": "object", "additionalProperties": {"enum": ["ok", _LOW, "failed", "timeout"]}},
    },
}

HEALTH_ROUTES = (
    Route(
        method="GET",
        path="/healthz",
        name="alive",
        handle=Health.alive,
        action=None,
        summary="Is the process alive",
        replies={200: _ALIVE},
    ),
    Route(
        method="GET",
        path="/health",
        name="alive_too",
        handle=Health.alive,
        action=None,
        summary="The same as /healthz",
        replies={200: _ALIVE},
    ),
    Route(
        method="GET",
        path="/readyz",
        name="ready",
        handle=Health.ready,
        action=None,
        summary="Should requests be sent here",
        replies={
            200: Reply(description="Yes.", schema=_REPORT),
            503: Reply(description="Not now.", schema=_REPORT),
        },
    ),
)
