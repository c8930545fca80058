"""Parts in any order, for clients that speak neither tus nor the IETF draft: plain HTTP and JSON.

Belongs here: `/upload/...`. Not here: what is done (uploads/multipart.py), what becomes of the upload
(uploads_api.py).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import hdrs, web

from protocol.body import Body, parse_body
from protocol.digest_fields import parse_content_digest
from protocol.errors import ChecksumMismatch, InvalidBody, InvalidPart, ProtocolError, UploadNotFound
from protocol.headers import Headers
from protocol.integers import LARGEST
from protocol.metadata import Metadata, format_metadata, parse_metadata
from protocol.upload import UploadId, parse_upload_id
from tusd_py.access.authorize import Action
from tusd_py.metadata.multiparts import Multipart, MultipartPart
from tusd_py.metadata.progress import ProgressRows
from tusd_py.uploads.append import Appended
from tusd_py.uploads.multipart import MOST_PARTS, Multiparts
from tusd_py.uploads.receive import Ending

from .bodies import Bodies, refusal_of
from .identify import Identify
from .json_bodies import json_response, read_object, rfc3339
from .queries import Said
from .route import Parameter, Reply, Route, Schema
from .schemas import ID, TIME
from .uploads_api import UPLOAD, status_of_progress, upload_json

_NUMBER = re.compile(r"[1-9][0-9]{0,3}", re.ASCII)
_MOST_VALUES = 32
_LONGEST_LIST = 256 << 10
"""Bytes of JSON: of a thousand parts, also where it is indented."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MultipartFace:
    """Serves multipart uploads."""

    multiparts: Multiparts
    bodies: Bodies
    identify: Identify
    progress: ProgressRows
    metadata_limit: int
    origin_of: Callable[[web.Request], str]
    """What clients see before our paths."""

    async def initiate(self, request: web.Request) -> web.Response:
        """A new one; nothing of it is there yet."""
        identity = await self.identify(request)
        wanted = await read_object(request)
        metadata, length = self._described(wanted)
        begun = await self.multiparts.begin(identity, metadata, length)
        where = f"{self.origin_of(request)}/upload/{begun.id}"
        return json_response(_document(begun, [], None), status=201, headers={str(hdrs.LOCATION): where})

    async def show(self, request: web.Request) -> web.Response:
        """Which parts are there: what a client that lost its memory need not send again."""
        said = Said(request)
        after = said.number("after", usual=0, most=MOST_PARTS)
        limit = said.number("limit", usual=MOST_PARTS, most=MOST_PARTS)
        found = await self.multiparts.find(await self.identify(request), _id(request))
        parts = await self.multiparts.parts(found, after=after, limit=limit + 1)
        following = parts[limit - 1].number if len(parts) > limit else None
        return json_response(_document(found, parts[:limit], following))

    async def put(self, request: web.Request) -> web.Response:
        """One part, whole: 200 once it is durable."""
        number = _part_number(request)
        headers = Headers(request.headers.items())
        body, checksums = parse_body(headers), parse_content_digest(headers)
        identity = await self.identify(request)
        found = await self.multiparts.find(identity, _id(request))
        async with self.bodies.source(request, identity) as source:
            try:
                part = await self.multiparts.put(
                    identity, found, number, source, body=body, checksums=checksums
                )
            except ChecksumMismatch:
                raise _not_its_digest(number) from None
            if part.ending is not Ending.COMPLETE:
                raise self._refusal(part, number, body)
        said = {"part_number": number, "size": part.upload.length, "etag": part.upload.id}
        return json_response(said, headers={str(hdrs.ETAG): f'"{part.upload.id}"'})

    async def complete(self, request: web.Request) -> web.Response:
        """The upload of its parts, which becomes a file."""
        multipart_id = _id(request)
        identity = await self.identify(request)
        await self.multiparts.look(identity, multipart_id)
        wanted = _wanted_parts(await read_object(request, longest=_LONGEST_LIST))
        upload = await self.multiparts.complete(identity, multipart_id, wanted)
        found = await self.progress.of(upload.id)
        if found is None:
            raise UploadNotFound
        return json_response(upload_json(found, status_of_progress(found)))

    async def abort(self, request: web.Request) -> web.Response:
        """Given up, with the parts that came."""
        await self.multiparts.abort(await self.identify(request), _id(request))
        return web.Response(status=204)

    def _refusal(self, part: Appended, number: int, body: Body) -> ProtocolError:
        if part.ending is Ending.MISMATCH:
            return _not_its_digest(number)
        refusal = refusal_of(self.multiparts.context, part, body.expected)
        # Of an upload that nobody knows, and that is gone.
        for name in ("Upload-Offset", "Upload-Expires"):
            refusal.headers.pop(name, None)
        return refusal

    def _described(self, wanted: Mapping[str, Any]) -> tuple[Metadata, int | None]:
        _only(wanted, "filename", "filetype", "file_size", "metadata")
        values: dict[str, str | bytes] = {**_texts(wanted.get("metadata"))}
        values |= {
            name: _text(wanted, name) for name in ("filename", "filetype") if wanted.get(name) is not None
        }
        raw = format_metadata(values)
        return parse_metadata(raw, limit=self.metadata_limit), _size(wanted.get("file_size"))


