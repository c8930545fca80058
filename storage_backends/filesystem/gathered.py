"""Short disk operations, done by one thread for all who asked in one turn of the loop, or while it was busy.

Handing a thread something to do and hearing of its end costs more than writing a small file does; and many
files that are synced together are one commit of the filesystem's journal instead of many.

Belongs here: gathering, handing over, telling. Not here: what is done to a file (putting.py), and long
operations (lane.py).
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from math import ceil
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Found = TypeVar("Found")

MOST = 16
"""What a thread is given at once: what waits behind a slow one."""

Work = Callable[[Sequence[Asked]], Sequence[Found | BaseException]]
"""Does all of it, and says in the same order what came of each; an exception is told to whose it is."""


@dataclass(slots=True, eq=False)
class _Order(Generic[Asked, Found]):
    """`outcome` is written by the thread, `future` by the loop only."""

    asked: Asked
    future: asyncio.Future[Found]
    outcome: Found | BaseException | None = None


class Gathered(Generic[Asked, Found]):
    """Of one event loop, in the threads of `executor`."""

    __slots__ = ("_at_once", "_busy", "_executor", "_is_called", "_orders", "_work")

    def __init__(self, executor: Executor, work: Work[Asked, Found], *, at_once: int | None = None) -> None:
        """`at_once` threads do it at a time, while others' wishes gather; None is no limit."""
        self._executor = executor
        self._work = work
        self._at_once = at_once
        self._busy = 0
        self._is_called = False
        self._orders: list[_Order[Asked, Found]] = []

    async def run(self, asked: Asked) -> Found:
        """Its result, or what it raised. When this is cancelled it goes on to its end."""
        loop = asyncio.get_running_loop()
        order: _Order[Asked, Found] = _Order(asked, loop.create_future())
        self._orders.append(order)
        if not self._is_called:
            self._is_called = True
            loop.call_soon(self._hand_over, loop)
        return await order.future

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_called = False
        # Whoever was cancelled meanwhile would get a file that nobody knows of.
        self._orders = [order for order in self._orders if not order.future.done()]
        while self._orders and (size := self._share()):
            batch, self._orders = self._orders[:size], self._orders[size:]
            try:
                self._executor.submit(self._do, batch, loop)
            except RuntimeError as closed:
                # The pool is shut down: nobody would ever tell them.
                for order in batch:
                    order.outcome = closed
                _settle(batch)
            else:
                self._busy += 1

    def _share(self) -> int:
        """How many of those that wait one more thread is given; 0 while enough are busy."""
        if self._at_once is None:
            return MOST
        idle = self._at_once - self._busy
        return min(MOST, ceil(len(self._orders) / idle)) if idle > 0 else 0

    def _do(self, orders: Sequence[_Order[Asked, Found]], loop: asyncio.AbstractEventLoop) -> None:
        try:
            outcomes = self._work([order.asked for order in orders])
        except BaseException as error:  # noqa: BLE001 - whatever it raises belongs to who asked for it
            outcomes = [error] * len(orders)
        for order, outcome in zip(orders, outcomes, strict=True):
            order.outcome = outcome
        # A loop that was closed meanwhile has nobody left to tell.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(self._done, orders, loop)

    def _done(self, orders: Sequence[_Order[Asked, Found]], loop: asyncio.AbstractEventLoop) -> None:
        self._busy -= 1
        # The next ones first: the disk need not wait until these are told.
        self._hand_over(loop)
        _settle(orders)


def _settle(orders: Sequence[_Order[Asked, Found]]) -> None:
    for order in orders:
        if order.future.done():
            continue  # nobody waits any more
        if isinstance(order.outcome, BaseException):
            order.future.set_exception(order.outcome)
        else:
            order.future.set_result(order.outcome)  # type: ignore[arg-type]  # written by now
