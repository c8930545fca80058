"""Scripts that share a transaction on Postgres: those that come while others are under way.

A transaction of its own costs each small upload ten round trips, whose wake-ups are most of what they cost
Postgres. Scripts that read nothing (`Database.transact`) touch only rows that nobody else has a reason to
lock, so none of them waits for another's, and together they need as many round trips as one. Nobody waits for
company: who finds nobody under way goes alone.

Belongs here: who goes with whom. Not here: the transaction (postgres_pool.py), trying again (postgres.py).
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .database import DatabaseError, OutcomeUnknown, Script, T, Work
from .in_step import FEWEST

LANES = 4
"""Transactions under way in one process at most. Mostly it is one: the fewer, the more go together."""
PATIENCE = 0.05
"""Seconds that scripts wait for those before them until they get another lane: where the way to the server
is long, or somebody holds a row."""
BATCH = 64
"""Scripts in one transaction: bounds how much is run again, one by one, where one of them fails."""

Together = Callable[[Sequence[Script[Any]]], Awaitable[list[Any]]]
"""Runs them in one transaction; their results."""
Alone = Callable[[Work[Any]], Awaitable[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    work: Work[Any]
    future: asyncio.Future[Any]


class Lanes:
    """Of one database, in one event loop."""

    def __init__(self, *, together: Together, alone: Alone) -> None:
        self._together = together
        self._alone = alone
        self._under_way = 0
        self._waiting: deque[_Waiting] = deque()
        self._impatience: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def transact(self, work: Work[T]) -> T:
        """See `Database.transact`."""
        if self._under_way:
            result: T = await self._in_company(work)
            return result
        self._under_way += 1
        try:
            result = await self._alone(work)
        finally:
            self._under_way -= 1
            if self._waiting:
                self._open_lane()
        return result

    def _in_company(self, work: Work[T]) -> asyncio.Future[T]:
        waiting = _Waiting(work, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._impatience is None:
            self._grow_impatient()
        return waiting.future

    def _grow_impatient(self) -> None:
        self._impatience = asyncio.get_running_loop().call_later(PATIENCE, self._wait_no_longer)

    def _wait_no_longer(self) -> None:
        self._impatience = None
        if self._waiting and self._under_way < LANES:
            self._open_lane()

    def _open_lane(self) -> None:
        """A task of its own: who is cancelled must not take others along."""
        self._under_way += 1
        task = asyncio.create_task(self._serve(), name="postgres-in-step")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self) -> None:
        try:
            while taken := self._next():
                await self._commit(taken)
        finally:
            self._under_way -= 1

    def _next(self) -> Sequence[_Waiting]:
        if self._impatience is not None:
            self._impatience.cancel()
            self._impatience = None
        taken: list[_Waiting] = []
        while self._waiting and len(taken) < BATCH:
            one = self._waiting.popleft()
            # Who gave up before it began never begins.
            if not one.future.done():
                taken.append(one)
        if self._waiting:
            self._grow_impatient()
        return taken

    async def _commit(self, waiting: Sequence[_Waiting]) -> None:
        if len(waiting) < FEWEST:
            await self._commit_apart(waiting)
            return
        try:
            results = await self._together([one.work() for one in waiting])
        except OutcomeUnknown as problem:
            _fail(waiting, problem)
        except DatabaseError as problem:
            if isinstance(problem.__cause__, TimeoutError):
                # It has had its time; to wait for it once more for each would double that.
                _fail(waiting, problem)
            else:
                await self._commit_apart(waiting)
        except Exception:  # noqa: BLE001 - whose it is shows when they run apart
            await self._commit_apart(waiting)
        else:
            for one, result in zip(waiting, results, strict=True):
                if not one.future.done():
                    one.future.set_result(result)

    async def _commit_apart(self, waiting: Sequence[_Waiting]) -> None:
        await asyncio.gather(*(self._commit_alone(one) for one in waiting))

    async def _commit_alone(self, waiting: _Waiting) -> None:
        try:
            result = await self._alone(waiting.work)
        except Exception as problem:  # noqa: BLE001 - whatever it raises belongs to its caller
            if not waiting.future.done():
                waiting.future.set_exception(problem)
        else:
            if not waiting.future.done():
                waiting.future.set_result(result)


def _fail(waiting: Sequence[_Waiting], problem: DatabaseError) -> None:
    for one in waiting:
        if not one.future.done():
            # One exception each: raised in several tasks, they must not share a traceback.
            failure = type(problem)(str(problem))
            failure.__cause__ = problem.__cause__
            one.future.set_exception(failure)
