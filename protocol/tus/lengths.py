"""Upload-Length and Tus-Max-Size, for the verbs that may declare a length."""

from protocol.errors import InvalidUploadLength, MaxSizeExceeded
from protocol.headers import Headers
from protocol.integers import parse_non_negative

from .features import Features


def parse_length(headers: Headers) -> int | None:
    """Upload-Length, None when it was not sent. Raises InvalidUploadLength, MaxSizeExceeded.

    A number beyond what any file system or database holds is well formed, only too large: 413, not 400.
    """
    text = headers.one("Upload-Length")
    if text is None:
        return None
    return parse_non_negative(text, InvalidUploadLength, "Upload-Length", too_large=MaxSizeExceeded)


def check_size(size: int, features: Features) -> None:
    """Raises MaxSizeExceeded, which tells Tus-Max-Size again."""
    if features.max_size and size > features.max_size:
        raise MaxSizeExceeded(
            f"maximum size exceeded: {size} bytes, wanted at most {features.max_size}",
            headers={"Tus-Max-Size": str(features.max_size)},
        )


def furthest(length: int | None, features: Features) -> int | None:
    """The offset that an upload can never pass; None if there is no limit."""
    return (features.max_size or None) if length is None else length
