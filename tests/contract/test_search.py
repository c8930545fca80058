"""Pages of the catalogue, on both databases, held against a list in memory."""

import asyncio
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import pytest

from protocol.upload import ScanJob, Status, Step, Transfer, Verdict, status_of
from tusd_py.metadata import search, search_index
from tusd_py.metadata.catalogue import Change, File
from tusd_py.metadata.cursors import BadCursor
from tusd_py.metadata.database import Database, Query, Script
from tusd_py.metadata.search import Page, Search
from tusd_py.metadata.search_index import SearchIndex
from tusd_py.metadata.upload_row import FOREVER
from tusd_py.metadata.uploads import UploadRows
from tusd_py.metadata.wanted import Served, Wanted
from tusd_py.metadata.words import Asked, asked

from .catalogued import SERVED, author, rows_of, store

MANY = 90


@dataclass(frozen=True, slots=True)
class Known:
    """A file that is there."""

    name: str
    owner: str
    tags: tuple[str, ...]


async def fill(database: Database, dice: random.Random) -> list[Known]:
    """Files of two owners, and one of another tenant, the oldest first; half of them are in the index yet."""
    known: list[Known] = []
    rows = rows_of(database)
    for number in range(MANY):
        word = dice.choice(["alpha", "alphabet", "beta", "Ümlaut", "年度报告"])
        name = f"{word} {number}.txt" if number != MANY // 2 else "rareword.txt"
        one = Known(name, dice.choice(["ann", "bob"]), ("red",) if number % 3 == 0 else ())
        upload = await store(database, one.owner, filename=name)
        if one.tags:
            file = await rows.find(upload.file_id)
            assert file is not None
            await rows.change(file, Change(tags=one.tags), strictly=False, actor="ann")
        known.append(one)
        if number == MANY // 2:
            await SearchIndex(database).take_in(at_once=20)
    await store(database, "ann", "other tenant", filename="alpha rareword.txt")
    return known


async def names(database: Database, wanted: Wanted, *, limit: int = 7, served: Served = SERVED) -> list[str]:
    """All pages, one after the other."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = await Search(database).page(wanted, served, cursor=cursor, limit=limit)
        assert len(page.files) <= limit
        found += [str(file.filename) for file in page.files]
        cursor = page.next
        if cursor is None:
            return found


@pytest.fixture(params=["near", "by the index"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both steps of a search, with few files: by the index the first one looks at three."""
    if request.param == "by the index":
        monkeypatch.setattr(search, "NEAR", 3)
        monkeypatch.setattr(search, "FAR", 5)
    return str(request.param)


async def test_pages_are_what_a_list_would_give(database: Database, way: str, seed: int) -> None:
    known = await fill(database, random.Random(seed))
    newest_first = known[::-1]

    def expected(keep: Iterable[Known]) -> list[str]:
        return [one.name for one in keep]

    tenant = Wanted(tenant="")
    assert await names(database, tenant) == expected(newest_first)
    assert await names(database, Wanted(tenant="", oldest_first=True)) == expected(known)
    for owner in ("ann", "bob"):
        own = [one for one in newest_first if one.owner == owner]
        assert await names(database, Wanted(tenant="", owner=owner)) == expected(own)
        for question, has in (
            ("alpha", lambda name: name.startswith("alpha")),
            ("ALPHA", lambda name: name.startswith("alpha")),
            ("alphabet", lambda name: name.startswith("alphabet")),
            ("al tx", lambda name: name.startswith("alpha")),
            ("umla", lambda name: name.startswith("Ü")),
            ("报告", lambda name: name.startswith("年")),
            ("rarew", lambda name: name.startswith("rare")),
            ("5", lambda name: " 5." in name),
            ("nothing", lambda name: False),
        ):
            wanted = Wanted(tenant="", owner=owner, words=tuple(asked(question)))
            assert await names(database, wanted) == expected(one for one in own if has(one.name)), question
        wanted = Wanted(tenant="", owner=owner, tags=("red",), words=tuple(asked("alpha")), oldest_first=True)
        hits = [one for one in own if "red" in one.tags and one.name.startswith("alpha")]
        assert await names(database, wanted) == expected(hits[::-1])
    wanted = Wanted(tenant="", words=tuple(asked("rareword")))
    assert await names(database, wanted) == ["rareword.txt"]


async def test_a_short_page_goes_on_where_it_stopped_looking(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "FAR", 4)
    for number in range(10):
        await store(database, filename=f"{number}", filetype="image/png" if number == 1 else "text/plain")
    wanted = Wanted(tenant="", mime_type="image/png")
    first = await Search(database).page(wanted, SERVED, cursor=None, limit=5)
    assert (list(first.files), first.next is None) == ([], False)
    assert await names(database, wanted) == ["1"]


