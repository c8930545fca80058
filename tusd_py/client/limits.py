"""What a server of the IETF draft takes (Upload-Limit, 4.1.4).

Belongs here: keeping to it. Not here: the header of a reply (ietf.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from .errors import NotOffered


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bytes; 0 is no limit."""

    min_size: int = 0
    max_size: int = 0
    min_append_size: int = 0
    """Not of what ends the upload, nor of a creation without bytes."""
    max_append_size: int = 0

    @classmethod
    def of(cls, said: Mapping[str, int]) -> Self:
        """Of the members of the field; others, and what is below zero, are as if they were not there."""
        known = {name.replace("-", "_"): max(value, 0) for name, value in said.items()}
        return cls(**{name: known[name] for name in cls.__slots__ if name in known})

    def step(self, wanted: int) -> int:
        """The most bytes of one request, where `wanted` are, 0 for any number; 0 is no limit."""
        size = max(wanted, self.min_append_size) if wanted else 0
        return (
            min(size, self.max_append_size) if size and self.max_append_size else size or self.max_append_size
        )

    def check(self, length: int | None) -> None:
        """Raises NotOffered for an upload that would be refused."""
        if length is None:
            return
        if self.max_size and length > self.max_size:
            raise NotOffered(f"{length} bytes are to be sent, and the server takes at most {self.max_size}")
        if length < self.min_size:
            raise NotOffered(
                f"{length} bytes are to be sent, and the server takes no less than {self.min_size}"
            )


NO_LIMITS = Limits()
