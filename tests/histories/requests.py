"""Requests as they go over the wire, and answers as the model has them.

Belongs here: making and reading. Not here: sending (service.py), choosing (machine.py).
"""

import hashlib
import time
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime

import crc32c

from tests.harness.tus import BYTES, RESUMABLE
from tests.harness.wire import Address, Answer, framed, head_of

from .values import Proof, Said

Headers = Sequence[tuple[str, str]]

PIECE = 48 << 10
"""Bytes of a chunk, and of one write to the socket."""
HOUR = 3600

DIGESTS: dict[str, Callable[[bytes], bytes]] = {
    "sha1": lambda body: hashlib.sha1(body, usedforsecurity=False).digest(),
    "sha256": lambda body: hashlib.sha256(body).digest(),
    "sha512": lambda body: hashlib.sha512(body).digest(),
    "md5": lambda body: hashlib.md5(body, usedforsecurity=False).digest(),
    "crc32": lambda body: zlib.crc32(body).to_bytes(4, "big"),
    "crc32c": lambda body: crc32c.crc32c(body).to_bytes(4, "big"),
}

PREDICTED = (
    "Location",
    "Tus-Max-Size",
    "Tus-Version",
    "Upload-Concat",
    "Upload-Defer-Length",
    "Upload-Expires",
    "Upload-Length",
    "Upload-Metadata",
    "Upload-Offset",
)
"""Headers that must be there or not, with just that value. Tus-Resumable must be in every answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request; `headers` besides Host, Tus-Resumable and those of the body."""

    method: str
    target: str
    headers: Headers = ()
    body: bytes | None = None
    chunked: bool = False
    version: str = "1.0.0"

    def head(self, address: Address, *more: tuple[str, str]) -> bytes:
        host = ("Host", f"{address.host}:{address.port}")
        every = (host, (RESUMABLE[0], self.version), *self.headers, *self._framing(), *more)
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

    def by(self, method: str, *more: tuple[str, str]) -> "Request":
        return replace(self, method=method, headers=(*self.headers, *more))

    def __str__(self) -> str:
        named = " ".join(f"{name}: {value}" for name, value in (*self.headers, *self._framing()))
        return f"{self.method} {self.target[-8:]} [{named}] {len(self.body or b'')} bytes"


def checksum(body: bytes, proof: Proof, algorithm: str) -> Headers:
    """Upload-Checksum, if any."""
    if proof is Proof.NONE:
        return ()
    digest = DIGESTS[algorithm](body if proof is Proof.RIGHT else body + b"!")
    return (("Upload-Checksum", f"{algorithm} {b64encode(digest).decode()}"),)


MISTAKES = ("version", "type", "offset", "algorithm", "digest", "id", "concat")


def spoilt(right: Request, what: str) -> tuple[Request, Said]:
    """A PATCH with a mistake that no upload makes right, and what must be said to it."""
    more = {"algorithm": ("Upload-Checksum", "md4 YQ=="), "digest": ("Upload-Checksum", "sha1 YQ==")}
    less = {"type": BYTES[0], "offset": "Upload-Offset"}
    kept = [header for header in right.headers if header[0] != less.get(what)]
    kept += [more[what]] if what in more else []
    if what == "version":
        return replace(right, version="0.2.2"), Said(412, {"Tus-Version": RESUMABLE[1]})
    if what == "id":
        return replace(right, target="/files/" + "0" * 32), Said(404)
    if what == "concat":
        named = (("Upload-Concat", f"final;{right.target}"), ("Upload-Length", "10"))
        return Request(method="POST", target="/files/", headers=named), Said(400)
    return replace(right, headers=kept), Said(415 if what == "type" else 400)


def said(answer: Answer) -> Said:
    """What of an answer can be predicted."""
    headers = {name: answer.headers[name.lower()] for name in PREDICTED if name.lower() in answer.headers}
    if "Location" in headers:
        headers["Location"] = "given"
    if "Upload-Expires" in headers:
        seconds = parsedate_to_datetime(headers["Upload-Expires"]).timestamp() - time.time()
        headers["Upload-Expires"] = str(round(seconds / HOUR))
    return Said(answer.status, headers)
