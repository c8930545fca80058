"""Final uploads: planned, pinned, assembled, and what becomes of their partials."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from protocol.creation import Creation
from protocol.errors import (
    InternalError,
    InvalidConcat,
    MaxSizeExceeded,
    ModifyFinal,
    UploadGone,
    UploadNotFound,
    UploadRejected,
)
from protocol.headers import Headers
from protocol.integers import LARGEST
from protocol.tus.concat import upload_of_url, uploads_of_urls
from protocol.tus.create import parse_create
from protocol.tus.head import answer_head
from protocol.upload import Dialect, Transfer, Upload, UploadId
from tusd_py.access.admission import Admission
from tusd_py.access.identity import ANONYMOUS, Identity
from tusd_py.metadata.database import Query
from tusd_py.metadata.upload_row import NewUpload
from tusd_py.metadata.writing import Advance
from tusd_py.uploads.append import append
from tusd_py.uploads.callbacks import Callbacks
from tusd_py.uploads.concatenate import concatenate
from tusd_py.uploads.create import create
from tusd_py.uploads.finish import finish, finish_by_id
from tusd_py.uploads.offset import current_offset
from tusd_py.uploads.terminate import terminate
from tusd_py.work.purge import purge
from tusd_py.work.reaper import reap
from tusd_py.work.sweep import sweep

from .house import DAY, RULES, Clock, housekeeping_of, row
from .test_uploads import STRANGER, Home, Script, appending, content, files, home, sent

JOBS = Query("SELECT subject FROM jobs WHERE consumer = 'finish'")
FEATURES = replace(RULES.features, concatenation=True)


def parsed(*headers: tuple[str, str]) -> Creation:
    return parse_create(Headers(headers), FEATURES)


async def partial(house: Home, length: int | None, body: bytes = b"") -> Upload:
    """A partial upload with the first bytes of its content."""
    size = ("Upload-Defer-Length", "1") if length is None else ("Upload-Length", str(length))
    made = await create(house.context, ANONYMOUS, parsed(("Upload-Concat", "partial"), size), Script())
    if not body:
        return made.upload
    return (await sent(house, made.upload, 0, body)).upload


async def final(house: Home, *partials: Upload) -> Upload:
    urls = " ".join(f"/files/{upload.id}" for upload in partials)
    creation = parsed(("Upload-Concat", f"final;{urls}"))
    made = await concatenate(house.context, ANONYMOUS, creation, [upload.id for upload in partials])
    return made.upload


async def stored(house: Home, upload: Upload) -> Upload:
    """What the finish job makes of it, if somebody readied it."""
    jobs = await house.worker.database.read(JOBS)
    if any(job["subject"] == upload.id for job in jobs):
        await finish(house.context, await row(house.worker, upload.id))
    return await row(house.worker, upload.id)


async def test_finished_partials_become_one_file_at_once(tmp_path: Path) -> None:
    async with home(tmp_path) as house:
        parts = [await partial(house, 3, body) for body in (b"abc", b"def", b"ghi")]
        whole = await final(house, parts[2], parts[0], parts[1])
        assert (whole.state, whole.length, whole.offset) == (Transfer.STORED, 9, 9)
        assert await content(house, whole.id) == b"ghiabcdef"


async def test_a_partial_may_be_used_twice_and_again(tmp_path: Path) -> None:
    async with home(tmp_path) as house:
        part, empty = await partial(house, 3, b"abc"), await partial(house, 0)
        for times in (1, 2, 3):
            whole = await final(house, *[part] * times, empty)
            assert await content(house, whole.id) == b"abc" * times
        assert len(files(house)) == 5


async def test_a_final_of_unfinished_partials_waits_for_the_last(tmp_path: Path) -> None:
    async with home(tmp_path) as house:
        done, begun, unknown = (
            await partial(house, 3, b"abc"),
            await partial(house, 6, b"def"),
            await partial(house, None),
        )
        whole = await final(house, done, begun, unknown)
        assert whole.state is Transfer.WAITING
        seen = await current_offset(house.context, ANONYMOUS, whole.id, Dialect.TUS)
        assert "Upload-Offset" not in answer_head(seen).headers
        assert "Upload-Length" not in answer_head(seen).headers
        last = appending(0, length=2)
        await append(house.context, ANONYMOUS, unknown.id, last, Script(b"z"))
        seen = await current_offset(house.context, ANONYMOUS, whole.id, Dialect.TUS)
        assert answer_head(seen).headers["Upload-Length"] == "11"
        await sent(house, begun, 3, b"ghi")
        assert (await row(house.worker, whole.id)).state is Transfer.WAITING
        await sent(house, unknown, 1, b"!")
        assert (await stored(house, whole)).state is Transfer.STORED
        assert await content(house, whole.id) == b"abcdefghiz!"


async def test_of_two_last_partials_at_once_one_readies_the_final(tmp_path: Path) -> None:
    async with home(tmp_path) as house:
        for _ in range(5):
            parts = [await partial(house, 200, b"x" * 100) for _ in range(4)]
            whole = await final(house, *parts)
            await asyncio.gather(*(sent(house, part, 100, b"y" * 100) for part in parts))
            assert (await stored(house, whole)).state is Transfer.STORED
            assert await content(house, whole.id) == (b"x" * 100 + b"y" * 100) * 4


async def test_a_deleted_partial_is_gone_but_the_final_still_gets_its_bytes(tmp_path: Path) -> None:
    async with home(tmp_path) as house:
        done, begun = await partial(house, 3, b"abc"), await partial(house, 6, b"def")
        whole = await final(house, done, begun)
        await terminate(house.context, ANONYMOUS, done.id, Dialect.TUS)
        with pytest.raises(UploadGone):
            await current_offset(house.context, ANONYMOUS, done.id, Dialect.TUS)
        housekeeping = housekeeping_of(house.worker)
        await purge(house.backend, housekeeping, done.id)
        assert await sweep(house.backend, housekeeping, house.worker.workers) == []
        await sent(house, begun, 3, b"ghi")
        await stored(house, whole)
        assert await content(house, whole.id) == b"abcdefghi"
        await purge(house.backend, housekeeping, done.id)
        assert len(files(house)) == 2, "the partial that is left, and the final"


async def test_a_final_whose_partial_can_never_be_complete_ends(tmp_path: Path) -> None:
    async with home(tmp_path) as house:
        done, begun = await partial(house, 3, b"abc"), await partial(house, 6, b"def")
        whole = await final(house, done, begun)
        await terminate(house.context, ANONYMOUS, begun.id, Dialect.TUS)
        assert (await row(house.worker, whole.id)).state is Transfer.TERMINATED
        assert (await row(house.worker, done.id)).state is Transfer.STORED


@pytest.mark.parametrize("store", ["sqlite", "postgres"])
async def test_a_partial_deleted_between_its_last_byte_and_its_object_readies_the_final(
    tmp_path: Path, store: str, request: pytest.FixtureRequest
) -> None:
    dsn = request.getfixturevalue("postgres_dsn") if store == "postgres" else ""
    async with home(tmp_path, dsn=dsn) as house:
        done, last, begun = (
            await partial(house, 3, b"abc"),
            await partial(house, 6, b"def"),
            await partial(house, 6, b"xyz"),
        )
        whole, other = await final(house, done, last), await final(house, last, begun)
        await last_byte(house, last, b"ghi")
        await terminate(house.context, ANONYMOUS, last.id, Dialect.TUS)
        assert (await row(house.worker, other.id)).state is Transfer.WAITING
        housekeeping = housekeeping_of(house.worker)
        await purge(house.backend, housekeeping, last.id)
        assert (await stored(house, whole)).state is Transfer.STORED
        assert await content(house, whole.id) == b"abcdefghi"
        await purge(house.backend, housekeeping, last.id)  # the other one wants it still
        await sent(house, begun, 3, b"!!!")
        await stored(house, other)
        assert await content(house, other.id) == b"defghixyz!!!"
        await purge(house.backend, housekeeping, last.id)
        assert len(files(house)) == 4, "two partials that are left, and the finals"


async def last_byte(house: Home, upload: Upload, rest: bytes) -> None:
    """All bytes are committed, and whoever would make the object of them is not there yet."""
    held = await house.worker.rows.acquire(upload.id)
    assert held is not None
    with house.folder.joinpath(held.ref).open("r+b") as segment:
        segment.seek(held.offset)
        segment.write(rest)
    last = Advance(upload=held, offset=held.offset + len(rest), synced=True, release=True)
    moved = await house.worker.rows.advance(last, actor="test")
    assert moved is not None
    assert moved.state is Transfer.COMPLETING


async def test_deleting_a_final_leaves_its_partials(tmp_path: Path) -> None:
    async with home(tmp_path) as house:
        parts = [await partial(house, 3, b"abc"), await partial(house, 6, b"def")]
        waiting = await final(house, *parts)
        await terminate(house.context, ANONYMOUS, waiting.id, Dialect.TUS)
        await sent(house, parts[1], 3, b"ghi")
        whole = await final(house, *parts)
        assert await content(house, whole.id) == b"abcdefghi"


async def test_stored_partials_expire_unless_a_final_waits_for_them(tmp_path: Path) -> None:
    clock = Clock()
    async with home(tmp_path, clock=clock) as house:
        pinned, free = await partial(house, 3, b"abc"), await partial(house, 3, b"abc")
        clock.ahead = DAY // 2
        begun = await partial(house, 6, b"def")
        whole = await final(house, pinned, begun)
        clock.ahead = DAY + 1_000_000
        await reap(house.context, housekeeping_of(house.worker))
        assert (await row(house.worker, free.id)).state is Transfer.EXPIRED
        await sent(house, begun, 3, b"ghi")
        await stored(house, whole)
        assert await content(house, whole.id) == b"abcdefghi"


async def test_nothing_but_visible_partials_of_ones_own_can_be_named(tmp_path: Path) -> None:
    async with home(tmp_path) as house:
        part, whole = await partial(house, 3, b"abc"), await final(house, await partial(house, 1, b"x"))
        plain = (await create(house.context, ANONYMOUS, parsed(("Upload-Length", "5")), Script())).upload
        gone = await partial(house, 3, b"abc")
        await terminate(house.context, ANONYMOUS, gone.id, Dialect.TUS)
        for named, refusal in ((plain, InvalidConcat), (whole, InvalidConcat), (gone, UploadGone)):
            with pytest.raises(refusal):
                await final(house, part, named)
        creation = parsed(("Upload-Concat", f"final;/files/{part.id}"))
        with pytest.raises(UploadNotFound):
            await concatenate(house.context, STRANGER, creation, [part.id])
        with pytest.raises(UploadNotFound):
            await concatenate(house.context, ANONYMOUS, creation, [UploadId("0" * 32)])


async def test_a_refusal_says_which_partial_it_is_about_and_no_more_of_a_strangers_than_of_none(
    tmp_path: Path,
) -> None:
    async with home(tmp_path) as house:
        part, gone = await partial(house, 3, b"abc"), await partial(house, 3, b"abc")
        plain = (await create(house.context, ANONYMOUS, parsed(("Upload-Length", "5")), Script())).upload
        await terminate(house.context, ANONYMOUS, gone.id, Dialect.TUS)
        with pytest.raises(UploadGone, match=f": partial 3 of 3 in Upload-Concat, '/files/{gone.id}'$"):
            await final(house, part, part, gone)
        with pytest.raises(InvalidConcat, match=f"^not a partial upload: partial 2 of 2 .*'{plain.id}'$"):
            await final(house, part, plain)
        told = []
        for name in (part.id, UploadId("0" * 32)):
            creation = parsed(("Upload-Concat", f"final;/files/{name}"))
            with pytest.raises(UploadNotFound) as refusal:
                await concatenate(house.context, STRANGER, creation, [name])
            told.append(str(refusal.value).replace(name, "*"))
        assert told == ["upload not found: partial 1 of 1 in Upload-Concat, '/files/*'"] * 2


async def test_a_partial_that_ends_while_its_final_is_made_is_named(tmp_path: Path) -> None:
    async with home(tmp_path) as house:
        part, last = await partial(house, 3, b"abc"), await partial(house, 3, b"abc")

        async def meanwhile(_identity: Identity, new: NewUpload) -> NewUpload:
            await terminate(house.context, ANONYMOUS, last.id, Dialect.TUS)
            return new

        slow = replace(house, context=replace(house.context, callbacks=Callbacks(pre_create=meanwhile)))
        with pytest.raises(UploadGone, match=f": partial 2 of 3 in Upload-Concat, '{last.id}'$"):
            await final(slow, part, last, part)


async def test_a_final_can_not_be_written_to(tmp_path: Path) -> None:
    async with home(tmp_path) as house:
        for whole in (
            await final(house, await partial(house, 3, b"abc")),
            await final(house, await partial(house, 6, b"abc")),
        ):
            for offset in (0, 3, 99):
                with pytest.raises(ModifyFinal):
                    await append(house.context, ANONYMOUS, whole.id, appending(offset), Script(b"x"))


async def test_the_maximum_holds_for_the_sum(tmp_path: Path) -> None:
    async with home(tmp_path) as house:
        parts = [await partial(house, 30, b"x" * 30) for _ in range(4)]
        rules = replace(RULES, features=replace(FEATURES, max_size=100))
        small = replace(house, context=replace(house.context, rules=rules))
        with pytest.raises(MaxSizeExceeded):
            await final(small, *parts)
        assert (await final(small, *parts[:3])).state is Transfer.STORED


LIMITS: dict[str, dict[str, Any]] = {
    "of all": {"rules": replace(RULES, features=replace(FEATURES, max_size=100))},
    "of a user": {"admission": Admission(max_size_of=lambda _tenant, _owner: 100)},
}


@pytest.mark.parametrize("whose", LIMITS)
async def test_the_maximum_holds_for_a_sum_that_nobody_knew_at_its_creation(
    tmp_path: Path, whose: str
) -> None:
    async with home(tmp_path) as house:
        small = replace(house, context=replace(house.context, **LIMITS[whose]))
        parts = [await partial(small, None) for _ in range(4)]
        long, longer, fine = [await final(small, *parts[:count]) for count in (2, 4, 1)]
        for part in parts:
            await append(small.context, ANONYMOUS, part.id, appending(0, length=90), Script(b"x" * 90))
        kept = files(house)
        with pytest.raises(MaxSizeExceeded, match="180 bytes, wanted at most 100") as refusal:
            await finish(small.context, await row(house.worker, long.id))
        assert refusal.value.headers == {"Tus-Max-Size": "100"}
        await finish_by_id(small.context, await row(house.worker, longer.id))
        for refused in (long, longer):
            assert (await row(house.worker, refused.id)).state is Transfer.REFUSED
            with pytest.raises(UploadGone):
                await current_offset(small.context, ANONYMOUS, refused.id, Dialect.TUS)
        assert [job["subject"] for job in await house.worker.database.read(JOBS)] == [fine.id]
        assert files(house) == kept
        assert (await stored(small, fine)).state is Transfer.STORED


@pytest.mark.parametrize("store", ["sqlite", "postgres"])
async def test_a_sum_that_nothing_can_hold_is_refused_and_keeps_nothing_else_back(
    tmp_path: Path, store: str, request: pytest.FixtureRequest
) -> None:
    dsn = request.getfixturevalue("postgres_dsn") if store == "postgres" else ""
    async with home(tmp_path, dsn=dsn) as house:
        huge = [await partial(house, LARGEST) for _ in range(2)]
        with pytest.raises(MaxSizeExceeded, match=str(2 * LARGEST)) as refusal:
            await final(house, *huge)
        assert refusal.value.headers == {}
        part, unknown = await partial(house, 3), [await partial(house, None) for _ in range(2)]
        whole = await final(house, part, *unknown)
        for one in unknown:
            await append(house.context, ANONYMOUS, one.id, appending(0, length=LARGEST, body=0), Script())
        seen = await current_offset(house.context, ANONYMOUS, whole.id, Dialect.TUS)
        assert answer_head(seen).headers["Upload-Length"] == str(2 * LARGEST + 3)
        assert (await sent(house, part, 0, b"abc")).upload.state is Transfer.STORED
        assert (await row(house.worker, whole.id)).state is Transfer.WAITING


async def test_a_callback_may_refuse_what_was_assembled(tmp_path: Path) -> None:
    async def refuse(upload: Upload) -> None:
        if upload.concat.startswith("final"):
            raise UploadRejected("no")

    async with home(tmp_path, callbacks=Callbacks(pre_finish=refuse)) as house:
        part = await partial(house, 3, b"abc")
        with pytest.raises(UploadRejected):
            await final(house, part)
        assert (await row(house.worker, part.id)).state is Transfer.STORED
        assert len(files(house)) == 1


async def test_a_callback_is_asked_about_a_final_that_is_put_together(tmp_path: Path) -> None:
    seen: list[tuple[int | None, int, bytes]] = []

    async def look(upload: Upload) -> None:
        seen.append((upload.length, upload.offset, (tmp_path / "data" / upload.ref).read_bytes()))

    async with home(tmp_path, callbacks=Callbacks(pre_finish=look)) as house:
        await final(house, await partial(house, 3, b"abc"), await partial(house, 2, b"de"))
        assert seen == [(5, 5, b"abcde")]


async def test_a_final_whose_callback_fails_is_made_and_finished_later(tmp_path: Path) -> None:
    failures: list[Exception] = [ConnectionError("the other system is down"), InternalError()]

    async def fail(_upload: Upload) -> None:
        if failures:
            raise failures.pop()

    async with home(tmp_path, callbacks=Callbacks(pre_finish=fail)) as house:
        part = await partial(house, 3, b"abc")
        finals = [await final(house, part) for _ in range(2)]
        assert failures == []
        assert len(files(house)) == 1
        for whole in finals:
            assert whole.state is Transfer.COMPLETING
            assert (await stored(house, whole)).state is Transfer.STORED


async def test_whoever_agrees_to_a_final_hears_how_long_it_will_be(tmp_path: Path) -> None:
    heard: list[int | None] = []

    async def listen(_identity: Identity, new: NewUpload) -> NewUpload:
        heard.append(new.length)
        return new.with_metadata({"filename": "b.txt"})

    async with home(tmp_path) as house:
        part, unknown = await partial(house, 3, b"abc"), await partial(house, None)
        listening = replace(house, context=replace(house.context, callbacks=Callbacks(pre_create=listen)))
        whole = await final(listening, part, part)
        await final(listening, part, unknown)
        assert heard == [6, None]
        assert (whole.length, whole.filename) == (6, "b.txt")


HOSTS = frozenset({"files.example.org", "127.0.0.1"})


@pytest.mark.parametrize(
    "url",
    [
        "/files/{id}",
        "https://files.example.org/files/{id}",
        "http://FILES.example.org:8080/files/{id}",
        "http://127.0.0.1:1080/files/{id}",
        "//files.example.org/files/{id}",
        "/files/%61{rest}",
    ],
)
def test_a_url_names_an_upload_of_ours_by_its_path(url: str) -> None:
    name = "a" * 32
    named = upload_of_url(url.format(id=name, rest=name[1:]), base_paths={"/files/"}, hosts=HOSTS)
    assert named == name


@pytest.mark.parametrize("base_paths", [("/", "/up/"), ("/up/", "/"), ("/files/", "/files/up/", "/")])
def test_of_base_paths_of_which_one_lies_below_another_both_are_ours(base_paths: tuple[str, ...]) -> None:
    name = "a" * 32
    for base_path in base_paths:
        assert upload_of_url(f"{base_path}{name}", base_paths=base_paths, hosts=HOSTS) == name
        with pytest.raises(UploadNotFound):
            upload_of_url(f"{base_path}x/{name}", base_paths=base_paths, hosts=HOSTS)


@pytest.mark.parametrize(
    "url",
    [
        "{id}",
        "/other/{id}",
        "/files/../files/{id}",
        "/files/{id}/",
        "/files/{id}?x=1",
        "/files/%2561{rest}",
        "https://evil.example.org/files/{id}",
        "https://files.example.org.evil.org/files/{id}",
        "https://user@evil.org/files/{id}",
        "http://[::1/files/{id}",
        "file:///files/x{id}",
    ],
)
def test_what_is_not_ours_is_not_found_and_never_fetched(url: str) -> None:
    name = "a" * 32
    with pytest.raises(UploadNotFound):
        upload_of_url(url.format(id=name, rest=name[1:]), base_paths={"/files/"}, hosts=HOSTS)


def test_the_url_that_names_nothing_is_told_escaped_and_shortened() -> None:
    good, bad = f"/files/{'a' * 32}", f"/files/'{'b' * 9000}\\end"
    with pytest.raises(UploadNotFound) as refusal:
        uploads_of_urls([good, bad, good], base_paths={"/files/"}, hosts=HOSTS)
    said = str(refusal.value)
    assert "partial 2 of 3 in Upload-Concat" in said
    assert "/files/'bbb" in said
    assert said.endswith("bbb\\\\end'")
    assert len(said) < 250


@pytest.mark.parametrize(
    "value", ["", "final", "final;", "final; ", "Partial", "partial;x", "foo", "FINAL;/a"]
)
def test_what_is_no_upload_concat_is_refused(value: str) -> None:
    with pytest.raises(InvalidConcat):
        parsed(("Upload-Concat", value), ("Upload-Length", "5"))


@pytest.mark.parametrize("strange", ["\udcff", "\0", "\x7f", "\t", "\xe9"])
def test_an_upload_concat_is_printable_ascii(strange: str) -> None:
    """aiohttp gives bytes that are no UTF-8 as halves of character pairs, which no database takes."""
    with pytest.raises(InvalidConcat, match="wanted printable ASCII") as refusal:
        parsed(("Upload-Concat", f"final;http://{strange}@127.0.0.1/files/{'a' * 32}"))
    assert ascii(strange) in str(refusal.value)
    assert refusal.value.body.isascii()


@pytest.mark.parametrize(
    "header", [("Upload-Length", "5"), ("Upload-Defer-Length", "1"), ("Transfer-Encoding", "chunked")]
)
def test_a_final_has_no_length_and_no_body_of_its_own(header: tuple[str, str]) -> None:
    with pytest.raises(InvalidConcat):
        parsed(("Upload-Concat", "final;/files/a"), header)
