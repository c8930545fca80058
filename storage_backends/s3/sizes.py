"""How large parts are.

A multipart upload has 10,000 numbers, each for one part, and some of them get burnt. So the part size follows
what is left over the numbers that are left; where the length is not known, parts double every thousand, which
reaches 5 TiB from 8 MiB on.

Belongs here: arithmetic. Not here: who uses up numbers (numbers.py).
"""

from dataclasses import dataclass

from .profiles import MIB, Profile

HEADROOM = 0.9
"""The share of the numbers left that a plan may use; the rest is for those that get burnt."""

FEW = 1000
"""Parts that clients send: as many as a page of the store's listing has. Above 4.88 TiB they are a few
more, as none is larger than 5 GiB."""

_STEPS = 10
"""Part sizes of an upload of unknown length, each twice the one before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Bytes."""

    preferred: int
    """Part size while it is large enough."""
    least: int
    """What a part that is not the last must have."""
    profile: Profile

    def part_size(self, *, remaining: int | None, number: int) -> int:
        """Of the next part, which gets `number`; `remaining` is None while the length is not known."""
        left = self.profile.most_parts + 1 - number
        if remaining is None:
            wanted = self.preferred << (number - 1) * _STEPS // self.profile.most_parts
        else:
            wanted = -(-remaining // max(1, int(left * HEADROOM)))
        return min(self.profile.most_part, _whole_mib(max(self.preferred, wanted)))

    def may_be_short(self, size: int, *, remaining: int | None, number: int) -> bool:
        """Whether a part of `size` bytes may come before it is full, without making later ones larger.

        `remaining` counts the bytes from its start on.
        """
        if self.profile.equal_parts or size < self.least or number >= self.profile.most_parts:
            return False
        if remaining is None:
            return number <= self.profile.most_parts // _STEPS
        return self.part_size(remaining=remaining - size, number=number + 1) <= self.preferred

    def direct_size(self, length: int) -> int:
        """Of every part but the last, where clients send them: they are listed and committed at once."""
        wanted = -(-length // FEW)
        return min(self.profile.most_part, _whole_mib(max(self.preferred, wanted)))


def _whole_mib(size: int) -> int:
    return -(-size // MIB) * MIB
