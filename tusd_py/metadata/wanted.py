"""What somebody looks for in the catalogue.

Belongs here: the question. Not here: who may ask it (access/), how it is answered (search.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from protocol.upload import Status, Verdict

from .upload_row import FOREVER
from .words import Asked

Params = dict[str, str | int | None]
"""Of a statement that answers it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What the policy lets one reader have, for deriving a status."""

    verdicts: frozenset[Verdict]
    verdicts_to_owner: frozenset[Verdict]
    reader: tuple[str, str]
    """Tenant and subject."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which files. None and () mean any."""

    tenant: str
    owner: str | None = None
    words: Sequence[Asked] = ()
    tags: Sequence[str] = ()
    mime_type: str | None = None
    """A media type, or "image/*"."""
    statuses: frozenset[Status] = frozenset()
    verdicts: frozenset[Verdict] = frozenset()
    created_from: int = 0
    """Microseconds; the first that counts."""
    created_before: int = FOREVER
    oldest_first: bool = False
