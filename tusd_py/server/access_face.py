"""`/api/v1/auth`, `/api/v1/ticket`, `/api/v1/uploads/{upload_id}/token`: coming in, and passes for others.

Belongs here: the requests and answers. Not here: what a pass is (access/passes.py), who may have one
(access/authorize.py).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from protocol.errors import InvalidBody
from protocol.upload import parse_upload_id
from tusd_py.access.authorize import Action
from tusd_py.access.identity import Scope
from tusd_py.access.passes import Key, Kind, Pass, sign
from tusd_py.config.settings import Settings
from tusd_py.uploads.context import Context
from tusd_py.uploads.lookup import find_upload

from .identify import Identify
from .json_bodies import json_response, read_object, rfc3339
from .route import Reply, Route
from .schemas import ID, TIME, UPLOAD_ID

NewestKey = Callable[[], Awaitable[Key]]
"""The key that signs now."""

_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessFace:
    """Answers about coming in."""

    context: Context
    settings: Settings
    identify: Identify
    newest_key: NewestKey

    async def auth(self, _request: web.Request) -> web.Response:
        """What a page must know to offer a sign-in. Nothing here is a secret."""
        access = self.settings.access
        provider = None
        if access.oidc_client_id and "jwt" in access.auth:
            provider = {
                "issuer": access.jwt_issuer,
                "client_id": access.oidc_client_id,
                "scopes": list(access.oidc_scopes),
            }
        ways = [way for way in access.auth if way != "none"]
        return json_response({"required": not access.is_open, "ways": ways, "oidc": provider})

    async def ticket(self, request: web.Request) -> web.Response:
        """The asker in a few words, for the query of a WebSocket or an event stream."""
        identity = await self.identify(request)
        expires_at = self._at(self.settings.access.ticket_expiry, until=identity.expires_at)
        passed = Pass(
            kind=Kind.TICKET,
            tenant=identity.tenant,
            subject=identity.subject,
            scopes=identity.scopes,
            expires_at=expires_at,
            upload_id=identity.only_upload,
            may_terminate=identity.only_upload != "" and identity.may_terminate,
        )
        text = sign(passed, await self.newest_key())
        return _created({"ticket": text, "expires_at": rfc3339(expires_at * _MICROSECONDS)})

    async def token(self, request: web.Request) -> web.Response:
        """A token for one upload, to be given to whoever sends its bytes."""
        identity = await self.identify(request)
        upload_id = parse_upload_id(request.match_info["upload_id"])
        upload = await find_upload(self.context, identity, Action.DELEGATE, upload_id)
        wanted = await read_object(request) if request.body_exists else {}
        life, may_terminate = self._wanted(wanted)
        expires_at = self._at(life)
        passed = Pass(
            kind=Kind.UPLOAD,
            tenant=upload.tenant,
            subject=upload.owner,
            scopes=frozenset({Scope.UPLOAD}),
            expires_at=expires_at,
            upload_id=upload.id,
            may_terminate=may_terminate,
        )
        text = sign(passed, await self.newest_key())
        return _created(
            {
                "token": text,
                "upload_id": upload.id,
                "expires_at": rfc3339(expires_at * _MICROSECONDS),
                "terminate": may_terminate,
            }
        )

    def _wanted(self, said: dict[str, Any]) -> tuple[float, bool]:
        """Seconds, and whether it may delete. Raises InvalidBody."""
        most = self.settings.access.upload_token_expiry
        unknown = sorted(said.keys() - {"expires_in", "terminate"})
        if unknown:
            raise InvalidBody(f"the body names {unknown[0]!r}, wanted 'expires_in' and 'terminate'")
        life, may_terminate = said.get("expires_in", most), said.get("terminate", False)
        if isinstance(life, bool) or not isinstance(life, int | float) or not 1 <= life <= most:
            raise InvalidBody(f"expires_in is {life!r}, wanted seconds from 1 to {most:g}")
        if not isinstance(may_terminate, bool):
            raise InvalidBody(f"terminate is {may_terminate!r}, wanted true or false")
        return life, may_terminate

    def _at(self, life: float, *, until: float | None = None) -> int:
        """Whole seconds since the epoch, not beyond `until`."""
        ends = self.context.clock() + life
        return int(ends if until is None else min(ends, until))


def _created(said: dict[str, Any]) -> web.Response:
    return json_response(said, status=web.HTTPCreated.status_code, headers={"Cache-Control": "no-store"})


_AUTH = {
    "type": "object",
    "required": ["required", "ways", "oidc"],
    "properties": {
        "required": {"type": "boolean", "description": "False where visitors are anonymous."},
        "ways": {"type": "array", "items": {"type": "string", "enum": ["key", "jwt", "forward"]}},
        "oidc": {
            "description": "Null where the page offers no sign-in at a provider.",
            "oneOf": [
                {"type": "null"},
                {
                    "type": "object",
                    "required": ["issuer", "client_id", "scopes"],
                    "properties": {
                        "issuer": {"type": "string"},
                        "client_id": {"type": "string"},
                        "scopes": {"type": "array", "items": {"type": "string"}},
                    },
                },
            ],
        },
    },
}
_TICKET = {
    "type": "object",
    "required": ["ticket", "expires_at"],
    "properties": {"ticket": {"type": "string"}, "expires_at": TIME},
}
_TOKEN = {
    "type": "object",
    "required": ["token", "upload_id", "expires_at", "terminate"],
    "properties": {
        "token": {"type": "string", "description": "For Authorization: Bearer."},
        "upload_id": ID,
        "expires_at": TIME,
        "terminate": {"type": "boolean"},
    },
}
_TOKEN_WANTED = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "expires_in": {"type": "number", "minimum": 1, "description": "Seconds."},
        "terminate": {"type": "boolean", "default": False, "description": "It may delete the upload, too."},
    },
}

ACCESS_ROUTES = (
    Route(
        method="GET",
        path="/api/v1/auth",
        name="auth",
        handle=AccessFace.auth,
        action=None,
        counts_strangers=True,
        summary="How to come in",
        replies={200: Reply(description="What is offered.", schema=_AUTH)},
    ),
    Route(
        method="POST",
        path="/api/v1/ticket",
        name="ticket",
        handle=AccessFace.ticket,
        action=Action.IDENTIFY,
        summary="A ticket for a WebSocket or an event stream, which browsers open without headers",
        replies={201: Reply(description="A ticket.", schema=_TICKET)},
    ),
    Route(
        method="POST",
        path="/api/v1/uploads/{upload_id}/token",
        name="upload_token",
        handle=AccessFace.token,
        action=Action.DELEGATE,
        hides=True,
        summary="A token that is good for one upload, to be given to a browser",
        parameters=(UPLOAD_ID,),
        body=_TOKEN_WANTED,
        replies={201: Reply(description="A token.", schema=_TOKEN)},
    ),
)
