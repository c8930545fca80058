"""Small requests, cut out of the bytes that a connection received.

Only what leaves nothing to decide is cut out: one whole request in one piece with nothing behind it, every
line of one plain form, and no name twice among those that we read. Whatever else comes is aiohttp's.

Belongs here: the form, and what a connection has to know of their way. Not here: what the lines mean
(protocol/), that way itself (lane.py).
"""

import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import web

OWN = frozenset(
    {
        *("upload-length", "upload-offset", "upload-metadata", "upload-checksum", "repr-digest"),
        *("content-length", "x-request-id"),
    }
)
"""Headers that differ from one upload to the next; the lines with all others are the rest of a head."""

# With any of these a request may end elsewhere, wait for something, or mean something else.
_NOT_PLAIN = frozenset(
    {
        *("transfer-encoding", "content-encoding", "te", "trailer", "upgrade", "http2-settings", "expect"),
        *("x-http-method-override", "upload-concat", "upload-defer-length"),
    }
)

_REQUEST_LINE = re.compile(rb"(POST|PATCH) (/[A-Za-z0-9/._-]*) HTTP/1\.1")
_LINE = re.compile(rb"([A-Za-z0-9-]+):[ ]*([!-~](?:[ -~]*[!-~])?)?[ ]*")
_PRINTABLE = bytes(range(0x20, 0x7F))
_OWN_NAMES = {
    spelling: name for name in OWN for spelling in (name.encode("ascii"), name.title().encode("ascii"))
} | {b"X-Request-ID": "x-request-id"}
_MOST_DIGITS = 9
_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class SmallRequest:
    """One whole request."""

    method: str
    path: str
    own: Mapping[str, str]
    """Values of OWN, by lower-case name."""
    rest: Sequence[bytes]
    """The other lines, as they came."""
    body: bytes
    data: bytes
    """All of it."""


Sender = str | None
"""The address at the other end of a connection; None is a Unix socket."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A request that need not go through aiohttp."""

    request: SmallRequest
    request_id: str
    answer: Callable[[], Coroutine[Any, Any, bytes]]
    """Does what is asked, to be called once. Raises what the service says instead of yes, which was neither
    counted nor logged."""


class SmallWay(Protocol):
    """What takes small requests."""

    longest_head: int
    """Bytes of a head that it looks at."""

    def take(self, request: SmallRequest, sender: Sender, *, is_secure: bool) -> Taken | None:
        """None for what aiohttp must look at."""
        ...

    async def remember(self, request: web.Request, small: SmallRequest, sender: Sender) -> None:
        """`request`, which is `small`, went through aiohttp and was answered with yes."""
        ...


def head_size(data: bytes) -> int:
    """Bytes up to the body; 0 when the head does not end in these."""
    return data.find(_END) + len(_END) if _END in data else 0


def cut_out(data: bytes, longest_head: int) -> SmallRequest | None:
    """The POST or PATCH that `data` is from its first byte to its last; None if it is anything else."""
    end = data.find(_END, 0, longest_head)
    if end < 0:
        return None
    head = data[:end]
    lines = head.split(b"\r\n")
    # No bare CR, LF or NUL, no TAB, nothing beyond ASCII: two readers could take them for different things.
    if head.translate(None, _PRINTABLE) != b"\r\n" * (len(lines) - 1):
        return None
    first = _REQUEST_LINE.fullmatch(lines[0])
    if first is None:
        return None
    own: dict[str, str] = {}
    rest: list[bytes] = []
    for line in lines[1:]:
        written, colon, value = line.partition(b":")
        name = _OWN_NAMES.get(written) or _OWN_NAMES.get(written.lower())
        if name is None:
            rest.append(line)
        elif name in own or not colon:
            return None
        else:
            own[name] = value.decode("ascii").strip(" ")
    body = data[end + len(_END) :]
    if not _is_length_of(own.get("content-length", "0"), body):
        return None
    return SmallRequest(first[1].decode("ascii"), first[2].decode("ascii"), own, tuple(rest), body, data)


def plain_headers(rest: Sequence[bytes]) -> dict[str, str] | None:
    """The rest of a head, read; None where a line has another form, is there twice, or is not plain."""
    found: dict[str, str] = {}
    for line in rest:
        matched = _LINE.fullmatch(line)
        if matched is None:
            return None
        name, value = matched[1].decode("ascii").lower(), (matched[2] or b"").decode("ascii")
        if name in found or name in _NOT_PLAIN or (name == "connection" and value.lower() != "keep-alive"):
            return None
        found[name] = value
    return found if found.get("host") else None


def _is_length_of(text: str, body: bytes) -> bool:
    return text.isdigit() and len(text) <= _MOST_DIGITS and int(text) == len(body)
