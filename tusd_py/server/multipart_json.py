"""What is said in JSON of uploads in parts, to those who send them.

Belongs here: the documents and their schemas. Not here: what requests say (multipart_bodies.py), routes
(multipart_face.py).
"""

from collections.abc import Sequence
from typing import Any

from storage_backends.base import SentPart
from tusd_py.metadata.multiparts import Multipart, MultipartPart
from tusd_py.uploads.direct import Direct, Signed
from tusd_py.uploads.multipart import MOST_PARTS

from .json_bodies import rfc3339
from .multipart_bodies import DIGEST, DIRECT_NUMBER
from .route import Schema
from .schemas import ID, TIME


def multipart_json(found: Multipart, parts: Sequence[MultipartPart], following: int | None) -> dict[str, Any]:
    """As MULTIPART says."""
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


def direct_json(found: Direct, parts: Sequence[SentPart], following: int | None) -> dict[str, Any]:
    """As DIRECT says."""
    upload, plan = found.upload, found.plan
    return {
        "upload_id": upload.id,
        "filename": upload.filename,
        "declared_type": upload.filetype,
        "file_size": upload.length,
        "created_at": rfc3339(upload.created_at),
        "expires_at": None if upload.expires_at is None else rfc3339(upload.expires_at),
        "direct": True,
        "digest": DIGEST if plan.is_proven else None,
        "part_size": plan.part_size,
        "part_count": plan.count,
        "parts": [_sent_json(part) for part in parts],
        "next": following,
    }


def _sent_json(part: SentPart) -> dict[str, Any]:
    return {
        "part_number": part.number,
        "size": part.size,
        "etag": part.etag.strip('"'),
        "created_at": rfc3339(int(part.at * 1e6)),
    }


def followed(parts: Sequence[SentPart], *, after: int, limit: int) -> tuple[Sequence[SentPart], int | None]:
    """A page of them, and behind which number the next one begins."""
    behind = [part for part in parts if part.number > after]
    return behind[:limit], behind[limit - 1].number if len(behind) > limit else None


def urls_json(signed: Sequence[Signed], until: int) -> dict[str, Any]:
    """As URLS says. Whoever reads it may send these parts: for nobody else, and no log."""
    return {
        "urls": [
            {
                "part_number": one.number,
                "size": one.size,
                "method": "PUT",
                "url": one.to.url,
                "headers": dict(one.to.headers),
            }
            for one in signed
        ],
        "expires_at": rfc3339(until),
    }


NUMBER: Schema = {"type": "integer", "minimum": 1, "maximum": MOST_PARTS}
_PUT_PROPERTIES: dict[str, Schema] = {
    "part_number": NUMBER,
    "size": {"type": "integer", "minimum": 0, "description": "Bytes."},
    "etag": {**ID, "description": "Another one for each time that the part was sent."},
}
PUT: Schema = {"type": "object", "required": [*_PUT_PROPERTIES], "properties": _PUT_PROPERTIES}
_PART: Schema = {
    "type": "object",
    "required": [*_PUT_PROPERTIES, "created_at"],
    "properties": {**_PUT_PROPERTIES, "created_at": TIME},
}
_SAID: dict[str, Schema] = {
    "upload_id": ID,
    "filename": {"type": ["string", "null"]},
    "declared_type": {"type": ["string", "null"]},
    "file_size": {"type": ["integer", "null"], "minimum": 0, "description": "As it was said at first."},
    "created_at": TIME,
    "expires_at": {**TIME, "type": ["string", "null"]},
}
_NEXT: Schema = {"type": ["integer", "null"], "description": "`after` of what follows; null at the end."}
MULTIPART: Schema = {
    "type": "object",
    "required": [*_SAID, "most_parts", "parts", "next"],
    "properties": {
        **_SAID,
        "most_parts": {"type": "integer"},
        "parts": {"type": "array", "items": _PART},
        "next": _NEXT,
    },
}
_SENT_PROPERTIES: dict[str, Schema] = {
    "part_number": DIRECT_NUMBER,
    "size": {"type": "integer", "minimum": 1, "description": "Bytes."},
    "etag": {"type": "string", "description": "The store's."},
    "created_at": {**TIME, "description": "By the store's clock."},
}
DIRECT: Schema = {
    "type": "object",
    "required": [*_SAID, "direct", "digest", "part_size", "part_count", "parts", "next"],
    "properties": {
        **_SAID,
        "direct": {"const": True},
        "digest": {"enum": [DIGEST, None], "description": "What URLs are asked for with."},
        "part_size": {"type": "integer", "description": "Bytes of every part but the last."},
        "part_count": DIRECT_NUMBER,
        "parts": {
            "type": "array",
            "items": {
                "type": "object",
                "required": [*_SENT_PROPERTIES],
                "properties": _SENT_PROPERTIES,
            },
            "description": "Those that are in the store as they were planned.",
        },
        "next": _NEXT,
    },
}
EITHER: Schema = {"oneOf": [MULTIPART, DIRECT]}
URLS: Schema = {
    "type": "object",
    "required": ["urls", "expires_at"],
    "properties": {
        "urls": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["part_number", "size", "method", "url", "headers"],
                "properties": {
                    "part_number": DIRECT_NUMBER,
                    "size": {
                        "type": "integer",
                        "description": "Bytes that the store takes there, all of them.",
                    },
                    "method": {"const": "PUT"},
                    "url": {"type": "string"},
                    "headers": {"type": "object", "additionalProperties": {"type": "string"}},
                },
            },
        },
        "expires_at": TIME,
    },
}
