"""HEAD on an upload that nobody else touches: how long others wait while the server is busy.

Belongs here: asking and timing. Not here: what keeps the server busy.
"""

import select
import sys
import time

from .loads import HeadLoad, Outcome
from .session import Stopwatch, latency
from .wire import Connection, head


class HeadSession:
    """One upload of its own."""

    def __init__(self, load: HeadLoad) -> None:
        self._load = load
        self._connection = Connection(load.target)
        path = self._connection.create(4096)
        self._request = head("HEAD", load.target, path)
        self._ask()

    def run(self) -> Outcome:
        """Until there is something to read on standard input."""
        began = time.perf_counter()
        times = []
        while not select.select([sys.stdin], [], [], self._load.pause)[0]:
            times.append(self._ask())
        return Outcome(seconds=time.perf_counter() - began, cpu=0, latency={"HEAD": latency(times)})

    def close(self) -> None:
        self._connection.socket.close()

    def _ask(self) -> float:
        watch = Stopwatch()
        self._connection.ask(self._request, to_head=True).check_offset(200, 0)
        return watch.milliseconds
