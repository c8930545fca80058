"""Short disk operations of one turn of the loop, done by one thread one after the other.

Handing a thread something to do and hearing of its end costs more than writing a small file does.

Belongs here: gathering, handing over, telling. Not here: what the operations do, and long ones (lane.py).
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar, cast

T = TypeVar("T")

MOST = 16
"""Operations that a thread is given at once: what waits behind a slow one."""


@dataclass(slots=True, eq=False)
class _Order:
    """`result` and `error` are written by the thread, `future` by the loop only."""

    operation: Callable[[], Any]
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


class Gathered:
    """Of one event loop, in the threads of `executor`."""

    __slots__ = ("_executor", "_orders")

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._orders: list[_Order] = []

    async def run(self, operation: Callable[[], T]) -> T:
        """Its result, or what it raised. When this is cancelled the operation goes on to its end."""
        loop = asyncio.get_running_loop()
        order = _Order(operation, loop.create_future())
        if not self._orders:
            loop.call_soon(self._hand_over, loop)
        self._orders.append(order)
        return cast(T, await order.future)

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        orders, self._orders = self._orders, []
        for batch in _batches(orders):
            try:
                self._executor.submit(_do, batch, loop)
            except RuntimeError as closed:
                # The pool is shut down: nobody would ever tell them.
                for order in batch:
                    order.error = closed
                _settle(batch)


def _batches(orders: Sequence[_Order]) -> Iterator[Sequence[_Order]]:
    for begin in range(0, len(orders), MOST):
        yield orders[begin : begin + MOST]


def _do(orders: Sequence[_Order], loop: asyncio.AbstractEventLoop) -> None:
    for order in orders:
        try:
            order.result = order.operation()
        except BaseException as error:  # noqa: BLE001 - whatever it raises belongs to who asked for it
            order.error = error
    # A loop that was closed meanwhile has nobody left to tell.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(_settle, orders)


def _settle(orders: Sequence[_Order]) -> None:
    for order in orders:
        if order.future.done():
            continue  # nobody waits any more
        if order.error is None:
            order.future.set_result(order.result)
        else:
            order.future.set_exception(order.error)
