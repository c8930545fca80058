"""The floor: the least that a server in Python must do to get a body from a socket into a file.

A thread for each connection, `recv_into` one buffer of 1 MiB, `os.pwrite`. It checks nothing, remembers
nothing and has no limits; it only speaks as much HTTP as the generator needs. floor.c is the same in C.

    python -m bench.floor FOLDER PORT [--discard] [--sync-every BYTES]

Belongs here: receiving and writing. Not here: anything that a real server owes its users.
"""

import argparse
import itertools
import os
import re
import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path

BUFFER = 1 << 20
_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_AT = re.compile(rb"\r\nupload-offset: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """What to do with bytes."""

    folder: Path
    discard: bool
    """Receive only."""
    sync_every: int
    """fdatasync after so many bytes and at the end of a body, and sync the folder after a file is made; 0 is
    never."""
    names: "itertools.count[int]" = field(default_factory=itertools.count)

    def create(self) -> str:
        """A new, empty file."""
        name = str(next(self.names))
        if self.discard:
            return name
        os.close(os.open(self.folder / name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o640))
        if self.sync_every:
            descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
            os.fsync(descriptor)
            os.close(descriptor)
        return name

    def size_of(self, name: str) -> int:
        return 0 if self.discard else (self.folder / name).stat().st_size


class Connection:
    """One client, served until it leaves."""

    def __init__(self, floor: Floor, client: socket.socket) -> None:
        self._floor = floor
        self._socket = client
        self._buffer = bytearray(BUFFER)
        self._view = memoryview(self._buffer)
        self._filled = 0

    def serve(self) -> None:
        """Runs in a thread of its own."""
        with self._socket:
            while (end := self._read_head()) > 0:
                self._answer(bytes(self._view[:end]), end)

    def _read_head(self) -> int:
        """Where the next head ends in the buffer; 0 when the client left."""
        while (end := self._buffer.find(_HEAD_END, 0, self._filled)) < 0:
            try:
                count = self._socket.recv_into(self._view[self._filled :])
            except ConnectionError:
                return 0
            if not count:
                return 0
            self._filled += count
        return end + len(_HEAD_END)

    def _answer(self, head: bytes, end: int) -> None:
        method, target, _ = head.split(b" ", 2)
        found = _LENGTH.search(head)
        length = int(found[1]) if found else 0
        name = target.rpartition(b"/")[2].decode()
        if method == b"POST":
            name = self._floor.create()
            offset = self._receive(name, 0, end, length)
            self._send(f"201 Created\r\nLocation: /files/{name}\r\nUpload-Offset: {offset}", body=True)
        elif method == b"PATCH":
            at = _AT.search(head)
            offset = self._receive(name, int(at[1]) if at else 0, end, length)
            self._send(f"204 No Content\r\nUpload-Offset: {offset}", body=False)
        elif method == b"HEAD":
            self._receive(name, 0, end, 0)
            self._send(f"200 OK\r\nUpload-Offset: {self._floor.size_of(name)}", body=True)
        else:
            self._receive(name, 0, end, 0)
            self._send("204 No Content", body=False)

    def _send(self, lines: str, *, body: bool) -> None:
        empty = "Content-Length: 0\r\n" if body else ""
        self._socket.sendall(f"HTTP/1.1 {lines}\r\nTus-Resumable: 1.0.0\r\n{empty}\r\n".encode())

    def _receive(self, name: str, offset: int, end: int, length: int) -> int:
        """Take `length` bytes of body, which begin at `end` in the buffer. The offset after them."""
        early = min(self._filled - end, length)
        descriptor = -1
        if length and not self._floor.discard:
            descriptor = os.open(self._floor.folder / name, os.O_WRONLY)
        try:
            if descriptor >= 0:
                os.pwrite(descriptor, self._view[end : end + early], offset)
            # What follows the body is the next head.
            rest = self._filled - end - early
            self._buffer[:rest] = self._buffer[end + early : self._filled]
            self._filled = rest
            self._pour(descriptor, offset + early, length - early)
        finally:
            if descriptor >= 0:
                os.close(descriptor)
        return offset + length

    def _pour(self, descriptor: int, offset: int, left: int) -> None:
        every = self._floor.sync_every
        unsynced = offset % every if every else 0
        while left:
            count = self._socket.recv_into(self._view[: min(left, BUFFER)])
            if not count:
                raise ConnectionResetError("the client left within a body")
            if descriptor >= 0:
                os.pwrite(descriptor, self._view[:count], offset)
            offset, left, unsynced = offset + count, left - count, unsynced + count
            if every and unsynced >= every:
                os.fdatasync(descriptor)
                unsynced = 0
        if every and unsynced and descriptor >= 0:
            os.fdatasync(descriptor)


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(prog="python -m bench.floor")
    parser.add_argument("folder", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("--discard", action="store_true")
    parser.add_argument("--sync-every", type=int, default=0)
    chosen = parser.parse_args()
    floor = Floor(folder=chosen.folder, discard=chosen.discard, sync_every=chosen.sync_every)
    with socket.create_server(("127.0.0.1", chosen.port), backlog=1024) as listener:
        while True:
            client, _ = listener.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=Connection(floor, client).serve, daemon=True).start()


if __name__ == "__main__":
    main()
