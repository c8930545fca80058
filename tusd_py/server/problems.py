"""Refusals of everything that is not tus: `application/problem+json` (RFC 9457).

Belongs here: which paths have that form, and the form. Not here: what went wrong (protocol/errors.py).
"""

import json
from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web

from protocol.answer import Answer
from protocol.errors import ProtocolError, UploadRejected

MEDIA_TYPE = "application/problem+json"

PROBLEM_SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "const": "about:blank", "description": "The status says it all."},
        "title": {"type": "string", "description": "The name of the status."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What was found, what was wanted, and where."},
        "code": {
            "type": "string",
            "pattern": "^ERR_[A-Z0-9_]+$",
            "description": "For programs; docs/errors.md.",
        },
    },
}

_ALWAYS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_BELOW = ("/api/v1/", "/file/", "/s/", "/upload/")
_ITSELF = frozenset(prefix.rstrip("/") for prefix in _BELOW)


def wants_problem(request: web.BaseRequest) -> bool:
    """This path is refused in the form of the API; also one that nobody answers."""
    path = request.rel_url.raw_path
    return path.startswith(_BELOW) or path in _ITSELF


def answer_problem(error: ProtocolError) -> Answer:
    """A refusal. Without a type of its own the title is the name of the status (RFC 9457, 4.2.1)."""
    if isinstance(error, UploadRejected) and error.has_own_body:
        return _answer_in_own_words(error)
    said = {
        "type": "about:blank",
        "title": error.reason or HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": str(error),
        "code": error.code,
    }
    headers = {**_ALWAYS, **_without_type(error.headers), "Content-Type": MEDIA_TYPE}
    return Answer(error.status, headers, json.dumps(said).encode() + b"\n", error.reason)


def _answer_in_own_words(error: UploadRejected) -> Answer:
    headers = {**_ALWAYS, "Content-Type": "text/plain; charset=utf-8", **error.headers}
    return Answer(error.status, headers, error.body.encode("utf-8", "replace"), error.reason)


def _without_type(headers: Mapping[str, str]) -> dict[str, str]:
    """What a hook says of the body that it did not give."""
    return {name: value for name, value in headers.items() if name.lower() != "content-type"}
