"""What is remembered of uploads under way, so that another call, or another process, goes on with them.

Belongs here: the seam, what is kept, and keeping it in memory. Not here: files (file_store.py).
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from typing import Protocol

from .errors import UnderWay
from .sources import Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """The uploads of one file: its URLs, or those of its parts in order."""

    path: str
    """For people who look into a store."""
    parts: Mapping[int, str] = field(default_factory=dict)
    """URLs by number; a whole file is part 0."""
    final: str | None = None
    """The upload that was put together of the parts."""


class Store(Protocol):
    """Remembers uploads by a key. Any call may raise StoreFailed.

    `find`, `keep` and `forget` may block: they are called in threads.
    """

    def find(self, key: str) -> Remembered | None:
        """What was kept last, if it is still there."""

    def keep(self, key: str, remembered: Remembered) -> None:
        """Durable when it returns, where the store is."""

    def forget(self, *keys: str) -> None:
        """Does nothing for a key that is not there."""

    def claimed(self, key: str) -> AbstractContextManager[None]:
        """Nobody else sends this file meanwhile. Never waits. Raises UnderWay."""


class MemoryStore:
    """Lasts as long as the program."""

    def __init__(self) -> None:
        self._kept: dict[str, Remembered] = {}
        self._claimed: set[str] = set()

    def find(self, key: str) -> Remembered | None:
        return self._kept.get(key)

    def keep(self, key: str, remembered: Remembered) -> None:
        self._kept[key] = remembered

    def forget(self, *keys: str) -> None:
        for key in keys:
            self._kept.pop(key, None)

    @contextmanager
    def claimed(self, key: str) -> Iterator[None]:
        if key in self._claimed:
            raise UnderWay("the same file is already being sent to the same place")
        self._claimed.add(key)
        try:
            yield
        finally:
            self._claimed.discard(key)


def key_of(endpoint: str, identity: Identity, *, metadata: str, parts: int, protocol: str = "tus") -> str:
    """Equal for calls that would make the same upload of the same file at the same place.

    A hash, because an endpoint and metadata may hold secrets.
    """
    told: list[object] = [endpoint, asdict(identity), metadata, parts]
    if protocol != "tus":
        # An upload goes on in the protocol that it was begun in.
        told.append(protocol)
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()
