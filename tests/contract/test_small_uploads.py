"""Many small uploads at once, which share a commit and its statements: each is as if it came alone."""

import asyncio
from dataclasses import replace

from protocol.upload import Transfer, Upload
from storage_backends.base import Stored
from tusd_py.metadata.database import Conflict, Database, Query
from tusd_py.metadata.upload_row import NewUpload
from tusd_py.metadata.uploads import UploadRows
from tusd_py.metadata.workers import WorkerRows

from .catalogued import MINUTE, author, new_upload

MANY = 20


async def opened(database: Database) -> UploadRows:
    await WorkerRows(database).register("a1", "host", "boot", "", MINUTE)
    return UploadRows(database, author(scans=True))


def bytes_of(upload: Upload | NewUpload, attempt: int = 0) -> Stored:
    return Stored(ref=f"{upload.key}~{attempt}", length=10, identity="first")


async def created(rows: UploadRows, count: int = MANY) -> list[Upload]:
    return await asyncio.gather(*[rows.create(new_upload(), actor="ann") for _ in range(count)])


async def kinds(database: Database, upload: Upload | NewUpload) -> list[str]:
    found = await database.read(
        Query("SELECT kind FROM events WHERE subject = :id ORDER BY id", {"id": upload.id})
    )
    return [row["kind"] for row in found]


async def versions(database: Database, file_id: str) -> list[int]:
    found = await database.read(
        Query("SELECT n FROM versions WHERE file_id = :id ORDER BY n", {"id": file_id})
    )
    return [row["n"] for row in found]


async def scans(database: Database) -> int:
    return int((await database.read(Query("SELECT count(*) AS n FROM jobs")))[0]["n"])


async def test_each_has_its_row_its_events_its_file_and_its_scan(database: Database) -> None:
    rows = await opened(database)
    uploads = await created(rows)
    stored = await asyncio.gather(
        *[rows.store_whole(upload, bytes_of(upload), synced=False, actor="ann") for upload in uploads]
    )
    for before, after in zip(uploads, stored, strict=True):
        seen = await rows.find(before.id)
        assert seen is not None
        assert after is not None
        # Postgres' clock runs on inside of a statement.
        assert replace(after, expires_at=None) == replace(seen.upload, expires_at=None)
        assert (seen.upload.state, seen.upload.ref) == (Transfer.STORED, bytes_of(before).ref)
        assert await kinds(database, before) == ["upload.created", "upload.stored"]
        assert await versions(database, before.file_id) == [1]
    assert await scans(database) == MANY


async def test_of_two_for_one_upload_one_is_overtaken_and_nobody_else(database: Database) -> None:
    rows = await opened(database)
    uploads = await created(rows)
    first = uploads[0]
    *others, once, again = await asyncio.gather(
        *[rows.store_whole(upload, bytes_of(upload), synced=False, actor="ann") for upload in uploads[1:]],
        rows.store_whole(first, bytes_of(first, 1), synced=False, actor="ann"),
        rows.store_whole(first, bytes_of(first, 2), synced=False, actor="ann"),
    )
    assert all(others)
    [won] = [one for one in (once, again) if one is not None]
    seen = await rows.find(first.id)
    assert seen is not None
    assert seen.upload.ref == won.ref
    assert await kinds(database, first) == ["upload.created", "upload.stored"]
    assert await versions(database, first.file_id) == [1]
    assert await scans(database) == MANY


async def test_one_that_cannot_be_made_fails_alone(database: Database) -> None:
    rows = await opened(database)
    wanted = [new_upload() for _ in range(MANY)]
    outcomes = await asyncio.gather(
        *[rows.create_whole(new, bytes_of(new), synced=True, actor="ann") for new in (wanted[0], *wanted)],
        return_exceptions=True,
    )
    assert [type(one) for one in outcomes if isinstance(one, BaseException)] == [Conflict]
    for new in wanted:
        assert await kinds(database, new) == ["upload.created", "upload.stored"]
        assert await versions(database, new.file_id) == [1]


async def test_those_for_one_path_become_versions_of_one_file(database: Database) -> None:
    rows = await opened(database)
    wanted = [new_upload(path="a/b"), *[new_upload() for _ in range(MANY)], new_upload(path="a/b")]
    stored = await asyncio.gather(
        *[rows.create_whole(new, bytes_of(new), synced=True, actor="ann") for new in wanted]
    )
    first, *others, last = stored
    assert first.file_id == last.file_id
    assert await versions(database, first.file_id) == [1, 2]
    assert len({one.file_id for one in others}) == MANY
