"""Multipart uploads on both databases: which part has which number, what completes, and what is let go."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from protocol.errors import InvalidPart, MaxSizeExceeded, QuotaExceeded, TooManyOpen
from protocol.upload import Kind, PartOf, Step, Transfer, Upload, UploadId
from tusd_py.metadata.database import Database, Query
from tusd_py.metadata.housekeeping import Housekeeping
from tusd_py.metadata.multiparts import Multipart, MultipartPart, MultipartRows
from tusd_py.metadata.progress import ProgressRows
from tusd_py.metadata.upload_row import FOREVER
from tusd_py.metadata.uploads import UploadRows
from tusd_py.metadata.usage import Quota, UsageRows
from tusd_py.metadata.workers import WorkerRows

from . import test_expiry
from .databases import Another
from .test_expiry import DAY, HOUR
from .test_usage import finish, make, new, object_of, receive, rows_of, used

MOST = 1000


def multiparts_of(rows: UploadRows, database: Database) -> MultipartRows:
    return MultipartRows(database, rows.author)


async def begun(multiparts: MultipartRows, length: int | None = None) -> Multipart:
    return await multiparts.create(new(length, Kind.FINAL))


async def partial(rows: UploadRows, length: int = 10) -> UploadId:
    return (await finish(rows, await make(rows, length, Kind.PARTIAL))).id


async def put(
    rows: UploadRows, multiparts: MultipartRows, to: Multipart, number: int, length: int = 10
) -> UploadId:
    upload_id = await partial(rows, length)
    assert await multiparts.put(to.id, number, upload_id) is not None
    return upload_id


async def complete(
    multiparts: MultipartRows, which: Multipart, wanted: Mapping[int, UploadId] | None = None, limit: int = 0
) -> Upload | None:
    return await multiparts.complete(which.id, wanted, most=MOST, limit=limit, actor="ann")


async def completed(
    multiparts: MultipartRows, which: Multipart, wanted: Mapping[int, UploadId] | None = None
) -> Upload:
    done = await complete(multiparts, which, wanted)
    assert done is not None
    return done


async def listed(multiparts: MultipartRows, of: Multipart) -> list[tuple[int, UploadId, int]]:
    parts = await multiparts.parts(of.id, after=0, limit=MOST)
    return [(part.number, part.upload_id, part.length) for part in parts]


async def row(rows: UploadRows, upload_id: UploadId) -> Upload:
    seen = await rows.find(upload_id)
    assert seen is not None
    return seen.upload


async def due(database: Database) -> set[UploadId]:
    return set(await Housekeeping(database).due(MOST))


async def make_due(database: Database, table: str, which: Sequence[UploadId]) -> None:
    """Their date has passed."""
    for one in which:
        sql = {
            "uploads": "UPDATE uploads SET expires_at = 1 WHERE id = :id",
            "multiparts": "UPDATE multiparts SET expires_at = 1 WHERE id = :id",
        }[table]
        await database.execute(Query(sql, {"id": one}))


async def test_what_was_begun_is_found_as_it_was_begun(database: Database) -> None:
    multiparts = multiparts_of(await rows_of(database, None), database)
    wanted = new(70, Kind.FINAL)
    made = await multiparts.create(wanted)
    found = await multiparts.find(wanted.id)
    assert found == made
    assert (made.length, made.key, made.file_id) == (70, wanted.key, wanted.file_id)
    assert (made.tenant, made.owner) == ("acme", "ann")
    assert made.expires_at is not None
    assert made.expires_at > made.created_at
    assert await multiparts.find(new(70).id) is None
    assert await multiparts.parts(wanted.id, after=0, limit=MOST) == []


async def test_parts_are_told_in_order_and_by_pages(database: Database) -> None:
    rows = await rows_of(database, None)
    multiparts = multiparts_of(rows, database)
    multipart, other = await begun(multiparts), await begun(multiparts)
    sent = {number: await put(rows, multiparts, multipart, number, length=number) for number in (7, 2, 4)}
    await put(rows, multiparts, other, 3)
    assert await listed(multiparts, multipart) == [(number, sent[number], number) for number in (2, 4, 7)]
    pages: list[list[MultipartPart]] = []
    after = 0
    while page := await multiparts.parts(multipart.id, after=after, limit=2):
        pages.append(page)
        after = page[-1].number
    assert [[part.number for part in page] for page in pages] == [[2, 4], [7]]


async def test_a_part_takes_the_place_of_the_one_that_had_its_number(database: Database) -> None:
    rows = await rows_of(database, None)
    multiparts = multiparts_of(rows, database)
    multipart = await begun(multiparts)
    first = await put(rows, multiparts, multipart, 1)
    second = await partial(rows, 20)
    taken = await multiparts.put(multipart.id, 1, second)
    assert taken is not None
    assert taken.replaced == first
    assert await listed(multiparts, multipart) == [(1, second, 20)]


async def test_nothing_is_put_where_nothing_was_begun_or_is_over(database: Database) -> None:
    rows = await rows_of(database, None)
    multiparts = multiparts_of(rows, database)
    part = await partial(rows)
    assert await multiparts.put(new(1).id, 1, part) is None
    for multipart in (dropped := await begun(multiparts), late := await begun(multiparts)):
        await put(rows, multiparts, multipart, 1)
    assert await multiparts.drop(dropped.id)
    await make_due(database, "multiparts", [late.id])
    for over in (dropped, late):
        assert await multiparts.find(over.id) is None
        assert await multiparts.put(over.id, 2, part) is None
        assert await complete(multiparts, over) is None
        assert not await multiparts.drop(over.id)


@pytest.mark.parametrize("with_a_list", [False, True])
async def test_its_parts_become_a_final_with_the_id_from_the_beginning(
    database: Database, *, with_a_list: bool
) -> None:
    rows = await rows_of(database, None)
    multiparts = multiparts_of(rows, database)
    multipart = await begun(multiparts, 60)
    sent = {number: await put(rows, multiparts, multipart, number, 10 * number) for number in (3, 1, 2)}
    done = await completed(multiparts, multipart, sent if with_a_list else None)
    assert (done.id, done.file_id, done.key) == (
        multipart.id,
        multipart.file_id,
        multipart.key,
    )
    assert (done.state, done.length, done.kind) == (Transfer.COMPLETING, 60, Kind.FINAL)
    assert await rows.plan(multipart.id) == [sent[1], sent[2], sent[3]]
    assert await multiparts.find(multipart.id) is None
    assert await listed(multiparts, multipart) == []
    stored = await rows.store(done, object_of(done, 60), actor="ann")
    assert stored is not None
    assert stored.state is Transfer.STORED


async def test_a_list_may_leave_parts_and_numbers_out(database: Database) -> None:
    rows = await rows_of(database, None)
    multiparts = multiparts_of(rows, database)
    multipart = await begun(multiparts)
    sent = {number: await put(rows, multiparts, multipart, number, number) for number in (1, 5, 6, 9)}
    done = await completed(multiparts, multipart, {9: sent[9], 5: sent[5]})
    assert await rows.plan(multipart.id) == [sent[5], sent[9]]
    assert done.length == 14
    assert await due(database) == {sent[1], sent[6]}


async def test_what_does_not_add_up_completes_nothing(database: Database) -> None:
    rows = await rows_of(database, None)
    multiparts = multiparts_of(rows, database)
    multipart = await begun(multiparts, 30)
    with pytest.raises(InvalidPart, match="there is no part"):
        await complete(multiparts, multipart)
    first, third = [await put(rows, multiparts, multipart, number) for number in (1, 3)]
    for wanted, problem in (
        (None, "part 2 is not there, and a later one is"),
        ({}, "there is no part"),
        ({1: first, 2: third}, "part 2 is not there"),
        ({1: third}, f"part 1 has the etag {first}, not that one"),
        ({1: first, 3: third}, "the parts have 20 bytes, and file_size was 30"),
    ):
        with pytest.raises(InvalidPart, match=problem):
            await complete(multiparts, multipart, wanted)
    second = await put(rows, multiparts, multipart, 2)
    with pytest.raises(MaxSizeExceeded, match="30 bytes, wanted at most 29"):
        await complete(multiparts, multipart, limit=29)
    # Nothing of all that changed anything.
    assert [one[1] for one in await listed(multiparts, multipart)] == [first, second, third]
    assert (await completed(multiparts, multipart)).length == 30


async def test_of_two_that_complete_it_at_once_one_plans(database: Database, another: Another) -> None:
    rows = await rows_of(database, None)
    multiparts = multiparts_of(rows, database)
    elsewhere = MultipartRows(await another(), rows.author)
    for _ in range(5):
        multipart = await begun(multiparts)
        part = await put(rows, multiparts, multipart, 1)
        done = await asyncio.gather(complete(multiparts, multipart), complete(elsewhere, multipart))
        (planned,) = [one for one in done if one is not None]
        assert planned.id == multipart.id
        assert await rows.plan(multipart.id) == [part]


async def test_a_part_beside_the_completion_is_in_it_or_nobodys(database: Database, another: Another) -> None:
    """It is never told to be taken and then neither in the file nor let go."""
    rows = await rows_of(database, None)
    multiparts = multiparts_of(rows, database)
    elsewhere = MultipartRows(await another(), rows.author)
    for turn in range(8):
        multipart = await begun(multiparts)
        first = await put(rows, multiparts, multipart, 1)
        number = 1 + turn % 2
        late = await partial(rows)
        taken, done = await asyncio.gather(
            elsewhere.put(multipart.id, number, late), completed(multiparts, multipart)
        )
        plan = await rows.plan(done.id)
        assert (late in plan) == (taken is not None)
        if first not in plan:
            assert taken is not None
            assert taken.replaced == first
            assert first in await due(database)


async def test_what_is_dropped_leaves_its_parts_to_be_let_go(database: Database) -> None:
    rows = await rows_of(database, None)
    multiparts = multiparts_of(rows, database)
    multipart = await begun(multiparts)
    sent = [await put(rows, multiparts, multipart, number) for number in (1, 2)]
    assert await multiparts.drop(multipart.id)
    assert await due(database) == set(sent)
    assert await listed(multiparts, multipart) == []


async def test_parts_do_not_expire_before_the_whole_does(database: Database) -> None:
    rows = await rows_of(database, None)
    multiparts, housekeeping = multiparts_of(rows, database), Housekeeping(database)
    multipart, other = await begun(multiparts), await begun(multiparts)
    sent = [await put(rows, multiparts, multipart, number) for number in (1, 2)]
    kept = await put(rows, multiparts, other, 1)
    stray = await partial(rows)
    await make_due(database, "uploads", [*sent, kept, stray])
    assert await due(database) == {stray}
    assert await rows.end(sent[0], Step.EXPIRE, actor="system", only_due=True) is None
    assert await housekeeping.expire_multiparts(MOST) == 0
    await make_due(database, "multiparts", [multipart.id])
    assert await housekeeping.expire_multiparts(MOST) == 1
    assert await due(database) == {stray, *sent}
    assert await listed(multiparts, multipart) == []
    # However long ago its parts came, what has a date of its own is completed.
    assert (await completed(multiparts, other)).state is Transfer.COMPLETING
    assert await due(database) == {stray, *sent}


@pytest.mark.parametrize(
    ("expiry", "max_age", "hours"),
    [(DAY, 30 * DAY, 24), (DAY, HOUR, 1), (FOREVER, HOUR, 1), (FOREVER, FOREVER, None)],
)
async def test_each_part_puts_the_end_off_as_far_as_that_goes(
    database: Database, expiry: int, max_age: int, hours: int | None
) -> None:
    rows = await test_expiry.rows_of(database, expiry, max_age)
    multiparts = multiparts_of(rows, database)
    multipart = await begun(multiparts)
    for number in (1, 2):
        found = await multiparts.find(multipart.id)
        assert found is not None
        lasts = None if found.expires_at is None else (found.expires_at - found.created_at) // HOUR
        assert lasts == hours
        soon = "UPDATE multiparts SET expires_at = expires_at - 60000000 WHERE id = :id"
        await database.execute(Query(soon, {"id": multipart.id}))
        await put(rows, multiparts, multipart, number)


@pytest.mark.parametrize("way", ["stored", "refused", "deleted"])
async def test_parts_are_let_go_as_soon_as_nothing_can_be_made_of_them(database: Database, way: str) -> None:
    """Their client cannot do it: it never made them, and what it made is over."""
    rows = await test_expiry.rows_of(database, FOREVER, FOREVER)
    multiparts = multiparts_of(rows, database)
    multipart = await begun(multiparts)
    sent = [await put(rows, multiparts, multipart, number) for number in (1, 2)]
    done = await completed(multiparts, multipart)
    assert await due(database) == set()
    assert await rows.end(sent[0], Step.EXPIRE, actor="system", only_due=True) is None
    if way == "stored":
        assert await rows.store(done, object_of(done, 20), actor="ann") is not None
    else:
        step = Step.REFUSE if way == "refused" else Step.TERMINATE
        assert await rows.end(multipart.id, step, actor="ann") is not None
    assert await due(database) == set(sent)


async def test_parts_that_are_no_part_any_more_are_let_go_even_if_nobody_lives_to_end_them(
    database: Database,
) -> None:
    """The worker that replaced, left out or gave up may die before it ends them."""
    rows = await test_expiry.rows_of(database, FOREVER, FOREVER)
    multiparts = multiparts_of(rows, database)
    multipart, dropped = await begun(multiparts), await begun(multiparts)
    replaced, left_out = [await put(rows, multiparts, multipart, number) for number in (1, 2)]
    first = await put(rows, multiparts, multipart, 1)
    given_up = await put(rows, multiparts, dropped, 1)
    assert await due(database) == {replaced}
    await completed(multiparts, multipart, {1: first})
    assert await due(database) == {replaced, left_out}
    await multiparts.drop(dropped.id)
    assert await due(database) == {replaced, left_out, given_up}


@pytest.mark.parametrize("step", [Step.TERMINATE, Step.LOSE])
async def test_a_part_whose_bytes_are_gone_is_missing_also_when_its_row_is_forgotten(
    database: Database, step: Step
) -> None:
    rows = await rows_of(database, None)
    multiparts = multiparts_of(rows, database)
    multipart = await begun(multiparts)
    first, last = [await put(rows, multiparts, multipart, number) for number in (1, 2)]
    await rows.end(last, step, actor="system")
    for forgotten in (False, True):
        if forgotten:
            await database.execute(Query("DELETE FROM uploads WHERE id = :id", {"id": last}))
        assert [one[1] for one in await listed(multiparts, multipart)] == [first]
        # The last one: without it, the rest looks like a whole.
        for wanted in (None, {1: first, 2: last}):
            with pytest.raises(InvalidPart, match="part 2 was deleted or lost"):
                await complete(multiparts, multipart, wanted)
    await put(rows, multiparts, multipart, 2)
    assert (await completed(multiparts, multipart)).length == 20


async def test_a_part_is_good_from_its_last_byte_on(database: Database) -> None:
    """Before it is sealed, too, which may take longer: the final waits for it."""
    rows = await rows_of(database, None)
    multiparts = multiparts_of(rows, database)
    multipart = await begun(multiparts)
    whole = await receive(rows, await make(rows, 10, Kind.PARTIAL), 10)
    assert whole.state is Transfer.COMPLETING
    assert await multiparts.put(multipart.id, 1, whole.id) is not None
    assert await listed(multiparts, multipart) == [(1, whole.id, 10)]
    assert (await completed(multiparts, multipart)).state is Transfer.WAITING
    await finish(rows, whole)
    final = await row(rows, multipart.id)
    assert (final.state, final.length) == (Transfer.COMPLETING, 10)
    assert await rows.store(final, object_of(final, 10), actor="ann") is not None
    assert await due(database) == {whole.id}


async def test_what_it_uses_is_what_its_parts_use_and_then_the_file(database: Database) -> None:
    rows = await rows_of(database, Quota(bytes=100, files=1, open=2))
    multiparts = multiparts_of(rows, database)
    multipart = await begun(multiparts)
    assert await used(database) == (0, 1, 1)
    first, second = [await put(rows, multiparts, multipart, number, 30) for number in (1, 2)]
    assert await used(database) == (60, 1, 1)
    again = await put(rows, multiparts, multipart, 2, 40)
    assert await used(database) == (100, 1, 1)
    with pytest.raises(QuotaExceeded, match="1 bytes wanted, 0 of 100 are left"):
        await make(rows, 1, Kind.PARTIAL)
    await rows.end(second, Step.TERMINATE, actor="system")
    assert await used(database) == (70, 1, 1)
    assert await UsageRows(database).wrong() == []
    done = await completed(multiparts, multipart, {1: first, 2: again})
    assert await used(database) == (70, 1, 1)
    await rows.store(done, object_of(done, 70), actor="ann")
    assert await used(database) == (70, 1, 0)
    for part in (first, again):
        await rows.end(part, Step.EXPIRE, actor="system", only_due=True)
    assert await used(database) == (70, 1, 0)


async def test_one_that_is_begun_counts_as_unfinished_until_it_is_over(database: Database) -> None:
    multiparts = multiparts_of(await rows_of(database, Quota(bytes=100, open=2)), database)
    dropped, late = await begun(multiparts, 100), await begun(multiparts)
    assert await used(database) == (0, 2, 2)
    with pytest.raises(TooManyOpen, match="2, wanted at most 2"):
        await begun(multiparts)
    assert await UsageRows(database).wrong() == []
    await multiparts.drop(dropped.id)
    assert await used(database) == (0, 1, 1)
    with pytest.raises(QuotaExceeded, match="101 bytes wanted, 100 of 100 are left"):
        await begun(multiparts, 101)
    await make_due(database, "multiparts", [late.id])
    await Housekeeping(database).expire_multiparts(MOST)
    assert await used(database) == (0, 0, 0)
    assert await UsageRows(database).wrong() == []


async def test_a_part_that_is_gone_before_it_is_one_becomes_none(database: Database) -> None:
    rows = await rows_of(database, None)
    multiparts = multiparts_of(rows, database)
    multipart = await begun(multiparts)
    part = await partial(rows)
    await rows.end(part, Step.TERMINATE, actor="ann")
    assert await multiparts.put(multipart.id, 1, part) is None
    assert await listed(multiparts, multipart) == []


async def sent(rows: UploadRows, for_part_of: Multipart, number: int, length: int = 10) -> Upload:
    """What comes for a part, of which no byte is there yet."""
    wanted = replace(new(length, Kind.PARTIAL), part_of=PartOf(for_part_of.id, number))
    return await rows.create(wanted, actor="ann")


async def test_an_upload_knows_from_its_beginning_which_part_it_is_sent_for(database: Database) -> None:
    rows = await rows_of(database, None)
    multipart = await begun(multiparts_of(rows, database))
    upload = await sent(rows, multipart, 7)
    assert upload.part_of == PartOf(multipart.id, 7)
    assert (await row(rows, upload.id)).part_of == upload.part_of
    small = replace(new(3, Kind.PARTIAL), part_of=PartOf(multipart.id, 8))
    stored = await rows.create_whole(small, object_of(small, 3), synced=True, actor="ann")
    assert (await row(rows, small.id)).part_of == stored.part_of == small.part_of
    assert (await make(rows, 10, Kind.PARTIAL)).part_of is None


async def test_what_was_sent_for_a_part_and_became_none_is_let_go(database: Database) -> None:
    """As its worker died before, and uploads never expire."""
    rows = await test_expiry.rows_of(database, FOREVER, FOREVER)
    multiparts, housekeeping = multiparts_of(rows, database), Housekeeping(database)
    multipart = await begun(multiparts)
    whole = await finish(rows, await sent(rows, multipart, 1))
    part = await finish(rows, await sent(rows, multipart, 2))
    assert await multiparts.put(multipart.id, 2, part.id) is not None
    cut, untouched = await receive(rows, await sent(rows, multipart, 3), 5), await sent(rows, multipart, 4)
    pinned = await finish(rows, await sent(rows, multipart, 5))
    await rows.create_final(new(None, Kind.FINAL), [pinned.id], limit=0, actor="ann")
    await partial(rows)  # of a concatenation
    assert await housekeeping.let_parts_go(HOUR, MOST) == 0
    assert await due(database) == set()
    assert await housekeeping.let_parts_go(0, MOST) == 3
    assert await due(database) == {whole.id, cut.id, untouched.id}
    assert await housekeeping.let_parts_go(0, MOST) == 0
    await rows.end(whole.id, Step.EXPIRE, actor="system", only_due=True)
    assert await multiparts.put(multipart.id, 1, whole.id) is None
    assert await listed(multiparts, multipart) == [(2, part.id, 10)]


async def test_what_somebody_still_writes_for_a_part_is_left_to_them(database: Database) -> None:
    rows = await test_expiry.rows_of(database, FOREVER, FOREVER)
    housekeeping = Housekeeping(database)
    upload = await sent(rows, await begun(multiparts_of(rows, database)), 1)
    assert await rows.acquire(upload.id) is not None
    assert await housekeeping.let_parts_go(0, MOST) == 0
    await WorkerRows(database).bury("a1")
    assert await housekeeping.let_parts_go(0, MOST) == 1
    assert await due(database) == {upload.id}


async def test_it_is_told_as_an_upload_that_is_not_finished(database: Database) -> None:
    rows = await rows_of(database, None)
    multiparts, progress = multiparts_of(rows, database), ProgressRows(database)
    empty, multipart = await begun(multiparts), await begun(multiparts, 100)
    await put(rows, multiparts, multipart, 1, 10)
    await put(rows, multiparts, multipart, 7, 20)
    await rows.end(await put(rows, multiparts, multipart, 8, 40), Step.TERMINATE, actor="ann")
    over = await begun(multiparts)
    await make_due(database, "multiparts", [over.id])
    told = [await progress.of(one.id) for one in (multipart, empty, over)]
    assert told[2] is None
    found, following = await progress.unfinished("acme", "ann", cursor=None, limit=5)
    assert [one.upload for one in found] == [one.upload for one in told[:2] if one is not None]
    assert following is None
    assert [(one.upload.kind, one.upload.state, one.upload.length) for one in found] == [
        (Kind.PARTS, Transfer.RECEIVING, 100),
        (Kind.PARTS, Transfer.CREATED, None),
    ]
    assert [(one.parts_uploaded, one.upload.offset) for one in found] == [(2, 30), (0, 0)]
    assert (await progress.unfinished("acme", "bob", cursor=None, limit=5))[0] == []
    assert (await progress.unfinished("other", None, cursor=None, limit=5))[0] == []
