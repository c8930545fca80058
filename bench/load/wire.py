"""Just enough HTTP/1.1 and tus for a client that costs little.

Belongs here: heads of requests, parsed answers, one blocking connection. Not here: what is sent when.
"""

import re
import socket
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from .loads import Target

PATIENCE = 120.0
"""Seconds; a server that is silent for longer has failed."""
_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_LOCATION = re.compile(rb"\r\nlocation: *([^\r\n]+)", re.IGNORECASE)
_OFFSET = re.compile(rb"\r\nupload-offset: *(\d+)", re.IGNORECASE)
# What browsers' clients send: filename "upload.bin", filetype "application/octet-stream".
_METADATA = "Upload-Metadata: filename dXBsb2FkLmJpbg==,filetype YXBwbGljYXRpb24vb2N0ZXQtc3RyZWFt"
_LAST_CHUNK = b"0\r\n\r\n"


class LoadFailed(Exception):
    """A server did not answer as a tus server does, so there is nothing to measure."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; of its headers only what uploading needs."""

    status: int
    head: bytes

    def location(self) -> str:
        """The path of the new upload. Raises LoadFailed."""
        found = _LOCATION.search(self.head)
        if self.status != 201 or found is None:
            raise LoadFailed(f"wanted 201 with Location, found {self.head!r}")
        return urlsplit(found[1].decode("ascii")).path

    def check_offset(self, status: int, offset: int) -> None:
        """Raises LoadFailed."""
        found = _OFFSET.search(self.head)
        if self.status != status or found is None or int(found[1]) != offset:
            raise LoadFailed(f"wanted {status} with Upload-Offset {offset}, found {self.head!r}")


def head(method: str, target: Target, path: str, *fields: str) -> bytes:
    """A request's head."""
    lines = (
        f"{method} {path} HTTP/1.1",
        f"Host: {target.host}:{target.port}",
        "Tus-Resumable: 1.0.0",
        *((f"Authorization: Bearer {target.credential}",) if target.credential else ()),
        *fields,
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def post(target: Target, length: int) -> bytes:
    """Create an upload."""
    return head("POST", target, target.path, f"Upload-Length: {length}", _METADATA, "Content-Length: 0")


def post_with_upload(target: Target, length: int) -> bytes:
    """Create an upload whose bytes all follow."""
    return head(
        "POST",
        target,
        target.path,
        f"Upload-Length: {length}",
        _METADATA,
        f"Content-Length: {length}",
        "Content-Type: application/offset+octet-stream",
    )


def patch(target: Target, path: str, offset: int, count: int, *fields: str) -> bytes:
    """Append `count` bytes, which follow."""
    return head(
        "PATCH",
        target,
        path,
        f"Upload-Offset: {offset}",
        f"Content-Length: {count}",
        "Content-Type: application/offset+octet-stream",
        *fields,
    )


def parse_answer(received: bytes | bytearray, *, to_head: bool = False) -> Answer | None:
    """The answer, when all of it has come. Only one may be awaited on a connection."""
    end = received.find(_HEAD_END)
    if end < 0:
        return None
    start = bytes(received[: end + 2])
    status = int(start[9:12])
    if not to_head and status != 204 and not _is_whole(start, received, end + len(_HEAD_END)):
        return None
    return Answer(status, start)


def _is_whole(start: bytes, received: bytes | bytearray, end: int) -> bool:
    length = _LENGTH.search(start)
    if length is not None:
        return len(received) >= end + int(length[1])
    if _CHUNKED.search(start):
        return received.endswith(_LAST_CHUNK)
    return True


class Connection:
    """One blocking keep-alive connection."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.socket = connect(target)
        self.socket.settimeout(PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.socket.close()

    def ask(self, request: bytes, *, to_head: bool = False) -> Answer:
        """Raises LoadFailed."""
        self.socket.sendall(request)
        return self.answer(to_head=to_head)

    def answer(self, *, to_head: bool = False) -> Answer:
        """The next one. Raises LoadFailed."""
        received = bytearray()
        while (answer := parse_answer(received, to_head=to_head)) is None:
            more = self.socket.recv(65536)
            if not more:
                raise LoadFailed(f"the server closed the connection; it had said {bytes(received)!r}")
            received += more
        return answer

    def create(self, length: int) -> str:
        """The path of a new upload. Raises LoadFailed."""
        return self.ask(post(self._target, length)).location()


def connect(target: Target) -> socket.socket:
    """A TCP connection that does not wait to fill packets."""
    sock = socket.create_connection((target.host, target.port), timeout=PATIENCE)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock
