"""Request headers, read the one way that cannot be misunderstood.

Belongs here: looking headers up. Not here: what any header means.
"""

from collections.abc import Iterable
from typing import Self

from .errors import RepeatedHeader
from .integers import parse_non_negative

__all__ = ["Headers", "parse_non_negative"]

# RFC 9110, 5.6.3: optional whitespace around a field value is not part of it.
_OWS = " \t"


class Headers:
    """The headers of one request, by name without regard to case (RFC 9110, 5.1)."""

    __slots__ = ("_values",)

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        """`pairs` in the order received, repeated names included."""
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name.lower(), []).append(value)

    def has(self, name: str) -> bool:
        """Whether the header was sent at all, be it empty."""
        return name.lower() in self._values

    def every(self, name: str) -> list[str]:
        """All its values as received, for fields that say themselves what that means; [] without any."""
        return self._values.get(name.lower(), [])

    def one(self, name: str) -> str | None:
        """The header's value without whitespace around it; None when it was not sent.

        Raises RepeatedHeader when it was sent twice, even with equal values: two readers in one chain
        could take different ones.
        """
        values = self._values.get(name.lower())
        if values is None:
            return None
        if len(values) > 1:
            raise RepeatedHeader(f"{name} was sent {len(values)} times, wanted once")
        return values[0].strip(_OWS)

    def without(self, name: str) -> Self:
        """The same without one."""
        left = ((other, values) for other, values in self._values.items() if other != name.lower())
        return type(self)((other, value) for other, values in left for value in values)
