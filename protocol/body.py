"""What a request's headers say about its body, in any dialect.

Belongs here: whether bytes follow, and how many. Not here: what kind they must be, and the bytes.
"""

from dataclasses import dataclass

from .errors import BadHeader, ContentEncodingRefused
from .headers import Headers
from .integers import parse_non_negative, shown


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

    def may_be_all(self, length: int | None, *, complete: bool | None) -> bool:
        """Whether, from the first byte on, it may turn out to be all of an upload of `length` bytes.

        `complete` is what its request says of that (see `Creation`).
        """
        if complete is False:
            return False
        return self.expected is None or length is None or self.expected == length


def parse_body(headers: Headers) -> Body:
    """Raises BadHeader for a malformed Content-Length, ContentEncodingRefused for any coding."""
    _refuse_codings(headers)
    # Transfer-Encoding overrides Content-Length (RFC 9112, 6.3).
    if headers.has("Transfer-Encoding"):
        return Body(expected=None, present=True)
    text = headers.one("Content-Length")
    expected = 0 if text is None else parse_non_negative(text, BadHeader, "Content-Length")
    return Body(expected=expected, present=expected > 0)


def _refuse_codings(headers: Headers) -> None:
    codings = headers.one("Content-Encoding") or "identity"
    if codings.lower() != "identity":
        raise ContentEncodingRefused(
            f"Content-Encoding is {shown(codings)}, wanted none: offsets count the bytes as sent"
        )
