"""What a server says of itself.

Belongs here: the answer to OPTIONS, read without judging it. Not here: whether it is well-formed (checks).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from .exchange import Response
from .structured import dictionary, integer

DRAFT = "Upload-Limit"
"""What a check of the IETF draft needs: its header on OPTIONS announces all of it (draft, 4.1.4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """The claims of one OPTIONS response."""

    status: int
    versions: tuple[str, ...]
    extensions: frozenset[str]
    max_size: int | None
    """Bytes; None without a limit, or with one that is not a number."""
    algorithms: tuple[str, ...]
    limits: str | None
    """Upload-Limit as it came; None where the IETF draft is not announced."""

    def absence(self, needs: Iterable[str]) -> str:
        """What of `needs` is not announced, said for a report; empty if all of it is."""
        lacking = [name for name in needs if name != DRAFT and name not in self.extensions]
        if DRAFT in needs and self.limits is None:
            return f"{DRAFT} is not in the answer to OPTIONS"
        return f"{', '.join(lacking)} is not in Tus-Extension" if lacking else ""

    def limit(self, name: str) -> int | None:
        """One of the draft's limits; None without it, or with one that is not a number."""
        try:
            return integer(dictionary([self.limits or ""]).get(name, []))
        except ValueError:
            return None


NOTHING = Offer(status=0, versions=(), extensions=frozenset(), max_size=None, algorithms=(), limits=None)
"""Before the server was asked."""


def offer_of(response: Response) -> Offer:
    """Read leniently: a malformed header is some check's business, not every check's."""
    return Offer(
        status=response.status,
        versions=tuple(response.listed("Tus-Version")),
        extensions=frozenset(response.listed("Tus-Extension")),
        max_size=_number(response.header("Tus-Max-Size") or ""),
        algorithms=tuple(response.listed("Tus-Checksum-Algorithm")),
        limits=", ".join(response.every(DRAFT)) if response.every(DRAFT) else None,
    )


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None