# --- what requests say


def _id(request: web.Request) -> UploadId:
    return parse_upload_id(request.match_info["multipart_id"])


def _part_number(request: web.Request) -> int:
    text = request.match_info["part_number"]
    if not _NUMBER.fullmatch(text) or int(text) > MOST_PARTS:
        raise InvalidPart(f"the part number is {text[:40]!a}, wanted 1 to {MOST_PARTS}")
    return int(text)


def _not_its_digest(number: int) -> InvalidPart:
    """400: the 460 of tus has no meaning to others."""
    return InvalidPart(f"what came of part {number} is not what its Content-Digest says")


def _only(said: Mapping[str, Any], *known: str) -> None:
    unknown = sorted(set(said) - set(known))
    if unknown:
        raise InvalidBody(f"{unknown[0][:40]!a} is unknown, wanted {', '.join(known)}")


def _text(said: Mapping[str, Any], name: str) -> str:
    value = said[name]
    if not isinstance(value, str):
        raise InvalidBody(f"{name} is {str(value)[:40]!a}, wanted a text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidBody(f"{name} has half of a surrogate pair in it, wanted Unicode text") from None
    return value


def _texts(values: object) -> dict[str, str]:
    if values is None:
        return {}
    if not isinstance(values, dict) or len(values) > _MOST_VALUES:
        raise InvalidBody(f"metadata is not an object of at most {_MOST_VALUES} texts")
    return {name: _text(values, name) for name in values}


def _size(value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LARGEST:
        raise InvalidBody(f"file_size is {str(value)[:40]!a}, wanted a number of bytes, or null")
    return value


def _wanted_parts(said: Mapping[str, Any]) -> dict[int, UploadId] | None:
    _only(said, "parts")
    listed = said.get("parts")
    if listed is None:
        return None
    if not isinstance(listed, list) or len(listed) > MOST_PARTS:
        raise InvalidBody(f"parts is no list of at most {MOST_PARTS}")
    wanted: dict[int, UploadId] = {}
    for number, etag in map(_wanted_part, listed):
        if number in wanted:
            raise InvalidBody(f"part {number} is there twice")
        wanted[number] = etag
    return wanted


def _wanted_part(one: object) -> tuple[int, UploadId]:
    if not isinstance(one, dict) or set(one) != {"part_number", "etag"}:
        raise InvalidBody("a part is not an object of part_number and etag")
    number, etag = one["part_number"], one["etag"]
    if not isinstance(number, int) or isinstance(number, bool) or not isinstance(etag, str):
        raise InvalidBody("part_number is not a number, or etag is not a text")
    if not 1 <= number <= MOST_PARTS:
        raise InvalidBody(f"part_number is {str(number)[:40]}, wanted 1 to {MOST_PARTS}")
    return number, UploadId(etag.strip('"'))


# --- what answers say


def _document(found: Multipart, parts: list[MultipartPart], following: int | None) -> dict[str, Any]:
    described = found.as_new_upload()
    return {
        "upload_id": found.id,
        "filename": described.filename,
        "declared_type": described.filetype,
        "file_size": found.length,
        "created_at": rfc3339(found.created_at),
        "expires_at": None if found.expires_at is None else rfc3339(found.expires_at),
        "most_parts": MOST_PARTS,
        "parts": [
            {
                "part_number": part.number,
                "size": part.length,
                "etag": part.upload_id,
                "created_at": rfc3339(part.created_at),
            }
            for part in parts
        ],
        "next": following,
    }


_NUMBER_SCHEMA = {"type": "integer", "minimum": 1, "maximum": MOST_PARTS}
_PUT_PROPERTIES: dict[str, Schema] = {
    "part_number": _NUMBER_SCHEMA,
    "size": {"type": "integer", "minimum": 0, "description": "Bytes."},
    "etag": {**ID, "description": "Another one for each time that the part was sent."},
}
_PUT: Schema = {"type": "object", "required": [*_PUT_PROPERTIES], "properties": _PUT_PROPERTIES}
_PART: Schema = {
    "type": "object",
    "required": [*_PUT_PROPERTIES, "created_at"],
    "properties": {**_PUT_PROPERTIES, "created_at": TIME},
}
_MULTIPART = {
    "type": "object",
    "required": [
        *("upload_id", "filename", "declared_type", "file_size", "created_at", "expires_at"),
        *("most_parts", "parts", "next"),
    ],
    "properties": {
        "upload_id": ID,
        "filename": {"type": ["string", "null"]},
        "declared_type": {"type": ["string", "null"]},
        "file_size": {"type": ["integer", "null"], "minimum": 0, "description": "As it was said at first."},
        "created_at": TIME,
        "expires_at": {**TIME, "type": ["string", "null"]},
        "most_parts": {"type": "integer"},
        "parts": {"type": "array", "items": _PART},
        "next": {"type": ["integer", "null"], "description": "`after` of what follows; null at the end."},
    },
}
_BEGIN = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "filename": {"type": ["string", "null"]},
        "filetype": {"type": ["string", "null"]},
        "file_size": {"type": ["integer", "null"], "minimum": 0, "maximum": LARGEST},
        "metadata": {
            "type": ["object", "null"],
            "maxProperties": _MOST_VALUES,
            "additionalProperties": {"type": "string"},
            "description": "As in Upload-Metadata of tus: path, file_id, and whatever else.",
        },
    },
}
_COMPLETE = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "parts": {
            "type": ["array", "null"],
            "maxItems": MOST_PARTS,
            "description": "Without it, all parts, which must be numbered from 1 without a gap.",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["part_number", "etag"],
                "properties": {"part_number": {"type": "integer"}, "etag": {"type": "string"}},
            },
        }
    },
}
_MULTIPART_ID = Parameter(name="multipart_id", where="path", description="Of the upload.", schema=ID)

