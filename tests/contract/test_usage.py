"""Quotas on both databases: what is reserved, what is given back, and that it agrees with the rows."""

import asyncio
import functools
import random
import re
import secrets
from collections.abc import Callable
from contextlib import suppress

import pytest

from protocol.errors import ProtocolError, QuotaExceeded, TooManyOpen
from protocol.integers import LARGEST
from protocol.upload import Dialect, Kind, Step, Transfer, Upload, UploadId
from storage_backends.base import Stored
from tusd_py.metadata import usage as usage_module
from tusd_py.metadata.creating import create_whole
from tusd_py.metadata.database import Database, Query, Script, T
from tusd_py.metadata.ending import end, store
from tusd_py.metadata.files import remove_version
from tusd_py.metadata.upload_row import FOREVER, Author, Lifetime, NewUpload
from tusd_py.metadata.uploads import UploadRows
from tusd_py.metadata.usage import Quota, UsageRows, Used
from tusd_py.metadata.workers import WorkerRows
from tusd_py.metadata.writing import Advance

from .databases import Another

MINUTE = 60_000_000
STEP = 20
NO_QUOTA = Quota(step=STEP)


async def rows_of(database: Database, quota: Quota | None, worker: str = "a1") -> UploadRows:
    """As a worker with this quota for everybody; None counts nothing."""
    if await WorkerRows(database).find(worker) is None:
        await WorkerRows(database).register(worker, "host", "boot", "", MINUTE)
    lifetime = Lifetime(expiry=MINUTE, max_age=FOREVER, retention=MINUTE)
    quota_of = None if quota is None else lambda _tenant, _owner: quota
    author = Author(worker=worker, boot_id="boot", lifetime=lifetime, quota_of=quota_of)
    return UploadRows(database, author)


def new(length: int | None, kind: Kind = Kind.WHOLE, owner: str = "ann") -> NewUpload:
    name = secrets.token_hex(16)
    return NewUpload(
        id=UploadId(name),
        tenant="acme",
        owner=owner,
        metadata="",
        filename="a.txt",
        filetype=None,
        length=length,
        dialect=Dialect.TUS,
        kind=kind,
        concat="",
        key=f"{owner}/{name}",
        file_id=name,
    )


def object_of(upload: Upload | NewUpload, length: int) -> Stored:
    return Stored(ref=f"{upload.key}~", length=length, identity="first")


async def make(rows: UploadRows, length: int | None, kind: Kind = Kind.WHOLE) -> Upload:
    return await rows.create(new(length, kind), actor="ann")


async def receive(rows: UploadRows, upload: Upload, to: int, length: int | None = None) -> Upload:
    """Move the line to `to`, declaring a length where one is given."""
    held = await rows.acquire(upload.id)
    assert held is not None
    advance = Advance(upload=held, offset=to, synced=True, length=length, release=True)
    try:
        moved = await rows.advance(advance, actor="ann")
    except QuotaExceeded:
        await rows.release(held)
        raise
    assert moved is not None
    return moved


async def finish(rows: UploadRows, upload: Upload) -> Upload:
    if upload.state is not Transfer.COMPLETING:
        upload = await receive(rows, upload, upload.length or 0)
    stored = await rows.store(upload, object_of(upload, upload.length or 0), actor="ann")
    assert stored is not None
    return stored


async def used(database: Database, owner: str = "ann") -> tuple[int, int, int]:
    """Bytes, files, open; they must be what the rows say."""
    usage = UsageRows(database)
    assert await usage.wrong() == []
    found = await usage.of("acme", owner)
    return found.bytes, found.files, found.open


async def test_a_whole_upload_is_charged_until_its_file_is_gone(database: Database) -> None:
    rows = await rows_of(database, Quota(bytes=100))
    upload = await make(rows, 60)
    assert await used(database) == (60, 1, 1)
    with pytest.raises(QuotaExceeded, match="60 bytes wanted, 40 of 100 are left"):
        await make(rows, 60)
    upload = await finish(rows, upload)
    assert await used(database) == (60, 1, 0)
    await rows.end(upload.id, Step.TERMINATE, actor="ann")
    assert await used(database) == (0, 0, 0)


@pytest.mark.parametrize("step", [Step.TERMINATE, Step.EXPIRE, Step.REFUSE, Step.LOSE])
async def test_every_end_gives_back(database: Database, step: Step) -> None:
    rows = await rows_of(database, Quota(bytes=100))
    upload = await receive(rows, await make(rows, 60), 10)
    assert await rows.end(upload.id, step, actor="ann") is not None
    assert await used(database) == (0, 0, 0)


