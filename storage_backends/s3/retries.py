"""Trying again: a few times, with full jitter, and not for long.

Whatever is done here may be done twice. Belongs here: when and how often. Not here: what may pass
(failures.py).
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from storage_backends.base import StorageAway

from .failures import NETWORK, Refused

T = TypeVar("T")

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 3.0
"""Seconds; the pause is a random share of the first, doubled each time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How long a request is tried."""

    attempts: int = 4
    within: float = 10.0
    """Seconds after which no further attempt begins."""
    chance: Callable[[], float] = field(default=random.random)
    """From 0 to 1."""

    async def run(self, operation: str, attempt: Callable[[], Awaitable[T]]) -> T:
        """What `attempt` returns. Raises its StorageError where that cannot pass, else StorageAway."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + self.within
        for count in range(1, self.attempts + 1):
            try:
                return await attempt()
            except Refused as failed:
                if not failed.may_pass:
                    raise
                last: Exception = failed
            except NETWORK as failed:
                last = failed
            if count == self.attempts or clock() > deadline:
                break
            await self.pause(count)
        raise StorageAway(f"{operation}: given up after {count} attempts: {_said(last)}") from last

    async def pause(self, count: int) -> None:
        """Before attempt `count` + 1."""
        await asyncio.sleep(self.chance() * min(LONGEST_PAUSE, FIRST_PAUSE * 2**count))


def _said(failed: Exception) -> str:
    return str(failed) or type(failed).__name__
