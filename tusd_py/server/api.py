"""`/api/v1`: who one is; the other routes of the API are faces of their own.

Belongs here: routes that are about the asker and the API itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tusd_py.access.authorize import Action, authorize
from tusd_py.access.identity import ANONYMOUS, Identity
from tusd_py.metadata.usage import QuotaOf, UsageRows

from .identify import Identify
from .json_bodies import json_response
from .openapi import DOCUMENT
from .route import Reply, Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """Answers for the API as a whole."""

    identify: Identify
    usage: UsageRows
    quota_of: QuotaOf | None
    """None where nothing is counted."""
    described: Callable[[], Mapping[str, Any]]
    """The OpenAPI document of this server."""

    async def openapi(self, _request: web.Request) -> web.Response:
        """What there is to be asked, for programs."""
        return json_response(self.described(), headers={"Cache-Control": "no-cache"})

    async def me(self, request: web.Request) -> web.Response:
        """Who the server takes the asker for, what they use and what they may use."""
        identity = await self.identify(request)
        authorize(identity, Action.IDENTIFY, None)
        return json_response(
            {
                "tenant": identity.tenant,
                "user_id": identity.subject,
                "scopes": sorted(scope.value for scope in identity.scopes),
                "shares_name": identity == ANONYMOUS,
                **await self._used(identity),
            }
        )

    async def _used(self, identity: Identity) -> dict[str, dict[str, int | None] | None]:
        if self.quota_of is None:
            return {"usage": None, "quota": None}
        used = await self.usage.of(identity.tenant, identity.subject)
        quota = self.quota_of(identity.tenant, identity.subject)
        return {
            "usage": {"bytes": used.bytes, "files": used.files, "open_uploads": used.open},
            "quota": {
                "bytes": quota.bytes or None,
                "files": quota.files or None,
                "open_uploads": quota.open or None,
            },
        }


_COUNT = {"type": "integer", "minimum": 0}
_NAMES = ("bytes", "files", "open_uploads")
_USAGE = {
    "type": ["object", "null"],
    "description": "What you store, with every version and unfinished upload; null where nobody counts.",
    "required": list(_NAMES),
    "properties": dict.fromkeys(_NAMES, _COUNT),
}
_QUOTA = {
    "type": ["object", "null"],
    "description": "What you may store; null is no limit.",
    "required": list(_NAMES),
    "properties": {name: {"type": ["integer", "null"], "minimum": 1} for name in _NAMES},
}

ME = {
    "type": "object",
    "required": ["tenant", "user_id", "scopes", "shares_name", "usage", "quota"],
    "properties": {
        "tenant": {"type": "string", "description": "Empty where there are no tenants."},
        "user_id": {"type": "string"},
        "scopes": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        "shares_name": {
            "type": "boolean",
            "description": "All visitors have this one name, so that none may list what is under it.",
        },
        "usage": _USAGE,
        "quota": _QUOTA,
    },
}

API_ROUTES = (
    Route(
        method="GET",
        path="/api/v1/me",
        name="me",
        handle=Api.me,
        action=Action.IDENTIFY,
        summary="Who the server takes you for, what you may do, and what you use",
        replies={200: Reply(description="You.", schema=ME)},
    ),
    Route(
        method="GET",
        path="/api/v1/openapi.json",
        name="openapi",
        handle=Api.openapi,
        action=None,
        counts_strangers=True,
        summary="This document",
        replies={200: Reply(description="OpenAPI 3.1.", schema=DOCUMENT)},
    ),
)
