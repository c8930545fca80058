"""What clients of this dialect are answered.

Belongs here: final answers, and the fields of interim ones. Not here: refusals (refusals.py), sending.
"""

from protocol.answer import Answer
from protocol.upload import Upload

from .interop import VERSION_FIELD, Interop

NO_STORE = {"Cache-Control": "no-store"}


def answer_done(interop: Interop, upload: Upload, location: str, limit: dict[str, str]) -> Answer:
    """Of a creation whose body came, and of whatever request completed an upload: 201.

    What completes it is answered as its creation would have been (draft, 4.4.2), so that it makes no
    difference to a program how often its connection broke.
    """
    return Answer(201, {"Location": location, **_state(interop, upload), **limit, **NO_STORE})


def answer_appended(interop: Interop, upload: Upload, limit: dict[str, str]) -> Answer:
    """Of an append behind which more is to come (4.4.2): 204, with the offset that is durable now."""
    return Answer(204, {**_state(interop, upload), **limit, **NO_STORE})


def answer_offset(interop: Interop, upload: Upload, limit: dict[str, str]) -> Answer:
    """How far an upload is (4.3.2). That all bytes are here does not make it complete: its client has to."""
    length = {} if upload.length is None else {"Upload-Length": str(upload.length)}
    return Answer(204, {**_state(interop, upload), **length, **limit, **NO_STORE})


def answer_cancelled() -> Answer:
    """204 (4.5.2)."""
    return Answer(204, {})


def created_fields(interop: Interop, location: str, limit: dict[str, str]) -> dict[str, str]:
    """Of an interim response to a creation (5): where to go on."""
    return {**_version(interop), "Location": location, **limit}


def progress_fields(interop: Interop, upload: Upload) -> dict[str, str]:
    """Of an interim response to any request with a body: what need not be sent again.

    "These interim responses MUST NOT include the Location header field" (4.4.2).
    """
    return {**_version(interop), "Upload-Offset": str(upload.offset)}


def _state(interop: Interop, upload: Upload) -> dict[str, str]:
    complete = interop.completeness(complete=upload.is_told_complete)
    return {**complete, "Upload-Offset": str(upload.offset)}


def _version(interop: Interop) -> dict[str, str]:
    return {} if interop.version is None else {VERSION_FIELD: str(interop.version)}