async def test_what_comes_whole_is_never_open(database: Database) -> None:
    rows = await rows_of(database, Quota(bytes=100, open=1))
    await make(rows, 10)
    whole = new(50)
    await rows.create_whole(whole, object_of(whole, 50), synced=True, actor="ann")
    assert await used(database) == (60, 2, 1)
    another = new(50)
    with pytest.raises(QuotaExceeded):
        await rows.create_whole(another, object_of(another, 50), synced=True, actor="ann")
    assert await rows.find(another.id) is None
    with pytest.raises(TooManyOpen, match="1, wanted at most 1"):
        await make(rows, 1)


def _noted(work: Callable[[], Script[T]], seen: list[str]) -> Script[T]:
    """The same; `seen` gets which of the two tables its statements are about, in their order."""
    script = work()
    try:
        query = next(script)
        while True:
            if found := re.search(r"(?:UPDATE|INTO|FROM)\s+(files|usage)\b", query.sql):
                seen.append(found[1])
            query = script.send((yield query))
    except StopIteration as end:
        result: T = end.value
        return result


async def test_whatever_stores_or_removes_a_version_locks_its_file_before_the_usage(
    database: Database,
) -> None:
    """Two that took them the other way round would wait for each other, and Postgres would undo one."""
    rows = await rows_of(database, Quota(bytes=100))
    final = await rows.create_final(
        new(None, Kind.FINAL),
        [(await finish(rows, await make(rows, 5, Kind.PARTIAL))).id],
        limit=0,
        actor="a",
    )
    whole, upload = new(7), await receive(rows, await make(rows, 7), 7)
    author, orders = rows.author, [list[str]() for _ in range(4)]
    scripts: list[Callable[[], Script[Upload | None]]] = [
        lambda: store(author, final, object_of(final, 5), scan_after=0, actor="a"),
        lambda: store(author, upload, object_of(upload, 7), scan_after=0, actor="a"),
        lambda: create_whole(author, whole, object_of(whole, 7), synced=True, actor="a"),
        lambda: end(author, whole.id, Step.TERMINATE, actor="a", seen=None, only_due=False),
    ]
    for script, order in zip(scripts, orders, strict=True):
        await database.transact(functools.partial(_noted, script, order))
        assert {"files", "usage"} == set(order)
        assert order == sorted(order)
    assert await used(database) == (12, 2, 0)


async def test_files_are_counted_with_every_version_and_unfinished_upload(database: Database) -> None:
    rows = await rows_of(database, Quota(files=2))
    first = await finish(rows, await make(rows, 5))
    await make(rows, 5)
    with pytest.raises(QuotaExceeded, match="all of 2 files are used"):
        await make(rows, 5)
    await make(rows, 5, Kind.PARTIAL)  # no file
    await rows.end(first.id, Step.TERMINATE, actor="ann")
    await make(rows, 5)


async def test_a_final_takes_over_what_its_partials_are_charged_with(database: Database) -> None:
    rows = await rows_of(database, Quota(bytes=100))
    one, two = await make(rows, 40, Kind.PARTIAL), await make(rows, 50, Kind.PARTIAL)
    one, two = await finish(rows, one), await finish(rows, two)
    assert await used(database) == (90, 0, 0)
    final = await rows.create_final(new(None, Kind.FINAL), [one.id, two.id], limit=0, actor="ann")
    assert await used(database) == (90, 1, 1)
    final = await finish(rows, final)
    assert await used(database) == (90, 1, 0)
    for partial in (one, two):
        await rows.end(partial.id, Step.EXPIRE, actor="ann")
    assert await used(database) == (90, 1, 0)
    await rows.end(final.id, Step.TERMINATE, actor="ann")
    assert await used(database) == (0, 0, 0)


async def test_a_final_pays_for_partials_that_are_used_twice(database: Database) -> None:
    rows = await rows_of(database, Quota(bytes=100))
    one = await finish(rows, await make(rows, 40, Kind.PARTIAL))
    twice = await rows.create_final(new(None, Kind.FINAL), [one.id, one.id], limit=0, actor="ann")
    await finish(rows, twice)
    assert await used(database) == (80, 1, 0)
    again = await rows.create_final(new(None, Kind.FINAL), [one.id], limit=0, actor="ann")
    with pytest.raises(QuotaExceeded):
        await finish(rows, again)
    assert await used(database) == (80, 2, 1)
    await rows.end(again.id, Step.REFUSE, actor="system")
    assert await used(database) == (80, 1, 0)


async def test_a_partial_that_was_deleted_is_paid_for_by_its_final(database: Database) -> None:
    rows = await rows_of(database, Quota(bytes=100))
    one = await finish(rows, await make(rows, 40, Kind.PARTIAL))
    final = await rows.create_final(new(None, Kind.FINAL), [one.id], limit=0, actor="ann")
    await rows.end(one.id, Step.TERMINATE, actor="ann")
    assert await used(database) == (0, 1, 1)
    await finish(rows, final)
    assert await used(database) == (40, 1, 0)


