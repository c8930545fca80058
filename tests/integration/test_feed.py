"""The live feed: nobody misses anything, nothing grows, and nothing runs while nobody listens."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.test_event_log import committing
from tests.integration.house import Counted
from tusd_py.live import feed as feed_module
from tusd_py.live.feed import QUEUE, Feed, Interest, Listener, Resync, TooMany
from tusd_py.metadata.database import Database
from tusd_py.metadata.event_log import BadCursor, Event, events_after, newest
from tusd_py.metadata.sqlite import SqliteDatabase

ALL = Interest(event=lambda _: True)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    made = SqliteDatabase(
        tmp_path / "tusd.db", durability_full=False, clock=lambda: time.time_ns() // 1000, migrate=True
    )
    await made.open()
    yield made
    await made.close()


def make_feed(database: Database, *, most_of_one: int = 100) -> Feed:
    return Feed(database, look_every=0.01, most=100, most_of_one=most_of_one, meter=Counted())


async def hear(listener: Listener, count: int) -> list[str]:
    """Subjects of the next events."""
    heard: list[str] = []
    async with asyncio.timeout(20):
        while len(heard) < count:
            heard += [one.subject for one in await listener.next(1) if isinstance(one, Event)]
    return heard


async def test_a_listener_hears_what_was_and_then_what_comes_each_once(database: Database) -> None:
    feed = make_feed(database)
    await database.transact(committing(*(f"old{number}" for number in range(1200))))
    async with feed.listen(ALL, whose="a", after="0.0") as listener:
        writing = asyncio.create_task(_write(database, 100))
        heard = await hear(listener, 1300)
        await writing
    assert heard == [f"old{number}" for number in range(1200)] + [f"new{number}" for number in range(100)]


async def _write(database: Database, count: int) -> None:
    for number in range(count):
        await database.transact(committing(f"new{number}"))


async def test_a_listener_that_falls_behind_goes_on_from_the_log(database: Database) -> None:
    feed = make_feed(database)
    async with feed.listen(ALL, whose="a", after=None) as slow:
        await database.transact(committing(*(f"{number}" for number in range(3 * QUEUE))))
        async with feed.listen(ALL, whose="b", after="0.0") as other:
            await hear(other, 3 * QUEUE)
        async with asyncio.timeout(10):
            while feed.position != await newest(database):
                await asyncio.sleep(0.01)
        assert len(slow._queue) <= QUEUE
        assert await hear(slow, 3 * QUEUE) == [f"{number}" for number in range(3 * QUEUE)]


async def test_one_that_is_too_far_behind_is_told_to_ask_anew(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "MOST_CAUGHT_UP", 500)
    await database.transact(committing(*(f"{number}" for number in range(2000))))
    feed = make_feed(database)
    async with feed.listen(Interest(event=lambda _: False), whose="a", after="0.0") as listener:
        told = await listener.next(10)
        assert told == [Resync(cursor=await newest(database))]


async def test_after_a_silence_its_cursor_is_behind_what_was_nothing_to_it(database: Database) -> None:
    feed = make_feed(database)
    of_ann = Interest(event=lambda event: event.subject == "ann's")
    async with (
        feed.listen(of_ann, whose="a", after=None) as listener,
        feed.listen(ALL, whose="b", after=None) as other,
    ):
        await database.transact(committing("ann's", "bob's", "bob's"))
        assert await hear(listener, 1) == ["ann's"]
        assert await hear(other, 3) == ["ann's", "bob's", "bob's"]
        assert await listener.next(0) == []
        assert listener.cursor == await newest(database)
        await database.transact(committing("ann's"))
        assert await hear(listener, 1) == ["ann's"]
        assert await listener.next(0) == []


async def test_a_cursor_ahead_of_the_feed_does_not_go_back(database: Database) -> None:
    feed = make_feed(database)
    await database.transact(committing("ann's", "bob's"))
    async with feed.listen(ALL, whose="a", after="0.9") as listener:
        assert await listener.next(0) == []
        assert listener.cursor == "0.9"


async def test_nothing_runs_while_nobody_listens(database: Database) -> None:
    feed = make_feed(database)
    assert feed.is_idle
    progress = Interest(event=lambda _: True, running=lambda _: True)
    async with feed.listen(ALL, whose="a", after=None):
        async with feed.listen(progress, whose="a", after=None):
            assert not feed.is_idle
        assert not feed.is_idle
    assert feed.is_idle


async def test_a_bad_cursor_and_one_too_many_are_refused(database: Database) -> None:
    feed = make_feed(database, most_of_one=1)
    with pytest.raises(BadCursor):
        async with feed.listen(ALL, whose="a", after="x"):
            pass
    async with feed.listen(ALL, whose="a", after=None), feed.listen(ALL, whose="b", after=None):
        with pytest.raises(TooMany):
            async with feed.listen(ALL, whose="a", after=None):
                pass
    await feed.close()
    with pytest.raises(TooMany):
        async with feed.listen(ALL, whose="a", after=None):
            pass


async def test_whoever_listens_when_the_feed_closes_hears_so(database: Database) -> None:
    feed = make_feed(database)
    async with feed.listen(ALL, whose="a", after=None) as listener:
        waiting = asyncio.create_task(listener.next(60))
        await asyncio.sleep(0)
        await feed.close()
        assert await asyncio.wait_for(waiting, 5) == []
        assert listener.is_over
    assert await events_after(database) == []
