"""Making share links, listing them, and taking them back.

Belongs here: `/api/v1/.../links`. Not here: what visitors get (visit_face.py), who may what
(uploads/links.py).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import hdrs, web

from protocol.errors import InvalidBody, LinkNotFound, NotFound, UploadNotFound
from protocol.upload import UploadId, parse_upload_id
from tusd_py.access.authorize import Action
from tusd_py.metadata.links import Link, LinkState
from tusd_py.uploads.links import MOST_USES, Links, WantedLink

from .identify import Identify
from .json_bodies import json_response, read_object, rfc3339
from .route import Parameter, Reply, Route
from .schemas import FILE_ID, ID, TIME

_LONGEST = 10 * 366 * 24 * 3600
"""Seconds that anybody may ask for; the settings allow less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFace:
    """Serves whoever shares a file."""

    identify: Identify
    links: Links
    origin_of: Callable[[web.Request], str]
    """What clients see before our paths."""
    new_token: Callable[[], str]

    async def create(self, request: web.Request) -> web.Response:
        """A new link; its URL is told now and never again."""
        file_id = _file_id(request)
        identity = await self.identify(request)
        version = await self.links.to_share(identity, file_id)  # before a body is asked for
        wanted, token = _wanted(await read_object(request)), self.new_token()
        link = await self.links.create(identity, version, wanted, token=token)
        said = {**_document(link), "url": f"{self.origin_of(request)}/s/{token}"}
        return json_response(said, status=201, headers={hdrs.CACHE_CONTROL: "no-store"})

    async def of_file(self, request: web.Request) -> web.Response:
        """The links of a file, without their URLs, which nobody knows any more."""
        file_id = _file_id(request)
        found = await self.links.of_file(await self.identify(request), file_id)
        return json_response({"links": [_document(link) for link in found]})

    async def revoke(self, request: web.Request) -> web.Response:
        """It opens nothing from now on."""
        link_id = _link_id(request)
        await self.links.revoke(await self.identify(request), link_id)
        return web.Response(status=204)


# --- JSON


def _wanted(said: Mapping[str, Any]) -> WantedLink:
    unknown = sorted(set(said) - {"expires_in", "max_uses", "version"})
    if unknown:
        raise InvalidBody(f"{unknown[0][:40]!r} is unknown, wanted expires_in, max_uses, version")
    return WantedLink(
        expires_in=_number(said, "expires_in", _LONGEST),
        max_uses=_number(said, "max_uses", MOST_USES),
        version=_number(said, "version", 2**53),
    )


def _number(said: Mapping[str, Any], name: str, most: int) -> int | None:
    value = said.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise InvalidBody(f"{name} is {str(value)[:40]!r}, wanted a whole number from 1 to {most}, or null")
    return value


def _document(link: Link) -> dict[str, Any]:
    return {
        "link_id": link.id,
        "file_id": link.file_id,
        "version": link.version,
        "state": link.state,
        "created_at": rfc3339(link.created_at),
        "created_by": link.created_by,
        "expires_at": rfc3339(link.expires_at),
        "max_uses": link.max_uses,
        "uses": link.uses,
        "last_used_at": None if link.last_used_at is None else rfc3339(link.last_used_at),
    }


def _file_id(request: web.Request) -> UploadId:
    try:
        return parse_upload_id(request.match_info["file_id"])
    except UploadNotFound:
        raise NotFound from None


def _link_id(request: web.Request) -> UploadId:
    try:
        # Ids of links have the form of upload ids, and the same strict way in.
        return parse_upload_id(request.match_info["link_id"])
    except UploadNotFound:
        raise LinkNotFound from None


_WANTED = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "expires_in": {"type": ["integer", "null"], "minimum": 1, "description": "Seconds."},
        "max_uses": {"type": ["integer", "null"], "minimum": 1, "maximum": MOST_USES},
        "version": {
            "type": ["integer", "null"],
            "minimum": 1,
            "description": "Without one the link follows the file to its current version.",
        },
    },
}
_OPTIONAL_TIME = {**TIME, "type": ["string", "null"]}
_LINK_PROPERTIES = {
    "link_id": ID,
    "file_id": ID,
    "version": {"type": ["integer", "null"], "description": "null follows the file to its current version."},
    "state": {"type": "string", "enum": [state.value for state in LinkState]},
    "created_at": TIME,
    "created_by": {"type": "string"},
    "expires_at": TIME,
    "max_uses": {"type": ["integer", "null"]},
    "uses": {"type": "integer"},
    "last_used_at": _OPTIONAL_TIME,
}
_LINK = {"type": "object", "required": sorted(_LINK_PROPERTIES), "properties": _LINK_PROPERTIES}
_NEW_LINK = {
    "type": "object",
    "required": [*sorted(_LINK_PROPERTIES), "url"],
    "properties": {
        **_LINK_PROPERTIES,
        "url": {"type": "string", "format": "uri", "description": "Told now and never again."},
    },
}

LINK_ROUTES = (
    Route(
        method="POST",
        path="/api/v1/files/{file_id}/links",
        name="create_link",
        handle=LinkFace.create,
        action=Action.SHARE,
        hides=True,
        summary="A link that opens the file to whoever has it",
        parameters=(FILE_ID,),
        body=_WANTED,
        replies={201: Reply(description="The link.", schema=_NEW_LINK)},
    ),
    Route(
        method="GET",
        path="/api/v1/files/{file_id}/links",
        name="links",
        handle=LinkFace.of_file,
        action=Action.LIST_LINKS,
        hides=True,
        summary="The links of a file, newest first, closed ones behind the others",
        parameters=(FILE_ID,),
        replies={
            200: Reply(
                description="Closed ones too, until they are forgotten.",
                schema={
                    "type": "object",
                    "required": ["links"],
                    "properties": {"links": {"type": "array", "items": _LINK}},
                },
            )
        },
    ),
    Route(
        method="DELETE",
        path="/api/v1/links/{link_id}",
        name="revoke_link",
        handle=LinkFace.revoke,
        action=Action.SHARE,
        hides=True,
        summary="Revoke a link",
        parameters=(Parameter(name="link_id", where="path", description="Of the link.", schema=ID),),
        replies={204: Reply(description="It opens nothing any more.")},
    ),
)
