"""Refusals of this dialect: problem documents (RFC 9457) that say that the upload is not complete.

Belongs here: the form, and the statuses that mean something else to these clients. Not here: what went wrong
(protocol/errors.py).
"""

import json

from protocol.answer import Answer
from protocol.errors import (
    ChecksumMismatch,
    InvalidUploadLength,
    OffsetConflict,
    ProtocolError,
    UploadInterrupted,
    UploadLocked,
)

from .answers import NO_STORE
from .interop import Interop

_TYPES = "https://iana.org/assignments/http-problem-types#"
_TOO_LARGE = 413


def answer_refused(error: ProtocolError, interop: Interop, limit: dict[str, str]) -> Answer:
    """A refusal of `error`, whose headers that tus has are left out."""
    status = _status(error)
    said = {
        "type": _type(error),
        "title": (type(error).__doc__ or "").strip(),
        "status": status,
        "detail": str(error),
        "code": error.code,
    }
    if isinstance(error, OffsetConflict):
        said |= {"expected-offset": error.current, "provided-offset": error.sent}
    headers = {name: value for name, value in error.headers.items() if not name.startswith("Tus-")}
    return Answer(
        status,
        {
            "Content-Type": "application/problem+json",
            "X-Content-Type-Options": "nosniff",
            **NO_STORE,
            **interop.completeness(complete=False),
            # "SHOULD include the Upload-Limit header field" (4.1.4)
            **(limit if status == _TOO_LARGE else {}),
            **headers,
        },
        json.dumps({name: value for name, value in said.items() if value is not None}).encode() + b"\n",
    )


def _status(error: ProtocolError) -> int:
    """Clients resume after 5xx, and give up after 4xx (4.2.1, 4.4.1)."""
    if isinstance(error, UploadLocked | UploadInterrupted):
        return 503
    if isinstance(error, ChecksumMismatch):
        return 400
    return error.status


def _type(error: ProtocolError) -> str:
    if isinstance(error, OffsetConflict):
        return _TYPES + "mismatching-upload-offset"
    if isinstance(error, InvalidUploadLength):
        return _TYPES + "inconsistent-upload-length"
    return "about:blank"
