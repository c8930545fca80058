"""Requests as bytes, exactly as a check wants them.

Belongs here: request heads, framing of bodies. Not here: headers that tus needs; the check names them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_FRAMED = ("content-length:", "transfer-encoding:")
_WITH_BODY = ("POST", "PATCH", "PUT")


@dataclass(frozen=True, slots=True)
class Chunked:
    """A body of unknown length (RFC 9112, 7.1), with trailer lines after its last chunk."""

    pieces: tuple[bytes, ...]
    trailers: tuple[str, ...] = ()

    @property
    def encoded(self) -> bytes:
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in self.pieces if piece)
        trailers = b"".join(line.encode() + b"\r\n" for line in self.trailers)
        return chunks + b"0\r\n" + trailers + b"\r\n"


Body = bytes | Chunked


def render(method: str, target: str, authority: str, lines: Sequence[str], body: Body) -> bytes:
    """The whole request. The body's framing is added unless one of `lines` already says it."""
    framing = [] if _is_framed(lines) else _framing(method, body)
    raw = body.encoded if isinstance(body, Chunked) else body
    return head(method, target, authority, [*lines, *framing]) + raw


def head(method: str, target: str, authority: str, lines: Iterable[str]) -> bytes:
    """The request's head alone; whatever is to follow is the caller's."""
    first = f"{method} {target} HTTP/1.1"
    return ("\r\n".join([first, f"Host: {authority}", *lines]) + "\r\n\r\n").encode()


def _is_framed(lines: Sequence[str]) -> bool:
    return any(line.lower().startswith(_FRAMED) for line in lines)


def _framing(method: str, body: Body) -> list[str]:
    if isinstance(body, Chunked):
        return ["Transfer-Encoding: chunked"]
    if body or method in _WITH_BODY:
        return [f"Content-Length: {len(body)}"]
    return []
