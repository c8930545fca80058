"""Connections that ask once and then say nothing.

Belongs here: opening them, and counting those that the server keeps. Not here: what they cost it.
"""

import select
import socket
import time

from .loads import IdleLoad, Outcome
from .wire import PATIENCE, LoadFailed, connect, head, parse_answer

_AT_ONCE = 200
"""Connections that may wait for their answer: a server's backlog is no part of this."""
_LOOK = 1.0
"""Seconds for a server to close what it does not keep."""


class IdleSession:
    """Nothing before it runs: opening is part of the load."""

    def __init__(self, load: IdleLoad) -> None:
        self._load = load
        self._request = head("OPTIONS", load.target, load.target.path)
        self._sockets: list[socket.socket] = []

    def run(self) -> Outcome:
        began = time.perf_counter()
        while len(self._sockets) < self._load.connections:
            self._open(min(_AT_ONCE, self._load.connections - len(self._sockets)))
        seconds = time.perf_counter() - began
        return Outcome(seconds=seconds, cpu=0, open=len(self._sockets) - self._count_closed())

    def close(self) -> None:
        for sock in self._sockets:
            sock.close()

    def _open(self, count: int) -> None:
        fresh = [connect(self._load.target) for _ in range(count)]
        for sock in fresh:
            sock.sendall(self._request)
        for sock in fresh:
            _await_answer(sock)
        self._sockets += fresh

    def _count_closed(self) -> int:
        closed = set()
        with select.epoll() as ready:
            for sock in self._sockets:
                ready.register(sock.fileno(), select.EPOLLIN | select.EPOLLRDHUP)
            until = time.monotonic() + _LOOK
            while (left := until - time.monotonic()) > 0:
                for number, _ in ready.poll(left):
                    closed.add(number)
                    ready.unregister(number)
        return len(closed)


def _await_answer(sock: socket.socket) -> None:
    sock.settimeout(PATIENCE)
    received = bytearray()
    while parse_answer(received) is None:
        more = sock.recv(65536)
        if not more:
            raise LoadFailed("the server closed a connection instead of answering")
        received += more
