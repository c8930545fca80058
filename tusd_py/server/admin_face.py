"""`/api/v1/admin/stats` and `/api/v1/admin/config`: how the installation is, and how it is set up.

Both are about everybody: for the admin of all tenants, which without tenants is the admin.

Belongs here: the answers. Not here: numbers (metadata/), metrics for machines (metrics.py).
"""

import re
import time
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from protocol.errors import InvalidQuery
from tusd_py.access.authorize import Action, authorize
from tusd_py.config.effective import Sources, in_force
from tusd_py.config.settings import Settings
from tusd_py.metadata.jobs import Backlog, JobRows
from tusd_py.metadata.minutes import Minute, MinuteRows
from tusd_py.metadata.totals import Stored, TotalRows, UnderWay
from tusd_py.metadata.workers import Worker, WorkerRows

from .identify import Identify
from .json_bodies import json_response, rfc3339
from .route import Parameter, Reply, Route
from .schemas import ID, TIME

USUAL, MOST = 60, 7 * 24 * 60
"""Minutes of the past."""
SHOWN = 100
"""Uploads under way that are named."""
_FRESH = 30.0
"""Seconds for which what is stored is not counted anew: that looks at every version."""
_NUMBER = re.compile(r"[0-9]{1,6}", re.ASCII)


@dataclass(slots=True, kw_only=True)
class Counted:
    """The last count of what is stored."""

    stored: Stored | None = None
    fresh_until: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminFace:
    """Answers operators about the installation."""

    identify: Identify
    settings: Settings
    sources: Sources
    minutes: MinuteRows
    totals: TotalRows
    jobs: JobRows
    workers: WorkerRows
    counted: Counted = field(default_factory=Counted)

    async def stats(self, request: web.Request) -> web.Response:
        """The last minutes, what there is now, and what is under way."""
        authorize(await self.identify(request), Action.OVERSEE, None)
        span = _minutes(request)
        return json_response(
            {
                "now": rfc3339(time.time_ns() // 1000),
                "minutes": [_minute(one) for one in await self.minutes.since(span)],
                "stored": _stored(await self._stored()),
                "unfinished": await self.totals.unfinished(),
                "uploads": [_under_way(one) for one in await self.totals.under_way(SHOWN)],
                "jobs": [_backlog(one) for one in await self.jobs.backlog()],
                "workers": [_worker(one) for one in await self.workers.alive()],
            }
        )

    async def _stored(self) -> Stored:
        now = time.monotonic()
        if self.counted.stored is None or now >= self.counted.fresh_until:
            self.counted.stored = await self.totals.stored()
            self.counted.fresh_until = now + _FRESH
        return self.counted.stored

    async def config(self, request: web.Request) -> web.Response:
        """What is in force. Secrets are masked here, so none can reach a page."""
        authorize(await self.identify(request), Action.OVERSEE, None)
        return json_response(
            {
                "settings": [
                    {
                        "section": one.section,
                        "name": one.name,
                        "value": one.shown,
                        "source": one.source,
                        "is_default": one.is_default,
                    }
                    for one in in_force(self.settings, self.sources)
                ]
            }
        )


def _minutes(request: web.Request) -> int:
    text = request.query.get("minutes", str(USUAL))
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= MOST:
        raise InvalidQuery(f"minutes is {text[:40]!r}, wanted a number from 1 to {MOST}")
    return int(text)


# --- JSON


def _minute(minute: Minute) -> dict[str, Any]:
    return {
        "at": rfc3339(minute.at),
        "created": minute.created,
        "finished": minute.finished,
        "received": minute.received,
        "jobs": minute.jobs,
    }


def _stored(stored: Stored) -> dict[str, int]:
    return {
        "files": stored.files,
        "versions": stored.versions,
        "bytes": stored.bytes,
        "quarantined": stored.quarantined,
    }


def _under_way(upload: UnderWay) -> dict[str, Any]:
    return {
        "upload_id": upload.upload_id,
        "file_id": upload.file_id,
        "tenant": upload.tenant,
        "user_id": upload.owner,
        "filename": upload.filename,
        "offset": upload.offset,
        "length": upload.length,
        "created_at": rfc3339(upload.created_at),
        "updated_at": rfc3339(upload.updated_at),
        "is_written": upload.worker is not None,
        "worker": upload.worker,
    }


def _backlog(backlog: Backlog) -> dict[str, Any]:
    return {
        "consumer": backlog.consumer,
        "waiting": backlog.total - backlog.claimed,
        "running": backlog.claimed,
        "failing": backlog.failing,
        "overdue": backlog.overdue / 1e6,
    }


def _worker(worker: Worker) -> dict[str, str]:
    return {"worker": worker.id, "host": worker.host, "node": worker.node}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": sorted(properties), "properties": properties}


def _list(of: dict[str, Any], description: str) -> dict[str, Any]:
    return {"type": "array", "items": of, "description": description}


_COUNT = {"type": "integer", "minimum": 0}
_TEXT = {"type": "string"}
_STATS = _object(
    now=TIME,
    minutes=_list(
        _object(at=TIME, created=_COUNT, finished=_COUNT, received=_COUNT, jobs=_COUNT),
        "Those in which there was something, in order; received is bytes.",
    ),
    stored=_object(files=_COUNT, versions=_COUNT, bytes=_COUNT, quarantined=_COUNT),
    unfinished=_COUNT,
    uploads=_list(
        _object(
            upload_id=ID,
            file_id=ID,
            tenant=_TEXT,
            user_id=_TEXT,
            filename={"type": ["string", "null"]},
            offset=_COUNT,
            length={"type": ["integer", "null"], "minimum": 0},
            created_at=TIME,
            updated_at=TIME,
            is_written={"type": "boolean", "description": "A request writes to it now."},
            worker={"type": ["string", "null"], "description": "The one whose request that is."},
        ),
        f"Under way; those that are written now come first, at most {SHOWN}.",
    ),
    jobs=_list(
        _object(
            consumer=_TEXT,
            waiting=_COUNT,
            running=_COUNT,
            failing=_COUNT,
            overdue={"type": "number", "description": "Seconds since the oldest was due."},
        ),
        "By what they are for.",
    ),
    workers=_list(
        _object(
            worker=_TEXT,
            host={"type": "string", "description": "Of one kernel and data folder; no other has it."},
            node={"type": "string", "description": "What the machine is called."},
        ),
        "Processes that serve.",
    ),
)
_CONFIG = _object(
    settings=_list(
        _object(
            section=_TEXT,
            name=_TEXT,
            value={"type": "string", "description": "As TOML writes it; secrets are masked."},
            source={"type": "string", "description": "A file with its line, a variable, a flag, or default."},
            is_default={"type": "boolean"},
        ),
        "In the order of the configuration file.",
    )
)

ADMIN_ROUTES = (
    Route(
        method="GET",
        path="/api/v1/admin/stats",
        name="stats",
        handle=AdminFace.stats,
        action=Action.OVERSEE,
        summary="What the installation did lately, and how it is now",
        parameters=(
            Parameter(
                name="minutes",
                description="How far back.",
                schema={"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL},
            ),
        ),
        replies={200: Reply(description="Numbers.", schema=_STATS)},
    ),
    Route(
        method="GET",
        path="/api/v1/admin/config",
        name="effective_config",
        handle=AdminFace.config,
        action=Action.OVERSEE,
        summary="The settings in force, and where each came from",
        replies={200: Reply(description="Settings.", schema=_CONFIG)},
    ),
)
