"""`python -m tests.crash.crowd`: thousands of connections that hold on to a server and give it little.

Reads one JSON object from standard input (see `Crowd`), says "ready" when all are connected, stays until a
line comes, and prints what became of them. A process of its own, so that its work is not taken for the
server's, nor its waiting for that of the users who are measured beside it. What a server closes is opened
anew until the line comes, as somebody who means harm would do.

Belongs here: sockets. Not here: what has to hold (slow.py).
"""

import heapq
import itertools
import json
import os
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

AT_ONCE = 100
"""Connections that are opened before their server is given time for them."""
LOOK = 0.002
"""Seconds. Who drips does so when it is its turn, not all at once whenever somebody looks."""
NICE = 5
"""Of it while it stays: who means harm is elsewhere, and does not take the processors of a server."""
DRIPS = b"a"
ADDRESSES = 50
"""From which they come. With a single one the kernel would look for a free port among thousands, whenever
anybody connects."""
_BIND_ADDRESS_NO_PORT = getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24)
"""Python knows it from 3.12 on (ip(7)): the port is chosen when the other end is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How one kind of connection behaves."""

    name: str
    count: int
    first: str
    """What is sent at once."""
    is_idle: bool = False
    """Says nothing more; the others send a byte whenever `every` seconds have passed."""
    reads: bool = True
    """Takes what is answered. Without it the kernel never tells it of the end, unless it sends something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """What is read from standard input."""

    host: str
    port: int
    every: float
    """Seconds between two bytes of one connection."""
    patience: float
    """Seconds for which the server may take to close what drips, after the line."""
    manners: Sequence[Manner]

    @classmethod
    def parse(cls, text: str) -> "Crowd":
        said = json.loads(text)
        return cls(**{**said, "manners": [Manner(**one) for one in said["manners"]]})

    def as_json(self) -> str:
        return json.dumps(asdict(self))


@dataclass(slots=True, kw_only=True)
class Fate:
    """What became of the connections of one manner."""

    open: int = 0
    """Still, when the line came."""
    opened: int = 0
    closed: int = 0
    longest: float = 0.0
    """Seconds from the first byte to the end of the one that lived longest."""
    left: int = 0
    """Not closed by the server in all its time."""
    refused: int = 0
    """Could not be opened."""
    drips: int = 0
    """Bytes that it sent, or had ready where the kernel's buffers were full, from "ready" to the line."""


@dataclass(slots=True)
class _One:
    manner: Manner
    sock: socket.socket
    since: float
    is_over: bool = field(default=False)


class Gathering:
    """All of them, in one loop."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self.fates = {manner.name: Fate() for manner in crowd.manners}
        self._missing: deque[Manner] = deque()
        self._ready = select.epoll()
        self._known: dict[int, _One] = {}
        self._due: list[tuple[float, int, _One]] = []
        """A heap: who was late is due before others that began to wait earlier."""
        self._turns = itertools.count()
        self._replaces = True
        self._is_counting = False
        self._addresses = itertools.cycle(f"127.0.1.{last}" for last in range(1, ADDRESSES + 1))

    def gather(self) -> None:
        """Open all of them."""
        waiting = [manner for manner in self._crowd.manners for _ in range(manner.count)]
        # Mixed, as no worker is to get one kind only.
        waiting.sort(key=lambda manner: manner.name)
        for start in range(AT_ONCE):
            self._missing.extend(waiting[start::AT_ONCE])
        while self._missing:
            self._turn()

    def stay(self, until_told: select.poll) -> None:
        """Drip, and replace what is closed, until a line is there."""
        self._is_counting = True
        while not until_told.poll(0):
            self._turn()
        self._is_counting = False
        for one in self._known.values():
            self.fates[one.manner.name].open += 1

    def leave(self) -> None:
        """Go on dripping, and open nothing more, until what drips is closed or time is over."""
        self._replaces = False
        self._missing.clear()
        for one in [one for one in self._known.values() if one.manner.is_idle]:
            self._forget(one)
        until = time.monotonic() + self._crowd.patience
        while self._known and time.monotonic() < until:
            self._turn()
        for one in self._known.values():
            self.fates[one.manner.name].left += 1

    def _turn(self) -> None:
        for _ in range(min(AT_ONCE, len(self._missing))):
            self._open(self._missing.popleft())
        for number, events in self._ready.poll(LOOK, AT_ONCE * 4):
            if (one := self._known.get(number)) is not None:
                self._hear(one, events)
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            due, _, one = heapq.heappop(self._due)
            if not one.is_over:
                self._drip(one, due)

    def _open(self, manner: Manner) -> None:
        fate = self.fates[manner.name]
        sock = socket.socket()
        if not manner.reads:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(5.0)
        try:
            sock.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
            sock.bind((next(self._addresses), 0))
            sock.connect((self._crowd.host, self._crowd.port))
            sock.sendall(manner.first.encode())
        except OSError:
            sock.close()
            fate.refused += 1
            self._missing.append(manner)
            return
        sock.setblocking(False)
        one = _One(manner, sock, time.monotonic())
        fate.opened += 1
        self._known[sock.fileno()] = one
        watched = select.EPOLLRDHUP | (select.EPOLLIN if manner.reads else 0)
        self._ready.register(sock.fileno(), watched)
        if not manner.is_idle:
            self._wait(one, one.since)

    def _wait(self, one: _One, since: float) -> None:
        heapq.heappush(self._due, (since + self._crowd.every, next(self._turns), one))

    def _hear(self, one: _One, events: int) -> None:
        if events & (select.EPOLLHUP | select.EPOLLERR):
            self._has_ended(one)
            return
        try:
            if events & select.EPOLLIN and one.sock.recv(65536):
                return  # an answer; the end follows
        except BlockingIOError:
            return
        except OSError:
            pass
        self._has_ended(one)

    def _drip(self, one: _One, due: float) -> None:
        """A late one is not forgiven: the next is due when it would have been."""
        fate = self.fates[one.manner.name]
        try:
            one.sock.send(DRIPS)
        except BlockingIOError:
            pass
        except OSError:
            self._has_ended(one)
            return
        fate.drips += self._is_counting
        self._wait(one, due)

    def _has_ended(self, one: _One) -> None:
        fate = self.fates[one.manner.name]
        fate.closed += 1
        fate.longest = max(fate.longest, time.monotonic() - one.since)
        self._forget(one)
        if self._replaces:
            self._missing.append(one.manner)

    def _forget(self, one: _One) -> None:
        one.is_over = True
        del self._known[one.sock.fileno()]
        one.sock.close()


def fates_in(text: str) -> Mapping[str, Fate]:
    """What the process printed in the end."""
    return {name: Fate(**fate) for name, fate in json.loads(text).items()}


def main() -> None:
    gathering = Gathering(Crowd.parse(sys.stdin.readline()))
    gathering.gather()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    os.nice(NICE)
    told = select.poll()
    told.register(sys.stdin, select.POLLIN | select.POLLHUP)
    gathering.stay(told)
    sys.stdin.readline()
    gathering.leave()
    sys.stdout.write(json.dumps({name: asdict(fate) for name, fate in gathering.fates.items()}) + "\n")


if __name__ == "__main__":
    main()
