"""What happened minute by minute, and how much there is, on both databases."""

from tusd_py.metadata.database import Database, Query
from tusd_py.metadata.jobs import enqueue
from tusd_py.metadata.minutes import MINUTE, MinuteRows
from tusd_py.metadata.totals import Stored, TotalRows


async def test_what_workers_counted_in_one_minute_is_one_sum(database: Database) -> None:
    rows = MinuteRows(database)
    await rows.add("a1", created=1, finished=0, received=100)
    await rows.add("a1", created=2, finished=1, received=5)
    await rows.add("a2", created=0, finished=4, received=1000)
    found = await rows.since(60)
    # A minute may have begun meanwhile.
    assert sum(one.created for one in found) == 3
    assert sum(one.finished for one in found) == 5
    assert sum(one.received for one in found) == 1105
    assert all(one.at % MINUTE == 0 for one in found)
    assert len(found) <= 2


async def test_nothing_is_kept_of_a_minute_without_anything(database: Database) -> None:
    rows = MinuteRows(database)
    await rows.add("a1", created=0, finished=0, received=0)
    assert await rows.since(60) == []
    await database.execute(enqueue("finish", "u1", 0))
    await rows.add("a1", created=0, finished=0, received=0)
    assert [one.jobs for one in await rows.since(60)] == [1]


async def test_old_minutes_are_forgotten(database: Database) -> None:
    rows = MinuteRows(database)
    await rows.add("a1", created=1, finished=0, received=0)
    await database.execute(Query("UPDATE minutes SET at = at - :day", {"day": 24 * 60 * MINUTE}))
    await rows.add("a1", created=1, finished=0, received=0)
    assert len(await rows.since(2 * 24 * 60)) == 2
    await rows.forget(60 * MINUTE)
    assert len(await rows.since(2 * 24 * 60)) == 1


async def test_where_nothing_is_stored_the_totals_say_so(database: Database) -> None:
    totals = TotalRows(database)
    assert await totals.stored() == Stored(files=0, versions=0, bytes=0, quarantined=0)
    assert await totals.unfinished() == 0
    assert await totals.under_way(10) == []
