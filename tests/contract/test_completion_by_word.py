"""Uploads that have all their bytes, and are complete only once their client says so (IETF draft, 4.1.2)."""

import pytest

from protocol.upload import Step, Transfer, Upload
from tusd_py.metadata.database import Database, Query
from tusd_py.metadata.housekeeping import Housekeeping
from tusd_py.metadata.jobs import JobRows
from tusd_py.metadata.progress import ProgressRows
from tusd_py.metadata.totals import TotalRows
from tusd_py.metadata.uploads import UploadRows
from tusd_py.metadata.usage import Quota
from tusd_py.metadata.writing import Advance

from .test_usage import MINUTE, make, object_of, rows_of, used


async def moved(
    rows: UploadRows, upload: Upload, to: int, *, length: int | None = None, more: bool
) -> Upload:
    """The line at `to`, with or without the word that this is not all."""
    held = await rows.acquire(upload.id)
    assert held is not None
    advance = Advance(upload=held, offset=to, synced=True, length=length, release=True, more=more)
    after = await rows.advance(advance, actor="ann")
    assert after is not None
    return after


async def jobs(database: Database) -> list[tuple[str, int]]:
    return [(each.consumer, each.total) for each in await JobRows(database).backlog()]


async def kinds(database: Database, upload: Upload) -> list[str]:
    found = await database.read(
        Query("SELECT kind FROM events WHERE subject = :id ORDER BY id", {"id": upload.id})
    )
    return [row["kind"] for row in found]


@pytest.fixture(params=["known", "told with the bytes"])
def known(request: pytest.FixtureRequest) -> int | None:
    """The length at creation."""
    return 10 if request.param == "known" else None


@pytest.fixture
async def rows(database: Database) -> UploadRows:
    return await rows_of(database, Quota(bytes=100, open=2, step=20))


@pytest.fixture
async def full(rows: UploadRows, known: int | None) -> Upload:
    """Ten bytes of ten, and nobody said that it is all."""
    return await moved(rows, await make(rows, known), 10, length=10, more=True)


async def test_all_bytes_without_the_word_are_an_open_upload(
    database: Database, rows: UploadRows, full: Upload
) -> None:
    assert (full.state, full.offset, full.length, full.holder) == (Transfer.RECEIVING, 10, 10, None)
    assert full.expires_at is not None
    # Postgres' clock runs on inside of a statement.
    assert full.expires_at - full.updated_at == pytest.approx(MINUTE, abs=1000)
    assert await jobs(database) == []
    assert await kinds(database, full) == ["upload.created", "upload.receiving"]
    assert await used(database) == (10, 1, 1)
    assert await TotalRows(database).unfinished() == 1
    listed, _ = await ProgressRows(database).unfinished("acme", "ann", cursor=None, limit=5)
    assert [progress.upload.id for progress in listed] == [full.id]
    assert await rows.store(full, object_of(full, 10), actor="ann") is None


async def test_the_word_alone_completes_it(database: Database, rows: UploadRows, full: Upload) -> None:
    complete = await moved(rows, full, 10, more=False)
    assert (complete.state, complete.offset) == (Transfer.COMPLETING, 10)
    assert await jobs(database) == [("finish", 1)]
    assert await kinds(database, full) == ["upload.created", "upload.receiving", "upload.completing"]
    assert await used(database) == (10, 1, 1)
    assert await rows.store(complete, object_of(complete, 10), actor="ann") is not None
    assert await used(database) == (10, 1, 0)
    assert await TotalRows(database).unfinished() == 0


async def test_saying_again_that_it_is_not_all_changes_nothing_and_renews_it(
    rows: UploadRows, full: Upload
) -> None:
    again = await moved(rows, full, 10, more=True)
    assert (again.state, again.offset) == (Transfer.RECEIVING, 10)
    assert full.expires_at is not None
    assert again.expires_at is not None
    assert again.expires_at >= full.expires_at


async def test_without_the_word_it_expires(database: Database, rows: UploadRows, full: Upload) -> None:
    housekeeping = Housekeeping(database)
    assert await housekeeping.due(10) == []
    await database.execute(Query("UPDATE uploads SET expires_at = 1 WHERE id = :id", {"id": full.id}))
    assert await housekeeping.due(10) == [full.id]
    assert await rows.end(full.id, Step.EXPIRE, actor="system", only_due=True) is not None
    assert await used(database) == (0, 0, 0)
    assert await housekeeping.refs_to_purge(full.id) == [full.ref]


async def test_a_complete_one_does_not(database: Database, rows: UploadRows, full: Upload) -> None:
    complete = await moved(rows, full, 10, more=False)
    await database.execute(Query("UPDATE uploads SET expires_at = 1 WHERE id = :id", {"id": full.id}))
    assert await Housekeeping(database).due(10) == []
    assert await rows.end(complete.id, Step.EXPIRE, actor="system", only_due=True) is None


async def test_an_empty_upload_waits_for_the_word_too(database: Database, rows: UploadRows) -> None:
    empty = await moved(rows, await make(rows, 0), 0, more=True)
    assert (empty.state, await used(database)) == (Transfer.RECEIVING, (0, 1, 1))
    assert (await moved(rows, empty, 0, more=False)).state is Transfer.COMPLETING
