"""What all tus answers have in common.

Belongs here: the one place that stamps Tus-Resumable on an answer, refusals, and the expiry date.
Not here: the answer to one verb, which is in that verb's file.
"""

from collections.abc import Mapping

from protocol.answer import Answer
from protocol.dates import http_date
from protocol.errors import ProtocolError
from protocol.upload import ALL_BYTES_DURABLE, UNFINISHED, Kind, Upload

from .version import VERSION


def tus_answer(
    status: int, headers: Mapping[str, str], body: bytes = b"", *, reason: str | None = None
) -> Answer:
    """Every answer of this dialect is made here: all of them carry Tus-Resumable.

    The specification excuses OPTIONS, but shows the header there too.
    """
    return Answer(status, {"Tus-Resumable": VERSION, **headers}, body, reason)


def answer_error(error: ProtocolError) -> Answer:
    """A refusal, in tusd's form."""
    headers = {
        "Content-Type": "text/plain; charset=utf-8",
        # Caches may keep a 404, 405 or 410 by default (RFC 9110, 15.1), and a HEAD must never come from one.
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        **error.headers,
    }
    return tus_answer(error.status, headers, error.body.encode("utf-8", "replace"), reason=error.reason)


def expiry_headers(upload: Upload) -> dict[str, str]:
    """Upload-Expires while the upload will expire (tus 1.0.0, Expiration: only unfinished uploads do).

    A partial one is unfinished business also when it has all its bytes.
    """
    is_piece = upload.kind is Kind.PARTIAL and upload.state in ALL_BYTES_DURABLE
    if upload.expires_at is None or not (is_piece or upload.state in UNFINISHED):
        return {}
    return {"Upload-Expires": http_date(upload.expires_at)}


class refusals_tell_expiry:  # noqa: N801 - a context manager; made of a generator it costs five times as much
    """Around whatever refuses a PATCH and leaves the upload as it is.

    "The Upload-Expires header MUST be included in every PATCH response": refusals are responses.
    """

    __slots__ = ("_upload",)

    def __init__(self, upload: Upload) -> None:
        self._upload = upload

    def __enter__(self) -> None:
        """Nothing yet."""

    def __exit__(self, _kind: object, refusal: BaseException | None, _trace: object) -> None:
        if isinstance(refusal, ProtocolError):
            refusal.headers.update(expiry_headers(self._upload))