async def test_an_upload_of_unknown_length_reserves_in_steps(database: Database) -> None:
    rows = await rows_of(database, Quota(bytes=100, step=STEP))
    upload = await make(rows, None)
    assert await used(database) == (STEP, 1, 1)
    upload = await receive(rows, upload, STEP)
    assert await used(database) == (STEP, 1, 1)
    upload = await receive(rows, upload, 70)
    assert await used(database) == (70 + STEP, 1, 1)
    upload = await receive(rows, upload, 95)  # no whole step is left
    assert await used(database) == (95, 1, 1)
    with pytest.raises(QuotaExceeded):
        await receive(rows, upload, 101)
    seen = await rows.find(upload.id)
    assert seen is not None
    assert seen.upload.offset == 95
    upload = await receive(rows, seen.upload, 95, length=96)
    assert await used(database) == (96, 1, 1)
    await finish(rows, upload)
    assert await used(database) == (96, 1, 0)


async def test_a_short_cut_gives_back_the_rest_of_its_step(database: Database) -> None:
    rows = await rows_of(database, Quota(bytes=100, step=STEP))
    for kind, files in ((Kind.WHOLE, 1), (Kind.PARTIAL, 0)):
        upload = await make(rows, None, kind)
        stored = await rows.store_whole(upload, object_of(upload, 3), synced=True, actor="ann")
        assert stored is not None
        assert await used(database) == (3, files, 0)
        await rows.end(upload.id, Step.TERMINATE, actor="ann")
        assert await used(database) == (0, 0, 0)


async def test_a_short_cut_takes_no_more_than_there_is_room_for(database: Database) -> None:
    rows = await rows_of(database, Quota(bytes=100, step=STEP))
    for kind, files in ((Kind.WHOLE, 1), (Kind.PARTIAL, 0)):
        uploads = [await make(rows, None, kind) for _ in range(3)]
        first = uploads[0]
        with pytest.raises(QuotaExceeded, match="70 bytes wanted, 40 of 100 are left"):
            await rows.store_whole(first, object_of(first, 90), synced=True, actor="ann")
        assert await used(database) == (3 * STEP, 3 * files, 3)
        seen = await rows.find(first.id)
        assert seen is not None
        assert seen.upload.state is Transfer.CREATED
        stored = await rows.store_whole(first, object_of(first, 60), synced=True, actor="ann")
        assert stored is not None
        assert stored.charged == 60
        assert await used(database) == (60 + 2 * STEP, 3 * files, 2)
        for upload in uploads:
            await rows.end(upload.id, Step.TERMINATE, actor="ann")
        assert await used(database) == (0, 0, 0)


async def test_a_deleted_version_is_given_back_long_after_its_upload_was_forgotten(
    database: Database,
) -> None:
    rows = await rows_of(database, Quota(bytes=100))
    upload = await finish(rows, await make(rows, 60))
    await database.execute(Query("DELETE FROM uploads"))
    assert await used(database) == (60, 1, 0)
    await database.transact(lambda: remove_version(upload.id))
    assert await used(database) == (0, 0, 0)


async def test_what_was_there_before_counts_once_there_is_a_quota(database: Database) -> None:
    before = await rows_of(database, None)
    await finish(before, await make(before, 30))
    partial = await finish(before, await make(before, 20, Kind.PARTIAL))
    await receive(before, await make(before, None), 5)
    assert await used(database) == (0, 0, 0)
    for _ in range(2):
        rows = await rows_of(database, Quota(bytes=100))
        with pytest.raises(QuotaExceeded, match="45 of 100 are left"):
            await make(rows, 46)
    assert await used(database) == (55, 2, 1)
    await before.end(partial.id, Step.TERMINATE, actor="ann")
    assert await used(database) == (35, 2, 1)


async def test_much_that_was_there_before_is_charged_in_bites_and_once(
    another: Another, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage_module, "BITE", 3)
    before = await rows_of(await another(), None)
    for _ in range(10):
        await finish(before, await make(before, 10))
    workers = [UsageRows(await another()) for _ in range(3)]
    await asyncio.gather(*(rows.adopt("acme", "ann") for rows in workers))
    assert await used(await another()) == (100, 10, 0)


async def test_a_short_cut_that_did_not_see_the_charge_is_not_taken(database: Database) -> None:
    upload = await make(await rows_of(database, None), 5)
    rows = await rows_of(database, Quota(bytes=100))
    await UsageRows(database).adopt("acme", "ann")
    stored = object_of(upload, 5)
    assert await rows.store_whole(upload, stored, synced=True, actor="ann") is None
    seen = await rows.find(upload.id)
    assert seen is not None
    assert await rows.store_whole(seen.upload, stored, synced=True, actor="ann") is not None
    assert await used(database) == (5, 1, 0)


