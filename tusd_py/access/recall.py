"""What was found out a moment ago: a small memory with an expiry, for one event loop.

What is remembered is known by the digest of a credential, so the memory holds no secret.
Belongs here: the memory. Not here: what is remembered (authenticate.py).
"""

from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from typing import Generic, TypeVar

T = TypeVar("T")

MOST = 10_000
"""Entries; the one that was not asked for longest goes."""


class Recall(Generic[T]):
    """Seconds of the given clock."""

    def __init__(self, clock: Callable[[], float], *, most: int = MOST) -> None:
        self._clock = clock
        self._most = most
        self._known: OrderedDict[bytes, tuple[float, T]] = OrderedDict()

    def get(self, digest: bytes) -> T | None:
        """None for what is not known any more."""
        found = self._known.get(digest)
        if found is None:
            return None
        until, value = found
        if self._clock() >= until:
            del self._known[digest]
            return None
        self._known.move_to_end(digest)
        return value

    def put(self, digest: bytes, value: T, *, until: float) -> None:
        self._known[digest] = (until, value)
        self._known.move_to_end(digest)
        if len(self._known) > self._most:
            self._known.popitem(last=False)

    def __len__(self) -> int:
        return len(self._known)


def digest_of(credential: str) -> bytes:
    """By what a credential is known here."""
    return sha256(credential.encode("utf-8", "surrogateescape")).digest()
