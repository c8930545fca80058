"""Upload-Expires: until when an unfinished upload is kept (tus 1.0.0, Expiration)."""

from .dates import http_date
from .errors import ProtocolError
from .upload import ALL_BYTES_DURABLE, UNFINISHED, Dialect, Kind, Upload


def expiry_headers(upload: Upload) -> dict[str, str]:
    """Upload-Expires while the upload will expire (tus 1.0.0, Expiration: only unfinished uploads do).

    A partial one is unfinished business also when it has all its bytes.
    """
    is_piece = upload.kind is Kind.PARTIAL and upload.state in ALL_BYTES_DURABLE
    if upload.expires_at is None or not (is_piece or upload.state in UNFINISHED):
        return {}
    if upload.dialect is Dialect.IETF:
        return {}  # there Upload-Limit tells it
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
