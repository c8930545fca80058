"""Verdicts and the quarantine, on both databases."""

import secrets
from dataclasses import replace

import pytest

from protocol.upload import Dialect, Kind, Upload, UploadId, Verdict
from storage_backends.base import Stored
from tusd_py.metadata.database import Database, Query
from tusd_py.metadata.files import FileRows, Version
from tusd_py.metadata.jobs import RESCAN, SCAN, Claim, JobRows
from tusd_py.metadata.scans import Finding, Outcome, ScanRows, Settled, Which
from tusd_py.metadata.upload_row import FOREVER, Author, Lifetime, NewUpload
from tusd_py.metadata.uploads import UploadRows
from tusd_py.metadata.workers import WorkerRows

MINUTE = 60_000_000
BEGINNING = ("", 0)


def author(*, scans: bool = True) -> Author:
    lifetime = Lifetime(expiry=MINUTE, max_age=FOREVER, retention=MINUTE)
    return Author(worker="a1", boot_id="boot", lifetime=lifetime, scans=scans)


async def scans_of(database: Database) -> ScanRows:
    if await WorkerRows(database).find("a1") is None:
        await WorkerRows(database).register("a1", "host", "boot", "", MINUTE)
    return ScanRows(database, author())


async def stored(database: Database, *, scans: bool = True) -> Upload:
    """A whole upload of ten bytes."""
    await scans_of(database)
    name = secrets.token_hex(16)
    new = NewUpload(
        id=UploadId(name),
        tenant="",
        owner="ann",
        metadata="",
        filename="a.txt",
        filetype=None,
        length=10,
        dialect=Dialect.TUS,
        kind=Kind.WHOLE,
        concat="",
        key=f"ann/{name}",
        file_id=name,
    )
    rows = UploadRows(database, author(scans=scans))
    bytes_stored = Stored(ref=f"ann/{name}", length=10, identity="first")
    return await rows.create_whole(new, bytes_stored, synced=True, actor="ann")


async def version_of(database: Database, upload: Upload) -> Version:
    version = await FileRows(database).of_upload(upload.id)
    assert version is not None
    return version


async def claim(database: Database, consumer: str = SCAN) -> Claim:
    (found,) = await JobRows(database).claim(consumer, "a1", 10, MINUTE)
    return found


async def queued(scans: ScanRows) -> int:
    """How many unscanned ones were queued from the beginning on."""
    page = await scans.queue_unscanned((0, ""), 10)
    return 0 if page is None else page[1]


def finding(verdict: Verdict = Verdict.CLEAN, name: str | None = None, engine: str = "1") -> Finding:
    return Finding(verdict=verdict, name=name, engine=engine, sha256="ab", identity="second")


def bound(
    version: Version, verdict: Verdict = Verdict.CLEAN, name: str | None = None, engine: str = "1"
) -> Finding:
    """About the bytes that the version has already."""
    return replace(finding(verdict, name, engine), identity=version.identity)


async def kinds(database: Database, upload: Upload) -> list[str]:
    rows = await database.read(
        Query("SELECT kind FROM events WHERE subject = :id ORDER BY id", {"id": upload.id})
    )
    return [row["kind"] for row in rows][2:]


async def infect(database: Database, name: str = "Virus") -> Upload:
    upload = await stored(database)
    scans = await scans_of(database)
    await scans.settle(
        await claim(database),
        await version_of(database, upload),
        finding(Verdict.INFECTED, name),
        Outcome.QUARANTINE,
    )
    return upload


async def test_a_verdict_comes_with_its_event_and_ends_its_job(database: Database) -> None:
    upload = await stored(database)
    scans, version = await scans_of(database), await version_of(database, upload)
    assert version.verdict is Verdict.UNKNOWN
    settled = await scans.settle(await claim(database), version, finding(), Outcome.SERVE)
    assert settled is Settled.RECORDED
    now = await version_of(database, upload)
    assert (now.verdict, now.engine, now.sha256, now.identity) == (Verdict.CLEAN, "1", "ab", "second")
    assert now.scanned_at is not None
    assert await kinds(database, upload) == ["upload.scanned"]
    assert await JobRows(database).backlog() == []


async def test_only_the_claim_that_counts_records_a_verdict(database: Database) -> None:
    upload = await stored(database)
    scans, version = await scans_of(database), await version_of(database, upload)
    (lost,) = await JobRows(database).claim(SCAN, "a1", 1, -1)
    held = await claim(database)
    assert await scans.settle(lost, version, finding(), Outcome.SERVE) is Settled.AGAIN
    assert (await version_of(database, upload)).verdict is Verdict.UNKNOWN
    assert await scans.settle(held, version, finding(), Outcome.SERVE) is Settled.RECORDED
    assert await scans.settle(held, version, finding(), Outcome.SERVE) is Settled.AGAIN
    assert await kinds(database, upload) == ["upload.scanned"]


