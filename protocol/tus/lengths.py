"""Upload-Length, for the verbs that may declare one."""

from protocol.errors import InvalidUploadLength, MaxSizeExceeded
from protocol.headers import Headers
from protocol.integers import parse_non_negative


def parse_length(headers: Headers) -> int | None:
    """Upload-Length, None when it was not sent. Raises InvalidUploadLength, MaxSizeExceeded.

    A number beyond what any file system or database holds is well formed, only too large: 413, not 400.
    """
    text = headers.one("Upload-Length")
    if text is None:
        return None
    return parse_non_negative(text, InvalidUploadLength, "Upload-Length", too_large=MaxSizeExceeded)