MULTIPART_ROUTES = (
    Route(
        method="POST",
        path="/upload/initiate",
        name="multipart_initiate",
        handle=MultipartFace.initiate,
        action=Action.CREATE,
        summary="Begin an upload whose parts come in any order",
        body=_BEGIN,
        replies={
            201: Reply(description="Begun.", schema=_MULTIPART, headers={"Location": "Where it is seen."})
        },
    ),
    Route(
        method="GET",
        path="/upload/{multipart_id}",
        name="multipart_show",
        handle=MultipartFace.show,
        action=Action.ASSEMBLE,
        hides=True,
        summary="Which parts of it are there, until it is complete",
        parameters=(
            _MULTIPART_ID,
            Parameter(
                name="after",
                description="Only parts behind this number.",
                schema=_NUMBER_SCHEMA,
            ),
            Parameter(
                name="limit", description="Of one page.", schema={**_NUMBER_SCHEMA, "default": MOST_PARTS}
            ),
        ),
        replies={200: Reply(description="It, and its parts in order.", schema=_MULTIPART)},
    ),
    Route(
        method="PUT",
        path="/upload/{multipart_id}/parts/{part_number}",
        name="multipart_put",
        handle=MultipartFace.put,
        action=Action.ASSEMBLE,
        hides=True,
        summary="Send a part, whole; it takes the place of one that had its number",
        parameters=(
            _MULTIPART_ID,
            Parameter(name="part_number", where="path", description="Its place.", schema=_NUMBER_SCHEMA),
            Parameter(
                name="Content-Digest",
                where="header",
                description="What its bytes hash to: sha-256 or sha-512 (RFC 9530).",
                schema={"type": "string"},
            ),
        ),
        reads="application/octet-stream",
        replies={
            200: Reply(
                description="Durable.",
                schema=_PUT,
                headers={"ETag": "Of this part."},
            )
        },
    ),
    Route(
        method="POST",
        path="/upload/{multipart_id}/complete",
        name="multipart_complete",
        handle=MultipartFace.complete,
        action=Action.ASSEMBLE,
        hides=True,
        summary="Put the parts together",
        parameters=(_MULTIPART_ID,),
        body=_COMPLETE,
        replies={200: Reply(description="What it became, or is about to; see uploads_show.", schema=UPLOAD)},
    ),
    Route(
        method="DELETE",
        path="/upload/{multipart_id}",
        name="multipart_abort",
        handle=MultipartFace.abort,
        action=Action.CREATE,
        hides=True,
        summary="Give it up, with its parts",
        parameters=(_MULTIPART_ID,),
        replies={204: Reply(description="Gone.")},
    ),
)
