"""Looking at a server again and again while it is loaded.

Belongs here: samples of memory and threads. Not here: what they are held against.
"""

import threading
from typing import Self

from . import measure

_EVERY = 0.5


class Watch:
    """A context manager; inside, a thread of this process takes a sample twice a second."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.threads: list[int] = []
        self.resident: list[int] = []
        """Bytes, proportional."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._stop.set()
        self._thread.join()

    def growth(self) -> int:
        """Bytes of memory from a third of the time on: what comes before is getting going."""
        if not self.resident:
            return 0
        return self.resident[-1] - self.resident[len(self.resident) // 3]

    def _look(self) -> None:
        while not self._stop.wait(_EVERY):
            self.threads.append(measure.threads(self._pid))
            self.resident.append(measure.memory(self._pid).resident)
