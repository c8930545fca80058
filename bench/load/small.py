"""Small uploads: many keep-alive connections in one thread over epoll, about 15 us for a request.

Belongs here: sending small uploads. Not here: large ones (large.py).
"""

import select
import sys
import time
from dataclasses import dataclass, field

from bench.content import small

from .loads import Outcome, SmallLoad, Target
from .session import Stopwatch, latency
from .wire import PATIENCE, Answer, LoadFailed, connect, parse_answer, patch, post, post_with_upload


@dataclass(slots=True, kw_only=True)
class _Tally:
    """What all connections have done together."""

    first: int
    begun: int = 0
    finished: int = 0
    milliseconds: dict[str, list[float]] = field(default_factory=lambda: {"POST": [], "PATCH": []})


class _Client:
    """One connection: always exactly one request is under way."""

    def __init__(self, load: SmallLoad, tally: _Tally) -> None:
        self.socket = connect(load.target)
        self.socket.setblocking(False)
        self._load = load
        self._tally = tally
        self._creation = (post_with_upload if load.with_upload else post)(load.target, load.length)
        self._content = b""
        self._method = ""
        self._watch = Stopwatch()
        self._received = bytearray()

    def begin(self) -> None:
        """The next upload."""
        self._content = small(self._tally.first + self._tally.begun, self._load.length)
        self._tally.begun += 1
        self._ask("POST", self._creation + self._content if self._load.with_upload else self._creation)

    def is_done_with_upload(self) -> bool:
        """Take what has come; True when that was the last answer of an upload. Raises LoadFailed."""
        received = self.socket.recv(65536)
        if not received:
            raise LoadFailed("the server closed a keep-alive connection")
        self._received += received
        answer = parse_answer(self._received)
        if answer is None:
            return False
        self._received.clear()
        self._tally.milliseconds[self._method].append(self._watch.milliseconds)
        return self._is_last(answer)

    def _is_last(self, answer: Answer) -> bool:
        if self._method == "PATCH":
            answer.check_offset(204, self._load.length)
            return True
        path = answer.location()
        if self._load.with_upload:
            answer.check_offset(201, self._load.length)
            return True
        self._ask("PATCH", _patch(self._load.target, path, self._content))
        return False

    def _ask(self, method: str, request: bytes) -> None:
        self._method = method
        self._watch = Stopwatch()
        # A few KiB on a connection where nothing else is under way always fit.
        if self.socket.send(request) != len(request):
            raise LoadFailed("a small request did not fit into the socket's buffer")


class SmallSession:
    """Connected clients."""

    def __init__(self, load: SmallLoad) -> None:
        self._load = load
        self._tally = _Tally(first=load.first_number)
        self._clients = {
            client.socket.fileno(): client
            for client in (_Client(load, self._tally) for _ in range(load.connections))
        }

    def run(self) -> Outcome:
        began = time.perf_counter()
        for client in self._clients.values():
            client.begin()
        with select.epoll() as ready:
            ready.register(sys.stdin.fileno(), select.EPOLLIN)
            for number in self._clients:
                ready.register(number, select.EPOLLIN)
            self._until_all_are_done(ready, began + self._load.seconds)
        seconds = time.perf_counter() - began
        return Outcome(
            seconds=seconds,
            cpu=0,
            uploads=self._tally.finished,
            received=self._tally.finished * self._load.length,
            latency={method: latency(times) for method, times in self._tally.milliseconds.items() if times},
        )

    def close(self) -> None:
        for client in self._clients.values():
            client.socket.close()

    def _until_all_are_done(self, ready: select.epoll, until: float) -> None:
        busy = len(self._clients)
        while busy:
            events = ready.poll(PATIENCE)
            if not events:
                raise LoadFailed(f"no answer within {PATIENCE} s")
            for number, _ in events:
                client = self._clients.get(number)
                if client is None:
                    # Told to stop.
                    ready.unregister(number)
                    until = 0.0
                elif client.is_done_with_upload():
                    self._tally.finished += 1
                    busy -= not self._has_begun_another(client, until)

    def _has_begun_another(self, client: _Client, until: float) -> bool:
        enough = self._load.most and self._tally.begun >= self._load.most
        if enough or time.perf_counter() >= until:
            return False
        client.begin()
        return True


def _patch(target: Target, path: str, content: bytes) -> bytes:
    return patch(target, path, 0, len(content)) + content