async def test_a_scan_that_was_asked_for_meanwhile_is_done_again(database: Database) -> None:
    upload = await stored(database)
    scans, version = await scans_of(database), await version_of(database, upload)
    held = await claim(database)
    await scans.ask(version)
    assert await scans.settle(held, version, finding(), Outcome.SERVE) is Settled.AGAIN
    assert await scans.settle(await claim(database), version, finding(), Outcome.SERVE) is Settled.RECORDED


async def test_a_verdict_on_other_bytes_counts_for_nothing(database: Database) -> None:
    upload = await stored(database)
    scans, before = await scans_of(database), await version_of(database, upload)
    await scans.settle(await claim(database), before, finding(), Outcome.SERVE)
    await scans.ask(before)
    again = finding(Verdict.INFECTED, "Virus")
    assert await scans.settle(await claim(database), before, again, Outcome.QUARANTINE) is Settled.AGAIN
    assert (await version_of(database, upload)).verdict is Verdict.CLEAN
    assert (await claim(database)).subject == upload.id


@pytest.mark.parametrize("was_scanned", [False, True])
async def test_a_scan_that_another_one_overtook_is_done_again(database: Database, was_scanned: bool) -> None:
    upload = await stored(database)
    scans, rows = await scans_of(database), JobRows(database)
    if was_scanned:
        version = await version_of(database, upload)
        await scans.settle(await claim(database), version, bound(version), Outcome.SERVE)
        await scans.ask(version)
    slow, seen = await claim(database), await version_of(database, upload)
    await scans.queue(Which.ALL, BEGINNING, 10)
    newer = bound(seen, Verdict.INFECTED, "Virus", engine="2")
    assert await scans.settle(await claim(database, RESCAN), seen, newer, Outcome.QUARANTINE)
    assert await scans.settle(slow, seen, bound(seen), Outcome.SERVE) is Settled.AGAIN
    now = await version_of(database, upload)
    assert (now.verdict, now.finding, now.engine) == (Verdict.INFECTED, "Virus", "2")
    retried = await claim(database)
    assert await scans.settle(retried, now, newer, Outcome.QUARANTINE) is Settled.RECORDED
    assert await rows.backlog() == []


async def test_a_verdict_on_a_version_that_is_gone_ends_its_job(database: Database) -> None:
    upload = await stored(database)
    scans, version = await scans_of(database), await version_of(database, upload)
    held = await claim(database)
    await database.execute(Query("DELETE FROM versions WHERE upload_id = :id", {"id": upload.id}))
    assert await scans.settle(held, version, finding(), Outcome.SERVE) is Settled.GONE
    assert await JobRows(database).backlog() == []


async def test_a_release_is_for_one_finding(database: Database) -> None:
    upload = await infect(database)
    scans = await scans_of(database)
    assert await kinds(database, upload) == ["upload.scanned", "file.quarantined"]
    assert await scans.release(await version_of(database, upload), actor="bob")
    assert not await scans.release(await version_of(database, upload), actor="eve")
    for name, released_by in (("Virus", "bob"), ("Other", None)):
        version = await version_of(database, upload)
        await scans.ask(version)
        await scans.settle(
            await claim(database), version, finding(Verdict.INFECTED, name), Outcome.QUARANTINE
        )
        assert (await version_of(database, upload)).released_by == released_by


@pytest.mark.parametrize(
    "since",
    [finding(Verdict.INFECTED, "Other"), finding(Verdict.UNSCANNABLE, "Virus"), finding(Verdict.INFECTED)],
    ids=["another name", "another verdict", "no name"],
)
async def test_nothing_is_released_or_deleted_but_what_was_decided_about(
    database: Database, since: Finding
) -> None:
    upload = await infect(database)
    scans, seen = await scans_of(database), await version_of(database, upload)
    await scans.ask(seen)
    await scans.settle(await claim(database), seen, since, Outcome.QUARANTINE)
    assert not await scans.release(seen, actor="bob")
    assert not await scans.delete(seen, actor="bob")
    now = await version_of(database, upload)
    assert now.released_by is None
    assert await scans.release(now, actor="bob")


