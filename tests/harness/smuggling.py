"""Messages whose end two readers may see in different places.

Each is one request, and behind what some take for its end another one, which names itself in X-Request-ID.
Sources: RFC 9112, sections 6 and 7; the variants that are published for servers behind proxies.

Belongs here: the bytes. Not here: what a server should make of them (tests/deploy/test_smuggling.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass

FIRST, HIDDEN = "first", "hidden"

_TRANSFER_ENCODINGS = (
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: CHUNKED",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: chunkedx",
    "Transfer-Encoding: chunk",
    "Transfer-Encoding: identity",
    "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: identity, chunked",
    "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked;q=1",
    'Transfer-Encoding: "chunked"',
    "Transfer-Encoding:chunked",
    "Transfer-Encoding:\tchunked",
    "Transfer-Encoding:\x0bchunked",
    "Transfer-Encoding: \x0cchunked",
    "Transfer-Encoding: chunked\x00",
    "Transfer-Encoding: chunked ,",
    "Transfer-Encoding : chunked",
    "Transfer-Encoding\t: chunked",
    " Transfer-Encoding: chunked",
    "\tTransfer-Encoding: chunked",
    "Transfer-Encoding:\r\n chunked",
    "Transfer-Encoding\r\n : chunked",
    "X-Y: z\nTransfer-Encoding: chunked",
    "X-Y: z\rTransfer-Encoding: chunked",
    "Transfer-Encoding\x00: chunked",
    "Transfer_Encoding: chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding:\r\nTransfer-Encoding: chunked",
)
_LENGTHS = (
    "Content-Length: {0}\r\nContent-Length: {all}",
    "Content-Length: {all}\r\nContent-Length: {0}",
    "Content-Length: {0}, {all}",
    "Content-Length: {all}, {0}",
    "Content-Length: +{0}",
    "Content-Length: -{all}",
    "Content-Length: 0x{0}",
    "Content-Length: {0} {all}",
    "Content-Length: {0}_0",
    "Content-Length: {0}\x0b",
    "Content-Length: {0}.0",
    "Content-Length: {0}e0",
    "Content-Length : {0}",
    " Content-Length: {0}",
    "Content-Length:\r\n {0}",
    "Content-Length\x00: {0}",
    "Content-Length: 18446744073709551616",
    "X-Y: z\nContent-Length: {0}",
)
_CHUNKS = (
    "0x0\r\n\r\n",
    "-0\r\n\r\n",
    "+0\r\n\r\n",
    "0 \r\n\r\n",
    "0\n\r\n",
    "0\r\n\n",
    "0\r\r\n\r\n",
    "0;a=\n\r\n\r\n",
    "0;a\r\r\n\r\n",
    "1\r\nZZ0\r\n\r\n",
    "2\r\nZ\r\n0\r\n\r\n",
    "10000000000000000\r\n0\r\n\r\n",
    "ffffffffffffffff1\r\n0\r\n\r\n",
    "\r\n0\r\n\r\n",
    "0_0\r\n\r\n",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Smuggled:
    """One message, and the names of both requests."""

    name: str
    raw: bytes
    first: str
    hidden: str


def smuggled(host: str, tag: str) -> Iterator[Smuggled]:
    """Every one of them, with names that begin with `tag`."""
    for number, (name, framing, body) in enumerate(_kinds()):
        first, hidden = f"{tag}-{number}-{FIRST}", f"{tag}-{number}-{HIDDEN}"
        behind = f"GET /api/v1/me HTTP/1.1\r\nHost: {host}\r\nX-Request-ID: {hidden}\r\n\r\n"
        sizes = {"all": len(body) + len(behind)}
        framed = framing.replace("{0}", str(len(body))).replace("{all}", str(sizes["all"]))
        head = (
            f"POST /files/ HTTP/1.1\r\nHost: {host}\r\nX-Request-ID: {first}\r\n"
            f"Tus-Resumable: 1.0.0\r\nUpload-Length: 1\r\n{framed}\r\n\r\n"
        )
        yield Smuggled(name=name, raw=(head + body + behind).encode("latin-1"), first=first, hidden=hidden)


def _kinds() -> Iterator[tuple[str, str, str]]:
    """Name, framing, and what comes before the hidden request."""
    for field in _TRANSFER_ENCODINGS:
        yield f"{field!r} and a length for all", f"Content-Length: {{all}}\r\n{field}", "0\r\n\r\n"
        yield f"{field!r} alone", field, "0\r\n\r\n"
    for field in _LENGTHS:
        yield f"{field!r}", field, "Z"
    for chunks in _CHUNKS:
        yield f"chunks {chunks!r}", "Transfer-Encoding: chunked", chunks
