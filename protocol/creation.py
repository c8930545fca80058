"""The upload that a client asks for, in any dialect.

Belongs here: the value, and how refusals call one of its partials. Not here: headers (tus/create.py,
ietf/create.py), making it (tusd_py/uploads).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .body import Body
from .checksum import Checksum
from .errors import ProtocolError
from .metadata import Metadata
from .upload import Dialect


@dataclass(frozen=True, slots=True, kw_only=True)
class Concat:
    """What a creation says of its part in a concatenation."""

    raw: str
    """Echoed by HEAD byte for byte."""
    urls: tuple[str, ...] | None
    """The partials of a final upload in order, as sent; None for a partial one."""


_SHOWN = 60


def about_partial(refusal: ProtocolError, names: Sequence[str], seq: int) -> ProtocolError:
    """The same refusal, saying which of the partials that `names` lists in order it is about."""
    name = names[seq]
    # The end of a URL says most.
    shown = ascii(name) if len(name) <= 2 * _SHOWN else f"{name[:_SHOWN]!a}...{name[-_SHOWN:]!a}"
    place = f"partial {seq + 1} of {len(names)} in Upload-Concat, {shown}"
    return type(refusal)(f"{refusal}: {place}", headers=refusal.headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Creation:
    """The upload that a client asks for."""

    length: int | None
    """None when deferred, and for a final upload."""
    metadata: Metadata
    body: Body
    room: int | None
    """Bytes that the body may have at most; None if there is no limit."""
    checksums: tuple[Checksum, ...] = ()
    """What the body must hash to, by each of them."""
    whole: tuple[Checksum, ...] = ()
    """The same of the whole upload, however many requests bring it."""
    concat: Concat | None = None
    """Set for partial and final uploads (tus)."""
    dialect: Dialect = Dialect.TUS
    complete: bool | None = None
    """Whether the end of the body is that of the upload, where the client says so (IETF draft, 4.1.2); None
    where the length alone does (tus)."""