async def test_a_wrong_count_is_found_and_put_right(database: Database) -> None:
    rows = await rows_of(database, Quota(bytes=100))
    await make(rows, 30)
    await database.execute(Query("UPDATE usage SET bytes = 7, open = 3"))
    usage = UsageRows(database)
    assert await usage.wrong() == [
        ("acme", "ann", Used(bytes=7, files=1, open=3), Used(bytes=30, files=1, open=1))
    ]
    await usage.recount("acme", "ann")
    assert await used(database) == (30, 1, 1)


async def test_a_length_that_nothing_can_hold_is_beyond_every_quota(database: Database) -> None:
    rows = await rows_of(database, Quota(files=10, step=STEP))
    await make(rows, 5)
    deferred = await make(rows, None)
    for _ in range(2):
        with pytest.raises(QuotaExceeded, match=f"{LARGEST} bytes wanted"):
            await make(rows, LARGEST)
    with pytest.raises(QuotaExceeded, match=f"{LARGEST - STEP} bytes wanted"):
        await receive(rows, deferred, 1, length=LARGEST)
    assert await used(database) == (5 + STEP, 2, 2)


async def test_of_many_that_race_exactly_those_succeed_for_whom_there_is_room(another: Another) -> None:
    workers = [await rows_of(await another(), Quota(bytes=100), f"a{n}") for n in range(3)]
    for _ in range(3):
        asked = [workers[n % 3].create(new(10), actor="ann") for n in range(60)]
        made = await asyncio.gather(*asked, return_exceptions=True)
        uploads = [one for one in made if isinstance(one, Upload)]
        assert len(uploads) == 10
        assert all(isinstance(one, Upload | QuotaExceeded) for one in made)
        database = await another()
        assert await used(database) == (100, 10, 10)
        ended = [workers[n % 3].end(one.id, Step.TERMINATE, actor="ann") for n, one in enumerate(uploads)]
        await asyncio.gather(*ended)
        assert await used(database) == (0, 0, 0)


async def test_two_finals_of_the_same_partials_at_once_take_them_over_once(another: Another) -> None:
    workers = [await rows_of(await another(), Quota(bytes=10_000), f"a{n}") for n in range(2)]
    database = await another()
    for _ in range(40):
        partials = [(await finish(workers[0], await make(workers[0], 10, Kind.PARTIAL))).id for _ in range(3)]
        finals = [
            await rows.create_final(new(None, Kind.FINAL), order, limit=0, actor="ann")
            for rows, order in zip(workers, (partials, partials[::-1]), strict=True)
        ]
        before, *_ = await used(database)
        both = zip(workers, finals, strict=True)
        await asyncio.gather(*(rows.store(one, object_of(one, 30), actor="ann") for rows, one in both))
        after, *_ = await used(database)
        assert after == before + 30


async def test_whatever_happens_the_usage_is_what_the_rows_say(database: Database) -> None:
    dice = random.Random(secrets.randbits(32))
    rows = await rows_of(database, Quota(bytes=400, files=30, open=20, step=STEP))
    known: list[UploadId] = []
    for _ in range(120):
        # Refused: no room, or not a step that this one can take.
        with suppress(ProtocolError, AssertionError):
            await one_step(rows, known, dice)
        await used(database)
    for upload_id in known:
        await rows.end(upload_id, Step.TERMINATE, actor="ann")
    assert await used(database) == (0, 0, 0)


async def one_step(rows: UploadRows, known: list[UploadId], dice: random.Random) -> None:
    kind = dice.choice([Kind.WHOLE, Kind.PARTIAL])
    length = dice.choice([None, dice.randrange(40)])
    roll = dice.random()
    if roll < 0.25 or not known:
        known.append((await make(rows, length, kind)).id)
        return
    seen = await rows.find(dice.choice(known))
    assert seen is not None
    upload = seen.upload
    if roll < 0.35:
        partials = [one for one in known if dice.random() < 0.2] or [upload.id]
        final = await rows.create_final(new(None, Kind.FINAL), partials, limit=0, actor="ann")
        known.append(final.id)
    elif roll < 0.6:
        most = upload.length if upload.length is not None else upload.offset + 40
        to = dice.randint(upload.offset, most)
        await receive(rows, upload, to, length=dice.choice([None, to]))
    elif roll < 0.9:
        await finish(rows, upload)
    else:
        step = dice.choice([Step.TERMINATE, Step.EXPIRE, Step.LOSE, Step.REFUSE])
        await rows.end(upload.id, step, actor="ann")
