"""What a request's headers say about its body.

Belongs here: whether bytes follow, how many, and whether they are of the right kind. Not here: the bytes.
"""

from dataclasses import dataclass

from protocol.errors import BadHeader, ContentEncodingRefused, InvalidContentType
from protocol.headers import Headers
from protocol.integers import parse_non_negative, shown
from protocol.media_types import essence_of

CONTENT_TYPE = "application/offset+octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """The body that a request announces."""

    expected: int | None
    """Bytes that follow; None when only their end will tell (Transfer-Encoding)."""
    present: bool
    """False when it is certain that no byte follows."""

    @property
    def least(self) -> int:
        """Bytes that are sure to follow."""
        return self.expected or 0


def parse_body(headers: Headers) -> Body:
    """Raises BadHeader for a malformed Content-Length, ContentEncodingRefused for any coding."""
    _refuse_codings(headers)
    # Transfer-Encoding overrides Content-Length (RFC 9112, 6.3).
    if headers.has("Transfer-Encoding"):
        return Body(expected=None, present=True)
    text = headers.one("Content-Length")
    expected = 0 if text is None else parse_non_negative(text, BadHeader, "Content-Length")
    return Body(expected=expected, present=expected > 0)


def check_content_type(headers: Headers) -> None:
    """Raises InvalidContentType. Parameters do not count: browsers add a charset to strings."""
    text = headers.one("Content-Type")
    if text is None:
        raise InvalidContentType
    if essence_of(text) != CONTENT_TYPE:
        raise InvalidContentType(f"Content-Type is {shown(text)}, wanted {CONTENT_TYPE}")


def _refuse_codings(headers: Headers) -> None:
    codings = headers.one("Content-Encoding") or "identity"
    if codings.lower() != "identity":
        raise ContentEncodingRefused(
            f"Content-Encoding is {shown(codings)}, wanted none: offsets count the bytes as sent"
        )
