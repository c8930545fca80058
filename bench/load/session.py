"""The seam between the generator's program and its kinds of load.

Belongs here: what every kind can do, and timing. Not here: a kind.
"""

import time
from collections.abc import Sequence
from typing import Protocol

from bench.arithmetic import percentile

from .loads import Latency, Outcome


class Session(Protocol):
    """One load on one server. Made ready when constructed: connected, content made."""

    def run(self) -> Outcome:
        """Do it. `cpu` of the outcome is filled in by the caller. Raises LoadFailed, OSError."""
        ...

    def close(self) -> None:
        """Let go of the connections; until then they stay as they are."""
        ...


class Stopwatch:
    """Milliseconds since it was made."""

    __slots__ = ("_began",)

    def __init__(self) -> None:
        self._began = time.perf_counter()

    @property
    def milliseconds(self) -> float:
        return (time.perf_counter() - self._began) * 1000


def latency(milliseconds: Sequence[float]) -> Latency:
    """Raises ValueError when nothing was timed."""
    return Latency(
        count=len(milliseconds),
        p50=percentile(milliseconds, 50),
        p99=percentile(milliseconds, 99),
        most=max(milliseconds),
    )