@pytest.mark.parametrize("by", ["words", "tags"])
async def test_filters_that_few_pass_are_looked_for_among_few_files_with_common_words(
    database: Database, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    monkeypatch.setattr(search, "NEAR", 4)
    monkeypatch.setattr(search, "FAR", 8)
    rows = rows_of(database)
    for number in range(20):
        kind = "image/png" if number == 1 else "text/plain"
        upload = await store(database, filename=f"common {number}", filetype=kind)
        file = await rows.find(upload.file_id)
        assert file is not None
        await rows.change(file, Change(tags=("red",)), strictly=False, actor="ann")
    question = {"words": tuple(asked("comm"))} if by == "words" else {"tags": ("red",)}
    wanted = replace(Wanted(tenant="", mime_type="image/png"), **question)
    lengths, cursor = [], None
    while True:
        page = await Search(database).page(wanted, SERVED, cursor=cursor, limit=3)
        lengths.append(len(page.files))
        cursor = page.next
        if cursor is None:
            break
    assert lengths == [0, 0, 1]


async def test_filters_that_few_pass_are_found_at_once_with_rare_words(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "NEAR", 4)
    monkeypatch.setattr(search, "FAR", 8)
    for number in range(20):
        await store(database, filename="rare" if number == 1 else "common", filetype="image/png")
    wanted = Wanted(tenant="", mime_type="image/png", words=tuple(asked("rare")))
    page = await Search(database).page(wanted, SERVED, cursor=None, limit=3)
    assert ([file.filename for file in page.files], page.next) == (["rare"], None)


@pytest.mark.parametrize(
    ("asked_for", "found"),
    [
        ("text/plain", ["b", "a"]),
        ("image/*", ["d", "c"]),
        ("image/png", ["c"]),
        ("application/octet-stream", ["e"]),
        ("te%/plain", []),
    ],
)
async def test_types_are_found_with_and_without_parameters(
    database: Database, asked_for: str, found: list[str]
) -> None:
    types = {"a": "text/plain", "b": "text/plain; charset=utf-8", "c": "image/png", "d": "IMAGE/jpeg"}
    for name, filetype in types.items():
        await store(database, filename=name, filetype=filetype)
    await store(database, filename="e")
    assert await names(database, Wanted(tenant="", mime_type=asked_for)) == found


async def test_times_bound_what_is_found(database: Database) -> None:
    uploads = [await store(database, filename=name) for name in "abcd"]
    rows = rows_of(database)
    at = [file.created_at for upload in uploads if (file := await rows.find(upload.file_id))]
    assert sorted(set(at)) == at
    wanted = Wanted(tenant="", created_from=at[1], created_before=at[3])
    assert await names(database, wanted) == ["c", "b"]
    assert await names(database, Wanted(tenant="", created_from=at[3] + 1)) == []
    assert await names(database, Wanted(tenant="", created_before=at[0])) == []


async def test_the_filter_on_status_says_what_the_one_function_says(database: Database) -> None:
    """Every combination of what a status is derived from, as a row."""
    cases = [
        (lost, released, verdict, job, owner)
        for lost in (0, 1)
        for released in (None, "op")
        for verdict in Verdict
        for job in (ScanJob.NONE, ScanJob.QUEUED, ScanJob.FAILED)
        for owner in ("ann", "bob")
    ]
    served = Served(
        verdicts=frozenset({Verdict.CLEAN}),
        verdicts_to_owner=frozenset({Verdict.UNSCANNABLE}),
        reader=("", "ann"),
    )
    expected: dict[str, Status] = {}
    for number, (lost, released, verdict, job, owner) in enumerate(cases):
        upload = await store(database, owner, filename=str(number))
        await database.transact(partial(_set, upload.id, lost, released, verdict, job))
        is_served = verdict is Verdict.CLEAN or (verdict is Verdict.UNSCANNABLE and owner == "ann")
        expected[str(number)] = status_of(
            Transfer.LOST if lost else Transfer.STORED,
            verdict,
            job,
            served=is_served,
            released=released is not None,
        )
    for status in Status:
        wanted = Wanted(tenant="", statuses=frozenset({status}), oldest_first=True)
        found = await names(database, wanted, limit=50, served=served)
        assert found == [name for name, one in expected.items() if one is status], status
    wanted = Wanted(tenant="", verdicts=frozenset({Verdict.INFECTED, Verdict.CLEAN}))
    assert len(await names(database, wanted, limit=50)) == len(cases) / 2


def _set(upload_id: str, lost: int, released: str | None, verdict: Verdict, job: ScanJob) -> Script[None]:
    yield Query(
        "UPDATE versions SET lost = :lost, released_by = :released, verdict = :verdict WHERE upload_id = :id",
        {"id": upload_id, "lost": lost, "released": released, "verdict": verdict},
    )
    if job is not ScanJob.NONE:
        yield Query(
            "INSERT INTO jobs (consumer, subject, due_at, created_at) VALUES ('scan', :id, :due, {now})",
            {"id": upload_id, "due": FOREVER if job is ScanJob.FAILED else 1},
        )


@pytest.mark.parametrize("cursor", ["", "x", "MS4w", "4oKs", "!!!!", "A" * 500])
async def test_a_cursor_of_somebody_elses_making_is_refused(database: Database, cursor: str) -> None:
    with pytest.raises(BadCursor):
        await Search(database).page(Wanted(tenant=""), SERVED, cursor=cursor, limit=5)


@pytest.mark.parametrize("is_taken_in", [True, False])
async def test_what_is_found_follows_every_change(database: Database, way: str, is_taken_in: bool) -> None:
    """Index and rows are changed by one commit."""
    for number in range(5):
        await store(database, filename=f"filler {number}")
    upload = await store(database, filename="before.txt", note="greeting")
    for number in range(5):
        await store(database, filename=f"filler more {number}")
    if is_taken_in:
        await SearchIndex(database).take_in()
    rows = rows_of(database)

    async def finds(question: str) -> bool:
        wanted = Wanted(tenant="", owner="ann", words=tuple(asked(question)))
        return await names(database, wanted) != []

    for question in ("before", "greet"):
        assert await finds(question)
    file = await rows.find(upload.file_id)
    assert file is not None
    wanted = Change(filename="after.txt", path="x/after.txt", tags=("blue sky",))
    renamed = await rows.change(file, wanted, strictly=True, actor="ann")
    assert isinstance(renamed, File)
    # The metadata still says what it was called when it was uploaded.
    for question in ("after", "sky", "greet", "before"):
        assert await finds(question)
    await store(database, file_id=upload.file_id, filename="third.txt")
    found = [await finds(question) for question in ("after", "third", "greet")]
    assert found == [True, True, False]
    await rows.delete(upload.file_id, actor="ann")
    assert not any([await finds("after"), await finds("third")])
    await SearchIndex(database).take_in()
    assert not any([await finds("after"), await finds("third")])


@pytest.mark.parametrize("is_taken_in", [True, False])
async def test_a_file_that_falls_back_is_found_by_the_metadata_of_its_version(
    database: Database, way: str, *, is_taken_in: bool
) -> None:
    first = await store(database, filename="a.txt", note="earlier")
    second = await store(database, file_id=first.file_id, note="later")
    if is_taken_in:
        await SearchIndex(database).take_in()
    await UploadRows(database, author()).end(second.id, Step.TERMINATE, actor="ann")

    async def finds(question: str) -> bool:
        return await names(database, Wanted(tenant="", owner="ann", words=tuple(asked(question)))) != []

    found = [await finds("earlier"), await finds("later"), await finds("a.txt")]
    assert found == [True, False, True]
    await SearchIndex(database).take_in()
    assert [await finds("earlier"), await finds("later"), await finds("a.txt")] == found


async def test_files_from_before_there_was_an_index_are_indexed_later(database: Database, way: str) -> None:
    for number in range(6):
        await store(database, filename=f"old {number}.txt")
        if number < 3:
            await SearchIndex(database).take_in()
    await database.execute(Query("UPDATE files SET words = NULL"))
    wanted = Wanted(tenant="", words=tuple(asked("old")))
    assert await names(database, wanted) == []
    rows = rows_of(database)
    assert [await rows.index_some(4), await rows.index_some(4), await rows.index_some(4)] == [4, 2, 0]
    assert len(await names(database, wanted)) == 6


@pytest.mark.parametrize("letters", [1, 1000])
async def test_everything_is_taken_in_once(
    database: Database, monkeypatch: pytest.MonkeyPatch, letters: int
) -> None:
    monkeypatch.setattr(search_index, "MOST_LETTERS", letters)
    for number in range(7):
        await store(database, filename=f"file {number}.txt")
    index = SearchIndex(database)
    # As several workers do, each after the other's commit.
    await asyncio.gather(index.take_in(at_once=2), index.take_in(at_once=3))
    if database.name == "sqlite":
        rows = await database.read(Query("SELECT seq FROM files ORDER BY seq"))
        assert [row["seq"] for row in rows] == list(range(1, 8))
        found = await database.read(
            Query("SELECT rowid FROM search WHERE search MATCH 'file' ORDER BY rowid")
        )
        assert [row["rowid"] for row in found] == list(range(1, 8))


def questions() -> Sequence[str]:
    return ("", "?!", "a b", "don't", "'; --", '"x" AND y*', "NEAR(a b)", "x:*|!y", "\x00a")


@pytest.mark.parametrize("question", questions())
async def test_no_question_is_a_command(database: Database, way: str, question: str) -> None:
    for number in range(5):
        await store(database, filename=f"a b don t x y near and {number}.txt")
    words: Sequence[Asked] = asked(question)
    page: Page = await Search(database).page(
        Wanted(tenant="", words=tuple(words)), SERVED, cursor=None, limit=10
    )
    assert len(page.files) == 5
