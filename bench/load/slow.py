"""Clients on bad lines: each sends its PATCH a little at a time, and is cut off in the middle.

Belongs here: trickling, and asking afterwards what was kept. Not here: what they cost the server.
"""

import select
import sys
import time
from dataclasses import dataclass, field

from bench.content import slices

from .loads import Outcome, SlowLoad
from .wire import Connection, LoadFailed, head, patch

_TURNS = 25
"""A second is cut into so many; in each, another part of the clients sends."""
_SAMPLE = 20
"""Uploads that are asked afterwards what was kept."""
_KEPT_WITHIN = 10.0


@dataclass(slots=True)
class _Client:
    """One connection with a body under way."""

    connection: Connection
    path: str
    number: int
    sent: int = field(default=0)

    def send(self, count: int) -> None:
        for piece in slices(self.number, self.sent, self.sent + count):
            self.connection.socket.sendall(piece)
        self.sent += count


class SlowSession:
    """Created uploads. Their length is twice what will come, so that they end in the middle."""

    def __init__(self, load: SlowLoad) -> None:
        self._load = load
        self._length = 2 * max(1, int(load.rate * load.seconds))
        self._clients = [
            _Client(connection, connection.create(self._length), number)
            for number, connection in enumerate(Connection(load.target) for _ in range(load.connections))
        ]

    def run(self) -> Outcome:
        began = time.perf_counter()
        for client in self._clients:
            client.connection.socket.sendall(patch(self._load.target, client.path, 0, self._length))
        for turn in range(int(self._load.seconds * _TURNS)):
            # Until there is something to read on standard input, where that comes before its time.
            if select.select([sys.stdin], [], [], max(0.0, began + turn / _TURNS - time.perf_counter()))[0]:
                break
            for client in self._clients[turn % _TURNS :: _TURNS]:
                client.send(self._load.rate)
        seconds = time.perf_counter() - began
        return Outcome(seconds=seconds, cpu=0, received=sum(client.sent for client in self._clients))

    def close(self) -> None:
        """Cut them off; what a sample of them had sent must be there."""
        for client in self._clients:
            client.connection.socket.close()
        with Connection(self._load.target) as asking:
            for client in self._clients[:: max(1, len(self._clients) // _SAMPLE)]:
                self._await_kept(asking, client)

    def _await_kept(self, asking: Connection, client: _Client) -> None:
        """The server may need a moment to see that the client left. Raises LoadFailed."""
        until = time.monotonic() + _KEPT_WITHIN
        while True:
            answer = asking.ask(head("HEAD", self._load.target, client.path), to_head=True)
            try:
                return answer.check_offset(200, client.sent)
            except LoadFailed:
                if time.monotonic() > until:
                    raise
            time.sleep(0.05)
