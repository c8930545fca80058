"""When to try again, and when to give up.

Belongs here: waiting between attempts. Not here: which failures may pass (answers.py, wire.py).
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from .errors import GaveUp, Trouble
from .options import Retries

_T = TypeVar("_T")

Notice = Callable[[str], None]
"""Is told, in one sentence, what a person may want to know while an upload goes on."""


class Patience:
    """How much of it is left for one upload. Progress restores it."""

    def __init__(
        self,
        retries: Retries,
        notice: Notice,
        *,
        clock: Callable[[], float] = time.monotonic,
        dice: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`dice` gives numbers from 0 to 1."""
        self._retries = retries
        self._notice = notice
        self._clock = clock
        self._dice = dice
        self._sleep = sleep
        self._failed = 0
        self._moved_at = clock()

    def restore(self) -> None:
        """Something was reached that had not been before."""
        self._failed = 0
        self._moved_at = self._clock()

    async def wait(self, trouble: Trouble) -> None:
        """Until the next attempt. Raises GaveUp."""
        wait = self._next_wait(trouble.retry_after)
        stuck = self._clock() - self._moved_at
        if self._is_spent(stuck + wait):
            attempts = f"{self._failed + 1} attempts" if self._failed else "1 attempt"
            raise GaveUp(f"{trouble}; gave up after {attempts} in {stuck:.0f} s") from trouble
        self._failed += 1
        self._notice(f"{trouble}; trying again in {wait:.1f} s")
        await self._sleep(wait)

    def _is_spent(self, stuck: float) -> bool:
        times, within = self._retries.times, self._retries.within
        return (times is not None and self._failed >= times) or (within is not None and stuck > within)

    def _next_wait(self, asked: float | None) -> float:
        # The exponent is bounded, as floats are.
        whole = min(self._retries.first_wait * 2.0 ** min(self._failed, 60), self._retries.longest_wait)
        # Chance keeps the clients of a server that came back from coming back together.
        wait = whole * (1 + self._dice()) / 2
        return max(wait, min(asked or 0.0, self._retries.longest_retry_after))


async def patiently(patience: Patience, attempt: Callable[[], Awaitable[_T]]) -> _T:
    """What `attempt` gives once it works. Raises GaveUp, and whatever is no Trouble."""
    while True:
        try:
            return await attempt()
        except Trouble as trouble:
            await patience.wait(trouble)
