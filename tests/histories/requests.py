"""Requests as they go over the wire, and the digests of their bodies.

Belongs here: making them, in any dialect. Not here: what they say (tus_words.py, ietf_words.py), sending
(service.py), choosing (steps.py).
"""

import hashlib
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import crc32c

from tests.harness.wire import Address, framed, head_of

from .values import Proof

Headers = Sequence[tuple[str, str]]

PIECE = 48 << 10
"""Bytes of a chunk, and of one write to the socket."""

DIGESTS: dict[str, Callable[[bytes], bytes]] = {
    "sha1": lambda body: hashlib.sha1(body, usedforsecurity=False).digest(),
    "sha256": lambda body: hashlib.sha256(body).digest(),
    "sha512": lambda body: hashlib.sha512(body).digest(),
    "md5": lambda body: hashlib.md5(body, usedforsecurity=False).digest(),
    "crc32": lambda body: zlib.crc32(body).to_bytes(4, "big"),
    "crc32c": lambda body: crc32c.crc32c(body).to_bytes(4, "big"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request; `headers` besides Host and those of the body."""

    method: str
    target: str
    headers: Headers = ()
    body: bytes | None = None
    chunked: bool = False

    def head(self, address: Address, *more: tuple[str, str]) -> bytes:
        host = ("Host", f"{address.host}:{address.port}")
        every = (host, *self.headers, *self._framing(), *more)
        return head_of(self.method, self.target, every)

    def _framing(self) -> Iterator[tuple[str, str]]:
        if self.body is not None:
            yield (
                ("Transfer-Encoding", "chunked") if self.chunked else ("Content-Length", str(len(self.body)))
            )

    def sent(self, reach: int) -> Iterator[bytes | memoryview]:
        """The first `reach` bytes of the body, as they go over the wire."""
        view = memoryview(self.body or b"")[:reach]
        pieces = [view[at : at + PIECE] for at in range(0, reach, PIECE)]
        yield from framed(pieces) if self.chunked else pieces

    def rest(self) -> bytes:
        """What ends the body."""
        return b"0\r\n\r\n" if self.chunked and self.body is not None else b""

    def at(self, target: str) -> "Request":
        return replace(self, target=target)

    def without(self, name: str) -> "Request":
        return replace(self, headers=[header for header in self.headers if header[0] != name])

    def by(self, method: str, *more: tuple[str, str]) -> "Request":
        return replace(self, method=method, headers=(*self.headers, *more))

    def __str__(self) -> str:
        named = " ".join(f"{name}: {value}" for name, value in (*self.headers, *self._framing()))
        return f"{self.method} {self.target[-8:]} [{named}] {len(self.body or b'')} bytes"


def digest(body: bytes, proof: Proof, algorithm: str) -> bytes:
    """The one that is right, or one that is not."""
    return DIGESTS[algorithm](body if proof is Proof.RIGHT else body + b"!")
