"""Short operations that one thread does for many."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from storage_backends.filesystem.gathered import MOST, Gathered

Operation = Callable[[], object]


def do(operations: Sequence[Operation]) -> Sequence[object]:
    """One after the other."""
    return [outcome_of(operation) for operation in operations]


def outcome_of(operation: Operation) -> object:
    try:
        return operation()
    except OSError as error:
        return error


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as executor:
        yield executor


async def test_what_one_turn_brings_is_done_by_one_thread(pool: ThreadPoolExecutor) -> None:
    gathered: Gathered[Operation, object] = Gathered(pool, do)
    threads = await asyncio.gather(*(gathered.run(threading.get_ident) for _ in range(MOST)))
    assert len(set(threads)) == 1
    assert threads[0] != threading.get_ident()


async def test_each_hears_its_own_result_or_error(pool: ThreadPoolExecutor) -> None:
    gathered: Gathered[Operation, object] = Gathered(pool, do)

    def fail() -> int:
        raise OSError("no")

    operations: list[Operation] = [lambda: 1, fail, lambda: 3]
    found = await asyncio.gather(*map(gathered.run, operations), return_exceptions=True)
    assert found[0] == 1
    assert isinstance(found[1], OSError)
    assert found[2] == 3


async def test_more_than_a_thread_is_given_are_all_done(pool: ThreadPoolExecutor) -> None:
    gathered: Gathered[Operation, object] = Gathered(pool, do)
    count = 2 * MOST + 1
    assert await asyncio.gather(*(gathered.run(partial(int, n)) for n in range(count))) == list(range(count))


async def test_who_goes_away_stops_nobody(pool: ThreadPoolExecutor) -> None:
    gathered: Gathered[Operation, object] = Gathered(pool, do)
    begun, go_on = threading.Event(), threading.Event()
    done: list[int] = []

    def wait() -> None:
        begun.set()
        go_on.wait(10)
        done.append(1)

    gone = asyncio.create_task(gathered.run(wait))
    stays = asyncio.create_task(gathered.run(lambda: done.append(2)))
    await asyncio.to_thread(begun.wait, 10)
    gone.cancel()
    go_on.set()
    await stays
    assert done == [1, 2]
    with pytest.raises(asyncio.CancelledError):
        await gone


async def test_a_pool_that_is_shut_down_is_told(pool: ThreadPoolExecutor) -> None:
    gathered: Gathered[Operation, object] = Gathered(pool, do)
    pool.shutdown()
    with pytest.raises(RuntimeError):
        await gathered.run(lambda: 1)


async def test_what_comes_while_enough_threads_are_busy_goes_together(pool: ThreadPoolExecutor) -> None:
    begun, go_on = threading.Semaphore(0), threading.Event()
    batches: list[list[int]] = []

    def note(numbers: Sequence[int]) -> Sequence[int]:
        batches.append(list(numbers))
        begun.release()
        go_on.wait(10)
        return numbers

    gathered: Gathered[int, int] = Gathered(pool, note, at_once=2)
    first = [asyncio.create_task(gathered.run(number)) for number in range(4)]
    for _ in range(2):
        await asyncio.to_thread(begun.acquire, timeout=10)
    later = [asyncio.create_task(gathered.run(number)) for number in range(4, 10)]
    await asyncio.sleep(0)
    go_on.set()
    assert await asyncio.gather(*first, *later) == list(range(10))
    # Those of one turn are shared out, those that waited go to whoever is idle first.
    assert sorted(batches) == [[0, 1], [2, 3], [4, 5, 6, 7, 8, 9]]


async def test_what_nobody_waits_for_any_more_is_not_begun(pool: ThreadPoolExecutor) -> None:
    begun, go_on = threading.Event(), threading.Event()
    done: list[int] = []

    def note(numbers: Sequence[int]) -> Sequence[int]:
        begun.set()
        go_on.wait(10)
        done.extend(numbers)
        return numbers

    gathered: Gathered[int, int] = Gathered(pool, note, at_once=1)
    first = asyncio.create_task(gathered.run(1))
    await asyncio.to_thread(begun.wait, 10)
    gone, stays = (asyncio.create_task(gathered.run(number)) for number in (2, 3))
    await asyncio.sleep(0)
    gone.cancel()
    go_on.set()
    assert [await first, await stays] == [1, 3]
    assert done == [1, 3]


async def test_work_that_raises_is_told_to_all_of_its_batch(pool: ThreadPoolExecutor) -> None:
    def fail(_: Sequence[int]) -> Sequence[int]:
        raise OSError("no")

    gathered: Gathered[int, int] = Gathered(pool, fail, at_once=1)
    found = await asyncio.gather(*map(gathered.run, range(3)), return_exceptions=True)
    assert [type(one) for one in found] == [OSError] * 3
