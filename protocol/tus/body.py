"""Of which kind the bytes of a request must be (tus 1.0.0, PATCH)."""

from protocol.errors import InvalidContentType
from protocol.headers import Headers
from protocol.integers import shown
from protocol.media_types import essence_of

CONTENT_TYPE = "application/offset+octet-stream"


def check_content_type(headers: Headers) -> None:
    """Raises InvalidContentType. Parameters do not count: browsers add a charset to strings."""
    text = headers.one("Content-Type")
    if text is None:
        raise InvalidContentType(f"Content-Type is missing, wanted {CONTENT_TYPE}")
    if essence_of(text) != CONTENT_TYPE:
        raise InvalidContentType(f"Content-Type is {shown(text)}, wanted {CONTENT_TYPE}")
