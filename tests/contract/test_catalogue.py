"""Files, their versions, and what people call them, on both databases."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, LiteralString

import pytest

from protocol.upload import ScanJob, Step, Transfer, Upload, Verdict, parse_upload_id
from storage_backends.base import Stored
from tusd_py.metadata import catalogue
from tusd_py.metadata.catalogue import CatalogueRows, Change, Deleted, File, Refusal
from tusd_py.metadata.creating import create_whole
from tusd_py.metadata.database import Database, Query, Script, Work
from tusd_py.metadata.files import FileRows, remove_version
from tusd_py.metadata.housekeeping import Housekeeping
from tusd_py.metadata.jobs import SCAN, JobRows
from tusd_py.metadata.scans import Finding, Outcome, ScanRows, Settled
from tusd_py.metadata.uploads import UploadRows

from .catalogued import MINUTE, author, file_of, new_upload, rows_of, store
from .database_process import connect
from .databases import Another


async def numbers(database: Database, file_id: str) -> list[int]:
    return [one.n for one in await rows_of(database).versions(file_id, below=1000, limit=100)]


async def forget(database: Database, *uploads: Upload) -> None:
    """As when the uploads were finished long ago."""
    for upload in uploads:
        await database.execute(Query("DELETE FROM uploads WHERE id = :id", {"id": upload.id}))


async def kinds(database: Database, upload: Upload) -> list[str]:
    rows = await database.read(
        Query("SELECT kind FROM events WHERE subject = :id ORDER BY id", {"id": upload.id})
    )
    return [row["kind"] for row in rows]


# --- what an upload becomes


async def test_an_upload_makes_a_file_of_its_own(database: Database) -> None:
    upload = await store(database, filename="a.txt", filetype="text/plain")
    file = await file_of(database, upload)
    assert (file.file_id, file.n, file.current, file.revision) == (upload.file_id, 1, 1, 1)
    assert (file.owner, file.filename, file.path, file.tags) == ("ann", "a.txt", None, ())
    assert (file.length, file.mime_type, file.verdict) == (10, "text/plain", Verdict.UNKNOWN)
    assert file.metadata == upload.metadata
    assert file.scan is ScanJob.NONE


async def test_a_path_names_a_file_and_the_next_upload_is_its_next_version(database: Database) -> None:
    first = await store(database, path="docs/plan.odt", filename="plan.odt")
    second = await store(database, path="/docs/plan.odt", filename="plan (1).odt", filetype="x/y")
    file = await file_of(database, second)
    assert second.file_id == first.file_id == file.file_id
    assert (file.n, file.current, file.revision, file.path) == (2, 2, 2, "docs/plan.odt")
    # What it is called belongs to the file, what it is to the version.
    assert (file.filename, file.mime_type) == ("plan.odt", "x/y")
    assert await numbers(database, file.file_id) == [2, 1]
    row = await UploadRows(database, author()).find(second.id)
    assert row is not None
    assert row.upload.file_id == first.file_id


async def test_a_file_id_names_a_file_of_ones_own(database: Database) -> None:
    first = await store(database, filename="a.txt")
    second = await store(database, file_id=first.file_id, filename="b.txt")
    assert second.file_id == first.file_id
    assert await numbers(database, first.file_id) == [2, 1]


@pytest.mark.parametrize("owner", [("bob", ""), ("ann", "elsewhere")])
async def test_what_is_somebody_elses_is_not_there(database: Database, owner: tuple[str, str]) -> None:
    first = await store(database, path="a", filename="a.txt")
    same_path = await store(database, *owner, path="a")
    same_id = await store(database, *owner, file_id=first.file_id)
    assert len({first.file_id, same_path.file_id, same_id.file_id}) == 3
    assert await numbers(database, first.file_id) == [1]


@pytest.mark.parametrize("file_id", ["0" * 32, "42", "../x"])
async def test_an_id_that_names_nothing_makes_a_new_file(database: Database, file_id: str) -> None:
    upload = await store(database, file_id=file_id, filename="a")
    assert (await file_of(database, upload)).n == 1


async def test_uploads_that_race_for_a_path_make_one_file_and_as_many_versions(another: Another) -> None:
    databases = [await another() for _ in range(4)]
    await store(databases[0], filename="somebody registers the worker")
    uploads = await asyncio.gather(
        *(store(databases[number % 4], path="one/path", filename=str(number)) for number in range(24))
    )
    (file_id,) = {upload.file_id for upload in uploads}
    assert await numbers(databases[0], file_id) == list(range(24, 0, -1))


async def test_an_upload_to_a_file_that_is_deleted_meanwhile_is_kept(another: Another) -> None:
    one, other = await another(), await another()
    for _ in range(8):
        first = await store(one, path="p", filename="first")
        upload, _ = await asyncio.gather(
            store(one, path="p", filename="second"), rows_of(other).delete(first.file_id, actor="ann")
        )
        known = await rows_of(one).of_upload(upload.id)
        # Either it was there first and went with the file, or it is a new file.
        assert known is None or (known.n, known.path) == (1, "p")
        if known is not None:
            await rows_of(one).delete(known.file_id, actor="ann")


async def test_an_upload_is_kept_when_the_only_other_version_goes_meanwhile(postgres_dsn: str) -> None:
    database = connect("postgres", postgres_dsn)
    await database.open()
    first = await store(database, path="p")
    new, is_stored = new_upload(path="p"), asyncio.Event()
    stored = Stored(ref=new.key, length=10, identity="second")

    def slowly_stored() -> Script[Upload]:
        upload = yield from create_whole(author(), new, stored, synced=True, actor="ann")
        is_stored.set()
        while not (yield Query("SELECT 1 AS waits FROM pg_locks WHERE NOT granted")):
            yield Query("SELECT pg_sleep(0.01)")
        return upload

    storing = asyncio.create_task(database.transact(slowly_stored))
    await is_stored.wait()
    await UploadRows(database, author()).end(first.id, Step.TERMINATE, actor="ann")
    upload = await storing
    file = await file_of(database, upload)
    assert (file.current, file.n, file.path) == (2, 2, "p")
    await database.close()


async def test_a_version_that_goes_meanwhile_does_not_become_the_current_one(postgres_dsn: str) -> None:
    database = connect("postgres", postgres_dsn)
    await database.open()
    first, second = await store(database, path="p"), await store(database, path="p")
    file, is_removed = await file_of(database, second), asyncio.Event()

    def slowly_removed() -> Script[None]:
        yield from remove_version(first.id)
        is_removed.set()
        while not (yield Query("SELECT 1 AS waits FROM pg_locks WHERE NOT granted")):
            yield Query("SELECT pg_sleep(0.01)")

    removing = asyncio.create_task(database.transact(slowly_removed))
    await is_removed.wait()
    restored = await rows_of(database).restore(file, 1, strictly=False, actor="ann")
    await removing
    assert restored is Refusal.NO_VERSION
    assert (await file_of(database, second)).current == 2
    await database.close()


async def test_a_number_once_given_is_not_given_again(database: Database) -> None:
    first = await store(database, path="p")
    second = await store(database, path="p")
    rows = UploadRows(database, author())
    await rows.end(second.id, Step.TERMINATE, actor="ann")
    file = await file_of(database, first)
    assert (file.current, await numbers(database, first.file_id)) == (1, [1])
    await store(database, path="p")
    assert await numbers(database, first.file_id) == [3, 1]


async def test_removing_an_older_version_leaves_the_current_one(database: Database) -> None:
    first = await store(database, path="p")
    second = await store(database, path="p")
    await UploadRows(database, author()).end(first.id, Step.TERMINATE, actor="ann")
    assert (await file_of(database, second)).current == 2


@pytest.mark.parametrize(
    ("closed", "current"),
    [
        ("verdict = 'infected'", 2),
        ("verdict = 'unscannable'", 2),
        ("lost = 1", 2),
        ("verdict = 'infected', released_by = 'operator'", 3),
    ],
)
async def test_a_file_falls_back_to_its_newest_version_that_may_be_read(
    database: Database, closed: LiteralString, current: int
) -> None:
    uploads = [await store(database, path="p") for _ in range(4)]
    await database.execute(Query(f"UPDATE versions SET {closed} WHERE n = 3"))
    rows = UploadRows(database, author())
    await rows.end(uploads[3].id, Step.TERMINATE, actor="ann")
    assert (await file_of(database, uploads[0])).current == current
    await database.execute(Query(f"UPDATE versions SET {closed}"))
    await rows.end(uploads[current - 1].id, Step.TERMINATE, actor="ann")
    # Where none may be, it is the newest.
    assert (await file_of(database, uploads[0])).current == 5 - current


# --- names


async def test_a_file_is_called_something_else(database: Database) -> None:
    upload = await store(database, filename="a.txt")
    rows, file = rows_of(database), await file_of(database, upload)
    wanted = Change(filename="b.txt", path="x/b.txt", tags=("t", "u v"))
    changed = await rows.change(file, wanted, strictly=True, actor="ann")
    assert isinstance(changed, File)
    assert (changed.filename, changed.path, changed.tags) == ("b.txt", "x/b.txt", ("t", "u v"))
    assert changed.revision == file.revision + 1
    assert changed.updated_at > file.updated_at
    assert changed == await rows.find(upload.file_id)
    assert (await kinds(database, upload))[-1] == "file.changed"


async def test_a_change_that_changes_nothing_is_none(database: Database) -> None:
    file = await file_of(database, await store(database, filename="a.txt"))
    for change in (Change(), Change(filename="a.txt", tags=())):
        assert await rows_of(database).change(file, change, strictly=True, actor="ann") == file


async def test_of_two_that_change_a_file_as_they_saw_it_one_is_told(database: Database) -> None:
    file = await file_of(database, await store(database, filename="a.txt"))
    rows = rows_of(database)
    answers = await asyncio.gather(
        *(rows.change(file, Change(filename=name), strictly=True, actor="ann") for name in ("b", "c"))
    )
    assert sorted(isinstance(answer, File) for answer in answers) == [False, True]
    assert Refusal.CHANGED in answers
    late = await rows.change(file, Change(filename="d"), strictly=False, actor="ann")
    assert isinstance(late, File)


async def test_of_two_that_change_different_things_of_a_file_neither_is_lost(database: Database) -> None:
    file = await file_of(database, await store(database, filename="a.txt"))
    rows = rows_of(database)
    changes = (Change(filename="b.txt"), Change(tags=("t",)), Change(path="x"))
    await asyncio.gather(*(rows.change(file, change, strictly=False, actor="ann") for change in changes))
    changed = await rows.find(file.file_id)
    assert changed is not None
    assert (changed.filename, changed.tags, changed.path) == ("b.txt", ("t",), "x")


async def test_a_path_that_another_file_of_the_owner_has_is_taken(database: Database) -> None:
    await store(database, path="taken")
    file = await file_of(database, await store(database, filename="a.txt"))
    rows = rows_of(database)
    wanted = Change(path="taken")
    assert await rows.change(file, wanted, strictly=False, actor="ann") is Refusal.PATH_TAKEN
    assert await rows.find(file.file_id) == file
    bobs = await file_of(database, await store(database, "bob", filename="a.txt"))
    assert isinstance(await rows.change(bobs, wanted, strictly=False, actor="bob"), File)


# --- versions


async def test_an_older_version_is_made_the_current_one(database: Database) -> None:
    first = await store(database, path="p", note="one")
    await store(database, path="p", note="two")
    rows, file = rows_of(database), await file_of(database, first)
    restored = await rows.restore(file, 1, strictly=True, actor="ann")
    assert isinstance(restored, File)
    assert (restored.current, restored.n, restored.upload_id) == (1, 1, first.id)
    assert (await kinds(database, first))[-1] == "file.restored"
    current = await FileRows(database).current(first.file_id)
    assert current is not None
    assert current.n == 1
    # Restoring is no new version; the next upload is.
    await store(database, path="p")
    assert await numbers(database, first.file_id) == [3, 2, 1]


async def test_a_version_that_is_not_there_or_lost_cannot_be_restored(database: Database) -> None:
    first = await store(database, path="p")
    second = await store(database, path="p")
    rows, file = rows_of(database), await file_of(database, second)
    assert await rows.restore(file, 9, strictly=True, actor="ann") is Refusal.NO_VERSION
    await UploadRows(database, author()).end(first.id, Step.LOSE, actor="fsck")
    assert await rows.restore(file, 1, strictly=True, actor="ann") is Refusal.NO_VERSION
    assert await rows.restore(replace(file, revision=7), 2, strictly=True, actor="ann") is Refusal.CHANGED
    assert await rows.restore(replace(file, file_id="0" * 32), 2, strictly=False, actor="ann") is Refusal.GONE


async def test_versions_come_in_pages(database: Database) -> None:
    for _ in range(5):
        upload = await store(database, path="p")
    rows = rows_of(database)
    page = await rows.versions(upload.file_id, below=1000, limit=3)
    assert [one.n for one in page] == [5, 4, 3]
    assert [one.n for one in await rows.versions(upload.file_id, below=3, limit=3)] == [2, 1]


# --- deletion


async def purgeable(database: Database) -> set[str]:
    """Names of bytes that purge jobs will remove."""
    house, refs = Housekeeping(database), set[str]()
    for claim in await JobRows(database).claim("purge", "a1", 100, MINUTE):
        refs |= set(await house.refs_to_purge(parse_upload_id(claim.subject)))
    return refs


async def test_a_file_goes_with_all_its_versions_and_their_bytes(database: Database) -> None:
    uploads = [await store(database, path="p") for _ in range(3)]
    versions = [await file_of(database, upload) for upload in uploads]
    await forget(database, uploads[1])
    rows = rows_of(database)
    deleted = await rows.delete(uploads[0].file_id, actor="ann")
    assert deleted == Deleted(refs=(versions[1].ref,))
    assert await purgeable(database) == {versions[0].ref, versions[2].ref}
    assert await rows.find(uploads[0].file_id) is None
    assert await numbers(database, uploads[0].file_id) == []
    for upload in uploads:
        assert (await kinds(database, upload))[-1] == "file.deleted"
        assert await FileRows(database).of_upload(upload.id) is None
    # The path is free again.
    assert (await file_of(database, await store(database, path="p"))).n == 1


def with_pauses(
    database: Database, monkeypatch: pytest.MonkeyPatch, pause: Callable[[], Awaitable[object]]
) -> CatalogueRows:
    """`pause` comes after each of its commits."""
    monkeypatch.setattr(catalogue, "BITE", 3)
    rows, transact = rows_of(database), database.transact

    async def paused(work: Work[Any]) -> Any:
        answer = await transact(work)
        await pause()
        return answer

    monkeypatch.setattr(database, "transact", paused)
    return rows


async def test_a_file_of_many_versions_goes_in_bites_and_its_current_one_last(
    another: Another, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = await another()
    uploads = [await store(database, path="p") for _ in range(7)]
    versions = [await file_of(database, upload) for upload in uploads]
    await forget(database, *uploads[1:5:3])
    left = []

    async def look() -> None:
        left.append(await numbers(database, uploads[0].file_id))

    rows = with_pauses(database, monkeypatch, look)
    seen = versions[-1]
    deleted = await rows.delete(seen.file_id, actor="ann", revision=seen.revision)
    assert deleted == Deleted(refs=(versions[1].ref, versions[4].ref))
    assert left == [[7, 6, 5, 4], [7], []]
    assert await rows.find(seen.file_id) is None


async def test_a_file_that_changes_while_it_is_deleted_stays_with_its_newest_versions(
    another: Another, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = await another(), await another()
    for _ in range(7):
        upload = await store(one, path="p")
    seen = await file_of(one, upload)
    rows = with_pauses(one, monkeypatch, lambda: store(other, path="p"))
    assert await rows.delete(seen.file_id, actor="ann", revision=seen.revision) is Refusal.CHANGED
    assert await numbers(one, seen.file_id) == [9, 8, 7, 6, 5, 4]


async def test_two_that_delete_a_file_of_many_versions_both_did_it(
    another: Another, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = await another(), await another()
    for _ in range(7):
        upload = await store(one, path="p")
    rows = with_pauses(one, monkeypatch, lambda: rows_of(other).delete(upload.file_id, actor="bob"))
    assert await rows.delete(upload.file_id, actor="ann") == Deleted(refs=())
    assert await rows.find(upload.file_id) is None


async def test_deleting_twice_finds_nothing(another: Another) -> None:
    one, other = await another(), await another()
    upload = await store(one, filename="a")
    answers = await asyncio.gather(
        *(rows_of(database).delete(upload.file_id, actor="ann") for database in (one, other))
    )
    assert Refusal.GONE in answers
    assert sum(isinstance(answer, Deleted) for answer in answers) == 1
    assert (await kinds(one, upload)).count("file.deleted") == 1


async def test_a_file_that_changed_is_not_deleted_as_it_was_seen(database: Database) -> None:
    upload = await store(database, path="p")
    await store(database, path="p")
    rows = rows_of(database)
    assert await rows.delete(upload.file_id, actor="ann", revision=1) is Refusal.CHANGED
    assert isinstance(await rows.delete(upload.file_id, actor="ann", revision=2), Deleted)


async def test_a_lost_file_can_be_deleted(database: Database) -> None:
    upload = await store(database, filename="a")
    await UploadRows(database, author()).end(upload.id, Step.LOSE, actor="fsck")
    file = await file_of(database, upload)
    assert file.is_lost
    assert await rows_of(database).delete(upload.file_id, actor="ann") == Deleted(refs=(file.ref,))


async def test_a_scan_under_way_finds_its_file_gone(database: Database) -> None:
    upload = await store(database, filename="a", scans=True)
    (claim,) = await JobRows(database).claim(SCAN, "a1", 10, MINUTE)
    version = await FileRows(database).of_upload(upload.id)
    assert version is not None
    assert (await file_of(database, upload)).scan is ScanJob.RUNNING
    await rows_of(database).delete(upload.file_id, actor="ann")
    finding = Finding(verdict=Verdict.INFECTED, name="x", engine="1", sha256=None, identity="first")
    settled = await ScanRows(database, author()).settle(claim, version, finding, Outcome.QUARANTINE)
    assert settled in (Settled.AGAIN, Settled.GONE)
    assert [one.consumer for one in await JobRows(database).backlog()] == ["purge"]


async def test_a_file_in_quarantine_can_be_deleted_by_whose_it_is(database: Database) -> None:
    upload = await store(database, filename="a", scans=True)
    (claim,) = await JobRows(database).claim(SCAN, "a1", 10, MINUTE)
    version = await FileRows(database).of_upload(upload.id)
    assert version is not None
    finding = Finding(verdict=Verdict.INFECTED, name="x", engine="1", sha256=None, identity="first")
    await ScanRows(database, author()).settle(claim, version, finding, Outcome.QUARANTINE)
    assert isinstance(await rows_of(database).delete(upload.file_id, actor="ann"), Deleted)
    assert await CatalogueRows(database, author()).find(upload.file_id) is None


async def test_an_infected_version_that_is_deleted_uncovers_the_one_before(database: Database) -> None:
    first = await store(database, path="p", scans=True)
    second = await store(database, path="p", scans=True)
    claims = {claim.subject: claim for claim in await JobRows(database).claim(SCAN, "a1", 10, MINUTE)}
    version = await FileRows(database).of_upload(second.id)
    assert version is not None
    finding = Finding(verdict=Verdict.INFECTED, name="x", engine="1", sha256=None, identity="first")
    settled = await ScanRows(database, author()).settle(claims[second.id], version, finding, Outcome.DELETE)
    assert settled is Settled.DELETED
    assert (await file_of(database, first)).current == 1
    row = await UploadRows(database, author()).find(second.id)
    assert row is not None
    assert row.upload.state is Transfer.TERMINATED
