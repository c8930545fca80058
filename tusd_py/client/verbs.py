"""What a client asks of a server, in either protocol, and what it is told.

Belongs here: the seam and its values. Not here: what goes over the wire (tus.py, ietf.py), what to do when
something fails.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from yarl import URL

from protocol.checksum import Checksum

from .body import Body
from .limits import NO_LIMITS, Limits
from .wire import Wire


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """What a server says it can do; nothing where it says nothing."""

    extensions: frozenset[str] = frozenset()
    """By the names that tus has for them."""
    checksums: tuple[str, ...] = ()
    limits: Limits = NO_LIMITS

    def may_have(self, extension: str) -> bool:
        """Whether trying makes sense: also where nothing was heard at all."""
        return not self.extensions or extension in self.extensions


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far an upload is."""

    offset: int | None
    """None for a final upload that is not put together yet, and where it was not said."""
    length: int | None = None
    """None while deferred, and where it was not said."""
    is_closed: bool | None = None
    """Whether the server knows that this is all (IETF draft); None where its length says so (tus)."""
    limits: Limits | None = None
    """As they are now; None where nothing was said of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The upload that is to be made."""

    length: int | None
    """None while nobody knows."""
    metadata: str = ""
    is_partial: bool = False
    digest: Checksum | None = None
    """Of all of it (RFC 9530, Repr-Digest)."""


class Server(Protocol):
    """One endpoint. Everything raises Trouble, or the UploadError that says why there is no use in trying."""

    @property
    def wire(self) -> Wire:
        """The way there."""
        ...

    async def announced(self) -> Announced:
        """OPTIONS."""
        ...

    async def create(self, wanted: Wanted, body: Body | None = None) -> tuple[URL, Standing]:
        """The new upload; where its offset is None it has to be asked for."""
        ...

    async def concatenate(self, partials: Sequence[URL], wanted: Wanted) -> URL:
        """The upload that is made of others. Raises UploadGone for one of them."""
        ...

    async def head(self, url: URL) -> Standing:
        """Raises UploadGone."""
        ...

    async def append(
        self, url: URL, body: Body, *, length: int | None, ends: bool, checksum: Checksum | None
    ) -> Standing:
        """Raises UploadGone. `length` is told where the server may not know it; a body that `ends` the upload
        completes it. The checksum is of the body.
        """
        ...

    async def terminate(self, url: URL) -> None:
        """Raises UploadGone."""
        ...
