"""Hashing what a client sends, by the names that tus has for algorithms.

Belongs here: the algorithms. Not here: the header (protocol/tus/checksum.py), when to hash
(uploads/proof.py).
"""

import hashlib
import hmac
import zlib
from collections.abc import Callable
from typing import Protocol

import crc32c

from protocol.checksum import DIGEST_SIZES
from storage_backends.base import Block


class Digest(Protocol):
    """A hash under way. `update` lets go of the interpreter lock for all but tiny blocks."""

    def update(self, block: Block, /) -> None: ...
    def digest(self) -> bytes: ...


class _Crc:
    """A cyclic redundancy check; its digest is the number, most significant byte first."""

    def __init__(self, advance: Callable[[Block, int], int]) -> None:
        self._advance = advance
        self._value = 0

    def update(self, block: Block, /) -> None:
        self._value = self._advance(block, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


_MAKERS: dict[str, Callable[[], Digest]] = {
    # sha1 and md5 find accidents here, nobody's trust rests on them.
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "sha256": hashlib.sha256,
    "sha512": hashlib.sha512,
    "md5": lambda: hashlib.md5(usedforsecurity=False),
    "crc32": lambda: _Crc(zlib.crc32),
    "crc32c": lambda: _Crc(crc32c.crc32c),
}

ALGORITHMS = tuple(DIGEST_SIZES)
"""Those that this server offers, sha1 first, as the specification requires it."""


def new_digest(algorithm: str) -> Digest:
    """A fresh hash; `algorithm` is one of ALGORITHMS."""
    return _MAKERS[algorithm]()


def matches(digest: Digest, wanted: bytes) -> bool:
    """Compared in constant time, like every digest in this house."""
    return hmac.compare_digest(digest.digest(), wanted)
