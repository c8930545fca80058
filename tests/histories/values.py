"""Uploads as the model has them, and answers as far as they can be predicted.

Belongs here: values. Not here: what the server makes of them (model.py).
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self


class Dialect(StrEnum):
    """The protocol that an upload was made by."""

    TUS = "tus"
    IETF = "ietf"


class Kind(StrEnum):
    """What an upload is for."""

    WHOLE = "whole"
    PARTIAL = "partial"
    FINAL = "final"


class State(StrEnum):
    """`waiting` is a final one whose partials are not complete."""

    OPEN = "open"
    WAITING = "waiting"
    STORED = "stored"
    GONE = "gone"


class Proof(StrEnum):
    """The checksum sent with a body."""

    NONE = "none"
    RIGHT = "right"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a client of the IETF draft says things; one of tus has no choice."""

    complete: bool
    """The body is the rest of the upload."""
    version: int | None
    """Of the draft (Upload-Draft-Interop-Version)."""

    @property
    def ends(self) -> bool | None:
        """Whether the body is the end; None where the length has to tell, as of tus-js-client."""
        return None if self.version in (5, 6) and not self.complete else self.complete


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What a client sends, in whatever words."""

    body: bytes = field(repr=False)
    length: int | None
    """What Upload-Length says, if anything."""
    proof: Proof
    algorithm: str
    """Of the proof."""
    chunked: bool
    manner: Manner

    @property
    def has_body(self) -> bool:
        """As far as its headers say: a chunked one may turn out to be empty."""
        return bool(self.body) or self.chunked

    @property
    def keepable(self) -> bytes:
        """What may be kept if the end is missing: half of what has a checksum proves nothing."""
        return b"" if self.proof is not Proof.NONE else self.body

    def told_length(self, offset: int) -> int | None:
        """In the IETF draft also a body that is the rest tells it, where it says how long it is."""
        if self.manner.complete and not self.chunked:
            return offset + len(self.body)
        return self.length


@dataclass(frozen=True, slots=True)
class Said:
    """An answer. Dates are in hours from now, any Location is "given"."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = field(default=b"", repr=False)


@dataclass(slots=True, kw_only=True, eq=False)
class Upload:
    """One upload."""

    dialect: Dialect
    kind: Kind
    length: int | None
    """None while deferred."""
    metadata: str = ""
    concat: str = ""
    partials: tuple[Self, ...] = ()
    content: bytes = field(default=b"", repr=False)
    state: State = State.OPEN
    touched: int = 0
    """When its bytes or its length last changed, or it ended; in half days."""
    remembered: bool = True
    """False once nothing is said of it any more; what it became may still be fetched."""

    @property
    def complete(self) -> bool:
        """All bytes are here, which is enough for tus."""
        return len(self.content) == self.length

    @property
    def planned_length(self) -> int | None:
        """Of a final one."""
        lengths = [partial.length for partial in self.partials]
        return None if None in lengths else sum(length or 0 for length in lengths)
