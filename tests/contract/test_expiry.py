"""When uploads end by themselves: what each commit writes of it."""

import pytest

from protocol.upload import Transfer, Upload
from tusd_py.metadata.database import Database
from tusd_py.metadata.upload_row import FOREVER, Author, Lifetime
from tusd_py.metadata.uploads import UploadRows
from tusd_py.metadata.workers import WorkerRows

from .test_usage import MINUTE, make, new, object_of, receive

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
