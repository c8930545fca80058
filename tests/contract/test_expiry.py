"""When uploads end by themselves: what each commit writes of it."""

from dataclasses import replace

import pytest

from protocol.upload import Kind, Step, Transfer, Upload, UploadId
from tusd_py.metadata.database import Database, Query
from tusd_py.metadata.housekeeping import Housekeeping
from tusd_py.metadata.upload_row import FOREVER, Author, Lifetime
from tusd_py.metadata.uploads import UploadRows
from tusd_py.metadata.workers import WorkerRows

from .test_usage import MINUTE, finish, make, new, object_of, receive

HOUR, DAY = 60 * MINUTE, 24 * 60 * MINUTE
RETENTION = 2 * HOUR


async def rows_of(database: Database, expiry: int = DAY, max_age: int = 30 * DAY) -> UploadRows:
    if await WorkerRows(database).find("a1") is None:
        await WorkerRows(database).register("a1", "host", "boot", "", MINUTE)
    lifetime = Lifetime(expiry=expiry, max_age=max_age, retention=RETENTION)
    return UploadRows(database, Author(worker="a1", boot_id="boot", lifetime=lifetime))


async def left(rows: UploadRows, upload: Upload) -> int | None:
    """Whole minutes from its creation until it ends by itself; None is never. It is what was told, too."""
    seen = await rows.find(upload.id)
    assert seen is not None
    told, written = _minutes(upload), _minutes(seen.upload)
    assert told == written
    return written


def _minutes(upload: Upload) -> int | None:
    return None if upload.expires_at is None else (upload.expires_at - upload.created_at) // MINUTE


LIVES = [
    (DAY, 30 * DAY, 24 * 60),
    (DAY, HOUR, 60),
    (FOREVER, HOUR, 60),
    (HOUR, FOREVER, 60),
    (FOREVER, FOREVER, None),
]


@pytest.mark.parametrize(("expiry", "max_age", "minutes"), LIVES)
async def test_an_unfinished_upload_ends_by_whichever_limit_comes_first(
    database: Database, expiry: int, max_age: int, minutes: int | None
) -> None:
    rows = await rows_of(database, expiry, max_age)
    upload = await make(rows, 10)
    assert await left(rows, upload) == minutes
    for offset in (3, 6):
        moved = await receive(rows, upload, offset)
        assert moved.state is Transfer.RECEIVING
        assert await left(rows, moved) == minutes


@pytest.mark.parametrize(("expiry", "max_age", "minutes"), LIVES)
async def test_a_row_of_a_file_is_kept_by_none_of_them(
    database: Database, expiry: int, max_age: int, minutes: int | None
) -> None:
    del minutes
    rows = await rows_of(database, expiry, max_age)
    moved = await receive(rows, await make(rows, 10), 10)
    assert moved.state is Transfer.COMPLETING
    whole, sent = new(10), await make(rows, 10)
    at_once = await rows.create_whole(whole, object_of(whole, 10), synced=True, actor="ann")
    later = await rows.store_whole(sent, object_of(sent, 10), synced=True, actor="ann")
    assert later is not None
    for upload in (moved, at_once, later):
        assert await left(rows, upload) == RETENTION // MINUTE


@pytest.mark.parametrize(("expiry", "max_age", "minutes"), LIVES)
async def test_a_partial_with_all_its_bytes_lives_as_long_as_one_that_lacks_some(
    database: Database, expiry: int, max_age: int, minutes: int | None
) -> None:
    """The others may take days, and its client need not send anything for it meanwhile."""
    rows = await rows_of(database, expiry, max_age)
    moved = await receive(rows, await make(rows, 10, Kind.PARTIAL), 10)
    stored = await rows.store(moved, object_of(moved, 10), actor="ann")
    whole, sent = new(10, Kind.PARTIAL), await make(rows, 10, Kind.PARTIAL)
    at_once = await rows.create_whole(whole, object_of(whole, 10), synced=True, actor="ann")
    later = await rows.store_whole(sent, object_of(sent, 10), synced=True, actor="ann")
    assert stored is not None
    assert later is not None
    for upload in (stored, at_once, later):
        assert await left(rows, upload) == minutes


@pytest.mark.parametrize(("expiry", "max_age", "minutes"), LIVES)
async def test_a_partial_that_was_put_together_lives_no_longer_than_what_ended(
    database: Database, expiry: int, max_age: int, minutes: int | None
) -> None:
    """Else every upload in pieces would be there twice for ever where nothing expires."""
    rows = await rows_of(database, expiry, max_age)
    partial = await finish(rows, await make(rows, 10, Kind.PARTIAL))
    final = await joined(rows, partial, partial)
    assert (await row(rows, partial)).expires_at == partial.expires_at
    assert await rows.store(final, object_of(final, 20), actor="ann") is not None
    assert await left(rows, await row(rows, partial)) == min(RETENTION // MINUTE, minutes or RETENTION)


async def test_a_partial_outlives_a_final_that_came_to_nothing(database: Database) -> None:
    rows = await rows_of(database)
    partial = await finish(rows, await make(rows, 10, Kind.PARTIAL))
    final = await joined(rows, partial)
    await rows.end(final.id, Step.TERMINATE, actor="ann")
    assert await rows.store(final, object_of(final, 10), actor="ann") is None
    assert await row(rows, partial) == partial


async def test_a_waiting_final_ends_with_its_partials_and_not_before(database: Database) -> None:
    """Its client sends to them, and nothing to it."""
    rows = await rows_of(database)
    stored = await finish(rows, await make(rows, 10, Kind.PARTIAL))
    open_one = await make(rows, 10, Kind.PARTIAL)
    final = await joined(rows, stored, open_one)
    assert (final.state, await left(rows, final)) == (Transfer.WAITING, None)
    await make_due(database, final, stored)
    assert await due(database) == []
    await make_due(database, open_one)
    assert await due(database) == [open_one.id]
    assert await rows.end(open_one.id, Step.EXPIRE, actor="system", only_due=True) is not None
    assert (await row(rows, final)).state is Transfer.TERMINATED
    assert await due(database) == [stored.id]


async def test_a_partial_that_a_final_was_made_of_since_it_was_due_is_left_alone(database: Database) -> None:
    """Between the look at what is due and its end, which would end the final, too."""
    rows = await rows_of(database)
    stored = await finish(rows, await make(rows, 10, Kind.PARTIAL))
    await make_due(database, stored)
    assert await due(database) == [stored.id]
    final = await joined(rows, stored, await make(rows, 10, Kind.PARTIAL))
    assert await rows.end(stored.id, Step.EXPIRE, actor="system", only_due=True) is None
    assert (await row(rows, stored)).state is Transfer.STORED
    assert (await row(rows, final)).state is Transfer.WAITING


async def joined(rows: UploadRows, *partials: Upload) -> Upload:
    ids = [partial.id for partial in partials]
    named = "final;" + " ".join(f"/files/{name}" for name in ids)
    return await rows.create_final(replace(new(None, Kind.FINAL), concat=named), ids, limit=0, actor="ann")


async def row(rows: UploadRows, upload: Upload) -> Upload:
    seen = await rows.find(upload.id)
    assert seen is not None
    return seen.upload


async def due(database: Database) -> list[UploadId]:
    return await Housekeeping(database).due(10)


async def make_due(database: Database, *uploads: Upload) -> None:
    """Whoever has a date has had it."""
    for upload in uploads:
        await database.execute(
            Query("UPDATE uploads SET expires_at = 1 WHERE id = :id AND expires_at > 0", {"id": upload.id})
        )
