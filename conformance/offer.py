"""What a server says of itself.

Belongs here: the answer to OPTIONS, read without judging it. Not here: whether it is well-formed (checks).
"""

from dataclasses import dataclass

from .exchange import Response


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """The claims of one OPTIONS response."""

    status: int
    versions: tuple[str, ...]
    extensions: frozenset[str]
    max_size: int | None
    """Bytes; None without a limit, or with one that is not a number."""
    algorithms: tuple[str, ...]


NOTHING = Offer(status=0, versions=(), extensions=frozenset(), max_size=None, algorithms=())
"""Before the server was asked."""


def offer_of(response: Response) -> Offer:
    """Read leniently: a malformed header is some check's business, not every check's."""
    size = response.header("Tus-Max-Size") or ""
    return Offer(
        status=response.status,
        versions=tuple(response.listed("Tus-Version")),
        extensions=frozenset(response.listed("Tus-Extension")),
        max_size=int(size) if size.isascii() and size.isdigit() else None,
        algorithms=tuple(response.listed("Tus-Checksum-Algorithm")),
    )
