"""Refusals of everything that is not tus: `application/problem+json` (RFC 9457).

Belongs here: which paths have that form, and the form. Not here: what went wrong (protocol/errors.py).
"""

import json
from http import HTTPStatus

from aiohttp import web

from protocol.answer import Answer
from protocol.errors import ProtocolError

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

_BELOW = ("/api/v1/", "/file/", "/s/", "/upload/")
_ITSELF = frozenset(prefix.rstrip("/") for prefix in _BELOW)


def wants_problem(request: web.BaseRequest) -> bool:
    """This path is refused in the form of the API; also one that nobody answers."""
    path = request.rel_url.raw_path
    return path.startswith(_BELOW) or path in _ITSELF


def answer_problem(error: ProtocolError) -> Answer:
    """A refusal. Without a type of its own the title is the name of the status (RFC 9457, 4.2.1)."""
    said = {
        "type": "about:blank",
        "title": error.reason or HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": str(error),
        "code": error.code,
    }
    headers = {
        "Content-Type": MEDIA_TYPE,
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        **error.headers,
    }
    return Answer(error.status, headers, json.dumps(said).encode() + b"\n", error.reason)
