"""Large uploads: a thread for each connection, plain sockets, bytes that stay in the cache.

Belongs here: sending large bodies. Not here: small ones (small.py), where every microsecond of ours counts.
"""

import base64
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from bench.content import sha, slices

from .loads import LargeLoad, Outcome
from .session import Stopwatch, latency
from .wire import Connection, patch


@dataclass(frozen=True, slots=True)
class _Request:
    """One PATCH, ready to be sent."""

    head: bytes
    start: int
    stop: int


class LargeSession:
    """Created uploads and their requests; the body's number is that of its connection."""

    def __init__(self, load: LargeLoad) -> None:
        self._load = load
        self._connections = [Connection(load.target) for _ in range(load.connections)]
        self._requests = [
            _requests(load, body, connection.create(load.length))
            for body, connection in enumerate(self._connections)
        ]

    def run(self) -> Outcome:
        began = time.perf_counter()
        with ThreadPoolExecutor(len(self._connections)) as pool:
            times = list(
                pool.map(_send_all, range(len(self._connections)), self._connections, self._requests)
            )
        return Outcome(
            seconds=time.perf_counter() - began,
            cpu=0,
            uploads=len(times),
            received=self._load.length * len(times),
            latency={"PATCH": latency([one for each in times for one in each])},
        )

    def close(self) -> None:
        for connection in self._connections:
            connection.socket.close()


def _requests(load: LargeLoad, body: int, path: str) -> list[_Request]:
    found = []
    for start in range(0, load.length, load.patch):
        stop = min(start + load.patch, load.length)
        fields = [_checksum(load.checksum, body, start, stop)] if load.checksum else []
        found.append(_Request(patch(load.target, path, start, stop - start, *fields), start, stop))
    return found


def _checksum(algorithm: str, body: int, start: int, stop: int) -> str:
    digest = base64.b64encode(sha(algorithm, body, start, stop)).decode("ascii")
    return f"Upload-Checksum: {algorithm} {digest}"


def _send_all(body: int, connection: Connection, requests: list[_Request]) -> list[float]:
    """The milliseconds of each."""
    return [_send(body, connection, request) for request in requests]


def _send(body: int, connection: Connection, request: _Request) -> float:
    watch = Stopwatch()
    connection.socket.sendall(request.head)
    for piece in slices(body, request.start, request.stop):
        connection.socket.sendall(piece)
    connection.answer().check_offset(204, request.stop)
    return watch.milliseconds
