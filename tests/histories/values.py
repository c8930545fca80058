"""Uploads as the model has them, and answers as far as they can be predicted.

Belongs here: values. Not here: what the server makes of them (model.py).
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self


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


@dataclass(frozen=True, slots=True)
class Said:
    """An answer. Upload-Expires is in hours from now, and any Location is "given"."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = field(default=b"", repr=False)


@dataclass(slots=True, kw_only=True, eq=False)
class Upload:
    """One upload."""

    kind: Kind
    length: int | None
    """None while deferred."""
    metadata: str
    concat: str
    partials: tuple[Self, ...] = ()
    content: bytes = field(default=b"", repr=False)
    state: State = State.OPEN
    touched: int = 0
    """When its bytes or its length last changed, or it ended; in half days."""
    remembered: bool = True
    """False once nothing is said of it any more; what it became may still be fetched."""

    @property
    def complete(self) -> bool:
        return len(self.content) == self.length

    @property
    def planned_length(self) -> int | None:
        """Of a final one."""
        lengths = [partial.length for partial in self.partials]
        return None if None in lengths else sum(length or 0 for length in lengths)
