"""At most one operation in a thread at a time, and none left running unnoticed.

Cancelling a task does not stop the thread that runs a `pwrite` for it. A lane remembers that operation, so
that the next one, and above all closing the file, waits for its end.

Belongs here: that order. Not here: what the operations do.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from typing import Any, TypeVar

T = TypeVar("T")


class Lane:
    """The operations of one owner, one after the other, in the threads of `executor`; None is the loop's."""

    __slots__ = ("_executor", "_running")

    def __init__(self, executor: Executor | None) -> None:
        self._executor = executor
        self._running: asyncio.Future[Any] | None = None

    async def run(self, operation: Callable[[], T]) -> T:
        """Its result, or what it raised. When this is cancelled the operation goes on to its end."""
        await self.idle()
        running = asyncio.get_running_loop().run_in_executor(self._executor, operation)
        self._running = running
        try:
            # Not `await running`, which would cancel it; not `shield`, whose fate of late errors varies.
            await asyncio.wait((running,))
        except asyncio.CancelledError:
            running.add_done_callback(_take_note)
            raise
        return running.result()

    async def idle(self) -> None:
        """Return once nothing is running."""
        while self._running is not None and not self._running.done():
            await asyncio.wait((self._running,))


def _take_note(forgotten: asyncio.Future[Any]) -> None:
    """Its owner went away; an error in it is the owner's state now, not a warning of asyncio's."""
    if not forgotten.cancelled():
        forgotten.exception()


async def to_the_end(work: Awaitable[T]) -> T:
    """Wait for `work` even while being cancelled; raise CancelledError only when it is done."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError as exc:
            cancelled = exc
    if cancelled is not None:
        _take_note(task)
        raise cancelled
    return task.result()


async def claimed(executor: Executor, operation: Callable[[], T], let_go: Callable[[T], None]) -> T:
    """Run an operation whose result must be let go by somebody: the caller, or `let_go` when cancelled.

    A cancelled call too ends only when the operation is over. Opening a file to write may reserve room and
    give it back, which must not happen once another writer has the file.
    """
    running = asyncio.get_running_loop().run_in_executor(executor, operation)
    try:
        return await to_the_end(running)
    except asyncio.CancelledError:
        if running.exception() is None:
            let_go(running.result())
        raise
