"""The upload that a client asks for, in any dialect.

Belongs here: the value. Not here: headers (tus/create.py, ietf/create.py), making it (tusd_py/uploads).
"""

from dataclasses import dataclass

from .body import Body
from .checksum import Checksum
from .metadata import Metadata
from .upload import Dialect


@dataclass(frozen=True, slots=True, kw_only=True)
class Concat:
    """What a creation says of its part in a concatenation."""

    raw: str
    """Echoed by HEAD byte for byte."""
    urls: tuple[str, ...] | None
    """The partials of a final upload in order, as sent; None for a partial one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Creation:
    """The upload that a client asks for."""

    length: int | None
    """None when deferred, and for a final upload."""
    metadata: Metadata
    body: Body
    room: int | None
    """Bytes that the body may have at most; None if there is no limit."""
    checksum: Checksum | None = None
    """What the body must hash to."""
    concat: Concat | None = None
    """Set for partial and final uploads (tus)."""
    dialect: Dialect = Dialect.TUS
    complete: bool | None = None
    """Whether the end of the body is that of the upload, where the client says so (IETF draft, 4.1.2); None
    where the length alone does (tus)."""
