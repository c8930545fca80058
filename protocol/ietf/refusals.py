"""Refusals of this dialect: problem documents (RFC 9457) that say that the upload is not complete.

Belongs here: the form, and the statuses that mean something else to these clients. Not here: what went wrong
(protocol/errors.py).
"""

import json
from collections.abc import Sequence

from protocol.answer import Answer
from protocol.errors import (
    ChecksumMismatch,
    DigestMismatch,
    InvalidUploadLength,
    MaxSizeExceeded,
    OffsetConflict,
    ProtocolError,
    TerminationRejected,
    UploadInterrupted,
    UploadLocked,
    UploadRejected,
    UploadSizeExceeded,
)

from .answers import NO_STORE
from .interop import Interop
from .limits import limits

_TYPES = "https://iana.org/assignments/http-problem-types#"
_TOO_LARGE = 413
_OURS = ("content-type",)
"""What a hook may say only of a body of its own."""


def answer_refused(error: ProtocolError, interop: Interop, limit: dict[str, str]) -> Answer:
    """A refusal of `error`, whose headers that tus has are left out."""
    status = _status(error, interop)
    # What a rule, a hook or a digest says of a file is the answer to the upload, which is over (4.4.2).
    rejected = isinstance(error, UploadRejected | DigestMismatch) and not isinstance(
        error, TerminationRejected
    )
    speaks = isinstance(error, UploadRejected) and error.has_own_body
    headers = {
        "Content-Type": "text/plain; charset=utf-8" if speaks else "application/problem+json",
        "X-Content-Type-Options": "nosniff",
        **NO_STORE,
        **interop.completeness(complete=rejected),
        # "SHOULD include the Upload-Limit header field" (4.1.4)
        **(_limit(error, limit) if status == _TOO_LARGE else {}),
    }
    own = {name: value for name, value in error.headers.items() if not name.startswith("Tus-")}
    body = error.body.encode("utf-8", "replace") if speaks else _document(error, status)
    return Answer(status, _merged(headers, own, _OURS if not speaks else ()), body)


def _limit(error: ProtocolError, limit: dict[str, str]) -> dict[str, str]:
    """The narrower one, where the refusal is about that: of a type, or of a user."""
    most = error.most if isinstance(error, MaxSizeExceeded) else None
    return limits(most) if most else limit


def _merged(headers: dict[str, str], own: dict[str, str], ours: Sequence[str]) -> dict[str, str]:
    """`own` wins, however it is spelled, but for names in `ours`."""
    own = {name: value for name, value in own.items() if name.lower() not in ours}
    named = {name.lower() for name in own}
    return {name: value for name, value in headers.items() if name.lower() not in named} | own


def _document(error: ProtocolError, status: int) -> bytes:
    said = {
        "type": _type(error),
        "title": (type(error).__doc__ or "").strip(),
        "status": status,
        "detail": str(error),
        "code": error.code,
    }
    if isinstance(error, OffsetConflict):
        said |= {"expected-offset": error.current, "provided-offset": error.sent}
    return json.dumps({name: value for name, value in said.items() if value is not None}).encode() + b"\n"


def _status(error: ProtocolError, interop: Interop) -> int:
    """Clients resume after 5xx, and give up after 4xx (4.2.1, 4.4.1)."""
    if isinstance(error, UploadLocked) and interop.is_of_tus_js_client:
        return error.status  # after any other it begins anew
    if isinstance(error, UploadLocked | UploadInterrupted):
        return 503
    if isinstance(error, ChecksumMismatch | UploadSizeExceeded):
        # A 413 would have them try again with less at a time (4.1.4).
        return 400
    return error.status


def _type(error: ProtocolError) -> str:
    if isinstance(error, OffsetConflict):
        return _TYPES + "mismatching-upload-offset"
    if isinstance(error, InvalidUploadLength | UploadSizeExceeded):
        return _TYPES + "inconsistent-upload-length"
    return "about:blank"