async def test_an_infected_version_may_go_with_its_verdict(database: Database) -> None:
    upload = await stored(database)
    scans, version = await scans_of(database), await version_of(database, upload)
    settled = await scans.settle(
        await claim(database), version, finding(Verdict.INFECTED, "Virus"), Outcome.DELETE
    )
    assert settled is Settled.DELETED
    assert await FileRows(database).of_upload(upload.id) is None
    assert await FileRows(database).current(upload.file_id) is None
    assert await kinds(database, upload) == ["upload.scanned", "upload.terminated", "file.deleted"]
    assert [job.consumer for job in await JobRows(database).backlog()] == ["purge"]


async def test_a_version_is_deleted_also_when_its_upload_was_forgotten(database: Database) -> None:
    upload = await infect(database)
    scans, version = await scans_of(database), await version_of(database, upload)
    await database.execute(Query("DELETE FROM uploads WHERE id = :id", {"id": upload.id}))
    assert await scans.delete(version, actor="bob")
    assert not await scans.delete(version, actor="bob")
    assert await FileRows(database).current(upload.file_id) is None


async def test_what_was_stored_without_a_scanner_is_queued_once(database: Database) -> None:
    upload = await stored(database, scans=False)
    scans = await scans_of(database)
    assert await JobRows(database).backlog() == []
    page = await scans.queue_unscanned((0, ""), 10)
    assert page is not None
    assert page[1] == 1
    assert await scans.queue_unscanned(page[0], 10) is None
    assert await queued(scans) == 0
    assert (await claim(database, RESCAN)).subject == upload.id


async def test_a_reader_who_asks_does_not_disturb_a_scan(database: Database) -> None:
    upload = await stored(database)
    scans, version = await scans_of(database), await version_of(database, upload)
    held = await claim(database)
    await scans.ask_once(version)
    assert await scans.settle(held, version, finding(), Outcome.SERVE) is Settled.RECORDED
    await scans.ask_once(await version_of(database, upload))
    await scans.ask_once(await version_of(database, upload))
    assert (await claim(database)).attempts == 1


async def test_what_is_removed_leaves_no_job(database: Database) -> None:
    upload = await infect(database)
    scans, version = await scans_of(database), await version_of(database, upload)
    await scans.ask(version)
    await scans.give_up(await claim(database), "it kills clamd")
    assert await scans.delete(version, actor="bob")
    assert [job.consumer for job in await JobRows(database).backlog()] == ["purge"]


async def test_only_what_is_in_quarantine_is_deleted_from_there(database: Database) -> None:
    upload = await stored(database)
    scans, version = await scans_of(database), await version_of(database, upload)
    await scans.settle(await claim(database), version, finding(), Outcome.SERVE)
    assert not await scans.delete(version, actor="bob")
    assert (await version_of(database, upload)).verdict is Verdict.CLEAN


async def test_a_job_that_was_given_up_waits_until_somebody_asks(database: Database) -> None:
    upload = await stored(database)
    scans, version = await scans_of(database), await version_of(database, upload)
    await scans.give_up(await claim(database), "it kills clamd")
    assert await queued(scans) == 0
    assert await JobRows(database).claim(SCAN, "a1", 10, MINUTE) == []
    assert await scans.queue(Which.FAILED, BEGINNING, 10) == ((upload.file_id, 1), 1)
    assert await scans.settle(await claim(database, RESCAN), version, finding(), Outcome.SERVE)
    assert await JobRows(database).backlog() == []
    assert await kinds(database, upload) == ["upload.scan_failed", "upload.scanned"]


async def test_those_that_another_engine_scanned_are_queued_page_by_page(database: Database) -> None:
    scans = await scans_of(database)
    for engine in ("1", "1", "2"):
        upload = await stored(database)
        await scans.settle(
            await claim(database), await version_of(database, upload), finding(engine=engine), Outcome.SERVE
        )
    after: tuple[str, int] | None = BEGINNING
    while after is not None:
        after = await scans.queue_older("2", after, 2)
    assert len(await JobRows(database).claim(RESCAN, "a1", 10, MINUTE)) == 2


async def test_the_quarantine_is_listed_in_pages(database: Database) -> None:
    infected = [(await infect(database)).file_id for _ in range(3)]
    await stored(database)
    scans = await scans_of(database)
    first = await scans.quarantined(BEGINNING, 2)
    rest = await scans.quarantined((first[-1].file_id, first[-1].n), 2)
    assert [version.file_id for version in (*first, *rest)] == sorted(infected)
    assert await scans.queue(Which.QUARANTINED, BEGINNING, 10) == ((max(infected), 1), 3)
