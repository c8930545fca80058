"""Short operations that one thread does for many."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from storage_backends.filesystem.gathered import MOST, Gathered


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as executor:
        yield executor


async def test_what_one_turn_brings_is_done_by_one_thread(pool: ThreadPoolExecutor) -> None:
    gathered = Gathered(pool)
    threads = await asyncio.gather(*(gathered.run(threading.get_ident) for _ in range(MOST)))
    assert len(set(threads)) == 1
    assert threads[0] != threading.get_ident()


async def test_each_hears_its_own_result_or_error(pool: ThreadPoolExecutor) -> None:
    gathered = Gathered(pool)

    def fail() -> int:
        raise OSError("no")

    operations: list[Callable[[], int]] = [lambda: 1, fail, lambda: 3]
    found = await asyncio.gather(*map(gathered.run, operations), return_exceptions=True)
    assert found[0] == 1
    assert isinstance(found[1], OSError)
    assert found[2] == 3


async def test_more_than_a_thread_is_given_are_all_done(pool: ThreadPoolExecutor) -> None:
    gathered = Gathered(pool)
    count = 2 * MOST + 1
    assert await asyncio.gather(*(gathered.run(partial(int, n)) for n in range(count))) == list(range(count))


async def test_who_goes_away_stops_nobody(pool: ThreadPoolExecutor) -> None:
    gathered = Gathered(pool)
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
    gathered = Gathered(pool)
    pool.shutdown()
    with pytest.raises(RuntimeError):
        await gathered.run(lambda: 1)
