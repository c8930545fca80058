"""`/api/v1/admin/quarantine`: files that a scanner closed, and what becomes of them.

An admin sees what belongs to the tenant; who is admin of all tenants sees everything.

Belongs here: the requests and answers. Not here: what a decision does (uploads/quarantine.py).
"""

import re
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from protocol.errors import InvalidQuery, NotFound, NotInQuarantine, UploadNotFound
from protocol.upload import parse_upload_id
from tusd_py.access.authorize import Action, authorize
from tusd_py.access.identity import Identity
from tusd_py.metadata.files import Version
from tusd_py.uploads.quarantine import Decision, Quarantine

from .identify import Identify
from .json_bodies import json_response, rfc3339
from .queries import Said
from .route import Parameter, Reply, Route
from .schemas import FILE_ID, ID, TIME

USUAL, MOST = 100, 500
"""Versions of a page."""
_CURSOR = re.compile(r"([0-9a-f]{32})\.([0-9]{1,18})", re.ASCII)
_NUMBER = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineFace:
    """Answers operators about the quarantine."""

    identify: Identify
    quarantine: Quarantine

    async def page(self, request: web.Request) -> web.Response:
        """A page of what is in quarantine, what was released included."""
        identity = await self.identify(request)
        limit = _limit(request)
        found = await self.quarantine.scans.quarantined(
            _after(request), limit, tenant=None if identity.is_super else identity.tenant
        )
        last = found[-1] if len(found) == limit else None
        return json_response(
            {
                "files": [_document(version) for version in found],
                "next": f"{last.file_id}.{last.n}" if last else None,
            }
        )

    async def release(self, request: web.Request) -> web.Response:
        """Serve it in spite of its verdict."""
        await self._decide(request, Decision.RELEASE)
        return web.Response(status=204)

    async def delete(self, request: web.Request) -> web.Response:
        """Remove it for good."""
        await self._decide(request, Decision.DELETE)
        return web.Response(status=204)

    async def _decide(self, request: web.Request, decision: Decision) -> None:
        identity, shown = await self.identify(request), Said(request).text(_FINDING.name)
        version = await self._find(request, identity)
        if refusal := await self.quarantine.decide(version, decision, actor=identity.actor, shown=shown):
            raise NotInQuarantine(refusal)

    async def _find(self, request: web.Request, identity: Identity) -> Version:
        number = request.match_info["n"]
        try:
            file_id = parse_upload_id(request.match_info["file_id"])
            version = await self.quarantine.find(file_id, int(number)) if _NUMBER.fullmatch(number) else None
            if version is not None:
                authorize(identity, Action.OPERATE, version)
                return version
        except UploadNotFound:
            pass
        raise NotFound("there is no such version of a file")


def _limit(request: web.Request) -> int:
    text = request.query.get("limit", str(USUAL))
    if not _NUMBER.fullmatch(text) or int(text) > MOST:
        raise InvalidQuery(f"limit is {text[:40]!r}, wanted a number from 1 to {MOST}")
    return int(text)


def _after(request: web.Request) -> tuple[str, int]:
    text = request.query.get("cursor")
    if text is None:
        return "", 0
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise InvalidQuery(f"cursor is {text[:60]!r}, wanted one that came with a page")
    return found[1], int(found[2])


def _document(version: Version) -> dict[str, Any]:
    return {
        "file_id": version.file_id,
        "version": version.n,
        "upload_id": version.upload_id,
        "tenant": version.tenant,
        "user_id": version.owner,
        "filename": version.filename,
        "file_size": version.length,
        "sha256": version.sha256,
        "virus_status": version.verdict,
        "finding": version.finding,
        "engine": version.engine,
        "scanned_at": None if version.scanned_at is None else rfc3339(version.scanned_at),
        "released_by": version.released_by,
    }


_OPTIONAL = {"type": ["string", "null"]}
_PROPERTIES = {
    "file_id": ID,
    "version": {"type": "integer", "minimum": 1},
    "upload_id": ID,
    "tenant": {"type": "string"},
    "user_id": {"type": "string"},
    "filename": _OPTIONAL,
    "file_size": {"type": "integer", "minimum": 0},
    "sha256": _OPTIONAL,
    "virus_status": {"type": "string", "enum": ["infected", "unscannable"]},
    "finding": {**_OPTIONAL, "description": "What was found, or why it could not be scanned."},
    "engine": _OPTIONAL,
    "scanned_at": {**TIME, "type": ["string", "null"]},
    "released_by": {**_OPTIONAL, "description": "Who let it out."},
}
_VERSION = Parameter(
    name="n",
    where="path",
    description="Which version.",
    schema={"type": "string", "pattern": "^[1-9][0-9]*$"},
)
_FINDING = Parameter(
    name="finding",
    description="What the operator was shown. Nothing is done where something else was found since.",
    schema={"type": "string", "maxLength": 512},
)

QUARANTINE_ROUTES = (
    Route(
        method="GET",
        path="/api/v1/admin/quarantine",
        name="quarantine",
        handle=QuarantineFace.page,
        action=Action.OPERATE,
        summary="What a scanner closed, with what it found",
        parameters=(
            Parameter(name="cursor", description="The `next` of the page before.", schema={"type": "string"}),
            Parameter(
                name="limit",
                description="Versions of a page.",
                schema={"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL},
            ),
        ),
        replies={
            200: Reply(
                description="A page of versions.",
                schema={
                    "type": "object",
                    "required": ["files", "next"],
                    "properties": {
                        "files": {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "required": sorted(_PROPERTIES),
                                "properties": _PROPERTIES,
                            },
                        },
                        "next": _OPTIONAL,
                    },
                },
            )
        },
    ),
    Route(
        method="POST",
        path="/api/v1/admin/quarantine/{file_id}/versions/{n}/release",
        name="release",
        handle=QuarantineFace.release,
        action=Action.OPERATE,
        hides=True,
        summary="Serve a version in spite of what was found",
        parameters=(FILE_ID, _VERSION, _FINDING),
        replies={204: Reply(description="It is served.")},
    ),
    Route(
        method="DELETE",
        path="/api/v1/admin/quarantine/{file_id}/versions/{n}",
        name="delete_quarantined",
        handle=QuarantineFace.delete,
        action=Action.OPERATE,
        hides=True,
        summary="Remove a version that was found infected or unscannable, for good",
        parameters=(FILE_ID, _VERSION, _FINDING),
        replies={204: Reply(description="It is gone.")},
    ),
)
