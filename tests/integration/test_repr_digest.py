"""The digest of a whole upload, said at its creation: compared once, by whoever has or reads all of it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from hashlib import sha256, sha512
from pathlib import Path

import pytest

from protocol.append import Append
from protocol.checksum import Checksum
from protocol.creation import Creation
from protocol.digest_fields import format_repr_digest
from protocol.errors import BadHeader, DigestMismatch, DigestPending, UploadGone
from protocol.headers import Headers
from protocol.tus.create import parse_create
from protocol.upload import Dialect, Transfer, Upload
from storage_backends.filesystem import FilesystemBackend
from tusd_py.access.identity import ANONYMOUS
from tusd_py.metadata.database import Query
from tusd_py.uploads import append as appending_module
from tusd_py.uploads.append import append
from tusd_py.uploads.concatenate import concatenate
from tusd_py.uploads.create import create
from tusd_py.uploads.finish import finish, finish_by_id
from tusd_py.uploads.offset import current_offset
from tusd_py.uploads.receive import Ending
from tusd_py.work.purge import purge

from .house import Worker, context_of, housekeeping_of, in_folder, row, working
from .test_concatenation import FEATURES
from .test_finishing import Gate
from .test_uploads import Home, Script, appending, content, creating, events_of, files

BODY = bytes(range(250)) * 12
"""3,000 bytes."""
FINALS = Query("SELECT state FROM uploads WHERE kind = 'final'")


def digests_of(body: bytes, *names: str) -> tuple[Checksum, ...]:
    known = {"sha256": sha256, "sha512": sha512}
    return tuple(Checksum(algorithm=name, digest=known[name](body).digest()) for name in names or ("sha256",))


class CountingBackend(FilesystemBackend):
    """Counts the bytes that are read, which may have to wait."""

    gate: Gate | None = None
    bytes_read = 0

    def read(
        self, ref: str, start: int, stop: int, *, identity: str | None = None
    ) -> AsyncGenerator[bytes, None]:
        return self._counted(super().read(ref, start, stop, identity=identity))

    async def _counted(self, given: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        if self.gate is not None:
            await self.gate.pass_through()
        async with aclosing(given) as blocks:
            async for block in blocks:
                self.bytes_read += len(block)
                yield block


def at_home(folder: Path, worker: Worker, backend: CountingBackend) -> Home:
    return Home(worker=worker, context=context_of(worker, backend), backend=backend, folder=folder / "data")


@asynccontextmanager
async def counted(folder: Path) -> AsyncIterator[tuple[Home, CountingBackend]]:
    async with working(folder) as worker, in_folder(folder, CountingBackend) as backend:
        yield at_home(folder, worker, backend), backend


async def begun(
    house: Home, whole: Sequence[Checksum], *, length: int | None = len(BODY), dialect: Dialect = Dialect.TUS
) -> Upload:
    """An upload without bytes whose client says what all of them will hash to."""
    wanted = replace(
        creating(length),
        whole=tuple(whole),
        dialect=dialect,
        complete=None if dialect is Dialect.TUS else False,
    )
    return (await create(house.context, ANONYMOUS, wanted, Script())).upload


async def in_two(house: Home, upload: Upload, body: bytes = BODY) -> Upload:
    """Both halves of it, each in a request."""
    middle = len(body) // 2
    await append(house.context, ANONYMOUS, upload.id, appending(0), Script(body[:middle], Ending.GONE))
    last = await append(house.context, ANONYMOUS, upload.id, appending(middle), Script(body[middle:]))
    return last.upload


def ending_at(offset: int) -> Append:
    """An append of the draft that says that nothing more comes."""
    return replace(appending(offset, body=0), dialect=Dialect.IETF, complete=True)


async def kinds_of(house: Home, upload: Upload) -> list[str]:
    return [event["kind"] for event in await house.worker.database.read(events_of(upload))]


@pytest.mark.parametrize("names", [("sha256",), ("sha512",), ("sha512", "sha256")], ids=str)
async def test_what_came_in_two_requests_is_read_once_and_compared(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    async with counted(tmp_path) as (house, backend):
        upload = await in_two(house, await begun(house, digests_of(BODY, *names)))
        assert (upload.state, backend.bytes_read) == (Transfer.STORED, len(BODY))
        assert await content(house, upload.id) == BODY


async def test_without_a_digest_nothing_is_read(tmp_path: Path) -> None:
    async with counted(tmp_path) as (house, backend):
        upload = await in_two(house, await begun(house, ()))
        assert (upload.state, backend.bytes_read) == (Transfer.STORED, 0)


@pytest.mark.parametrize("wrong", [("sha256",), ("sha512",), ("sha256", "sha512")], ids=str)
async def test_what_is_something_else_is_refused_and_its_bytes_go(
    tmp_path: Path, wrong: tuple[str, ...]
) -> None:
    async with counted(tmp_path) as (house, backend):
        said = {one.algorithm: one for one in digests_of(BODY, "sha256", "sha512")}
        said |= {one.algorithm: one for one in digests_of(b"other", *wrong)}
        upload = await begun(house, tuple(said.values()))
        with pytest.raises(DigestMismatch):
            await in_two(house, upload)
        assert (await row(house.worker, upload.id)).state is Transfer.REFUSED
        kinds = await kinds_of(house, upload)
        assert kinds[-2:] == ["upload.completing", "upload.refused"]
        assert "finished" not in house.worker.meter.seen
        with pytest.raises(UploadGone):
            await current_offset(house.context, ANONYMOUS, upload.id, Dialect.TUS)
        await purge(backend, housekeeping_of(house.worker), upload.id)
        assert files(house) == []


@pytest.mark.parametrize("right", [True, False])
async def test_what_was_put_together_of_segments_is_compared_and_goes_too(
    tmp_path: Path, right: bool
) -> None:
    """Of a writer that was overtaken there is a segment of its own, and a new file is made of both."""
    async with counted(tmp_path) as (house, backend):
        upload = await begun(house, digests_of(BODY if right else b"other"))
        await append(house.context, ANONYMOUS, upload.id, appending(0), Script(BODY[:1000]))
        seized = await house.worker.rows.seize(await row(house.worker, upload.id))
        assert seized is not None
        await house.worker.rows.release(seized)
        last = append(house.context, ANONYMOUS, upload.id, appending(1000), Script(BODY[1000:]))
        if right:
            assert (await last).upload.state is Transfer.STORED
            assert await content(house, upload.id) == BODY
            return
        with pytest.raises(DigestMismatch):
            await last
        await purge(backend, housekeeping_of(house.worker), upload.id)
        assert files(house) == []


@pytest.mark.parametrize("size", [50, len(BODY)])
@pytest.mark.parametrize("right", [True, False])
async def test_one_append_that_brings_everything_is_hashed_as_it_comes(
    tmp_path: Path, size: int, right: bool
) -> None:
    async with counted(tmp_path) as (house, backend):
        body = BODY[:size]
        upload = await begun(house, digests_of(body if right else b"other"), length=size)
        try:
            last = await append(house.context, ANONYMOUS, upload.id, appending(0, body=size), Script(body))
        except DigestMismatch:
            ending = Ending.CORRUPT
        else:
            ending = last.ending
        assert ending is (Ending.COMPLETE if right else Ending.CORRUPT)
        seen = await row(house.worker, upload.id)
        assert seen.state is (Transfer.STORED if right else Transfer.REFUSED)
        assert backend.bytes_read == 0


async def test_what_is_proven_as_it_came_is_not_proven_again_after_a_crash(tmp_path: Path) -> None:
    async with counted(tmp_path) as (house, _):
        upload = await begun(house, digests_of(BODY))
        await append(house.context, ANONYMOUS, upload.id, appending(0, body=3000), Script(BODY))
        assert (await row(house.worker, upload.id)).repr_digest is None


@pytest.mark.parametrize("size", [50, len(BODY)])
async def test_a_creation_with_everything_keeps_no_digest_of_bytes_that_were_not_compared(
    tmp_path: Path, size: int
) -> None:
    body = BODY[:size]
    async with counted(tmp_path) as (house, backend):
        wanted = replace(creating(size, body=size), whole=digests_of(body))
        made = await create(house.context, ANONYMOUS, wanted, Script(body))
        assert (made.upload.state, backend.bytes_read) == (Transfer.STORED, 0)
        assert await content(house, made.upload.id) == body


@pytest.mark.parametrize("right", [True, False])
async def test_a_creation_that_breaks_off_is_compared_in_the_end(tmp_path: Path, right: bool) -> None:
    async with counted(tmp_path) as (house, backend):
        wanted = replace(creating(3000, body=3000), whole=digests_of(BODY if right else b"other"))
        made = await create(house.context, ANONYMOUS, wanted, Script(BODY[:1000], Ending.GONE))
        assert (made.ending, made.upload.offset) == (Ending.GONE, 1000)
        last = append(house.context, ANONYMOUS, made.upload.id, appending(1000), Script(BODY[1000:]))
        if right:
            assert (await last).upload.state is Transfer.STORED
            assert backend.bytes_read == len(BODY)
            return
        with pytest.raises(DigestMismatch):
            await last
        assert (await row(house.worker, made.upload.id)).state is Transfer.REFUSED


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("right", [True, False])
async def test_nobody_hears_that_it_is_complete_before_it_is_compared(
    tmp_path: Path, dialect: Dialect, right: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(appending_module, "PROVE_WITHIN", 0.01)
    async with counted(tmp_path) as (house, backend):
        upload = await begun(house, digests_of(BODY if right else b"other"), dialect=dialect)
        half = replace(appending(0), dialect=dialect, complete=None if dialect is Dialect.TUS else False)
        says = None if dialect is Dialect.TUS else True
        await append(house.context, ANONYMOUS, upload.id, half, Script(BODY[:1500]))
        backend.gate = Gate()
        rest = replace(appending(1500), dialect=dialect, complete=says)
        with pytest.raises(DigestPending):
            await append(house.context, ANONYMOUS, upload.id, rest, Script(BODY[1500:]))
        again = replace(appending(3000, body=0), dialect=dialect, complete=says)
        with pytest.raises(DigestPending):
            await append(house.context, ANONYMOUS, upload.id, again, Script())
        if dialect is Dialect.TUS:
            with pytest.raises(DigestPending):
                await current_offset(house.context, ANONYMOUS, upload.id, dialect)
        else:
            seen = await current_offset(house.context, ANONYMOUS, upload.id, dialect)
            assert (seen.offset, seen.is_told_complete) == (3000, False)
        monkeypatch.setattr(appending_module, "PROVE_WITHIN", 20.0)
        backend.gate.opened.set()
        if right:
            said = await append(house.context, ANONYMOUS, upload.id, again, Script())
            assert said.upload.is_told_complete
            return
        with pytest.raises((DigestMismatch, UploadGone)):
            await append(house.context, ANONYMOUS, upload.id, again, Script())
        assert (await row(house.worker, upload.id)).state is Transfer.REFUSED


@pytest.mark.parametrize("right", [True, False])
async def test_a_worker_that_dies_while_it_compares_leaves_that_to_the_job(
    tmp_path: Path, right: bool
) -> None:
    async with (
        working(tmp_path) as one,
        working(tmp_path) as other,
        in_folder(tmp_path, CountingBackend) as slow,
        in_folder(tmp_path, CountingBackend) as fast,
    ):
        dying, heir = at_home(tmp_path, one, slow), at_home(tmp_path, other, fast)
        upload = await begun(dying, digests_of(BODY if right else b"other"))
        slow.gate = Gate()
        request = asyncio.create_task(in_two(dying, upload))
        await slow.gate.reached.wait()
        await dying.context.finishes.close()
        with pytest.raises(asyncio.CancelledError):
            await request
        left = await row(other, upload.id)
        assert left.awaits_proof
        await finish_by_id(heir.context, left)
        state = (await row(other, upload.id)).state
        assert state is (Transfer.STORED if right else Transfer.REFUSED)
        assert fast.bytes_read == len(BODY)
        # Once more, as jobs may be.
        await finish_by_id(heir.context, left)
        assert (await row(other, upload.id)).state is state


@pytest.mark.parametrize("dialect", Dialect)
async def test_a_later_request_may_not_say_something_else(tmp_path: Path, dialect: Dialect) -> None:
    async with counted(tmp_path) as (house, _):
        upload = await begun(house, digests_of(BODY), dialect=dialect)
        half = replace(appending(0), dialect=dialect, complete=None if dialect is Dialect.TUS else False)
        other = replace(half, whole=digests_of(b"other"))
        with pytest.raises(BadHeader, match="another sha-256"):
            await append(house.context, ANONYMOUS, upload.id, other, Script(BODY[:1500]))
        assert (await row(house.worker, upload.id)).state is Transfer.CREATED
        for same in (digests_of(BODY), digests_of(b"whatever", "sha512")):
            at = (await row(house.worker, upload.id)).offset
            kept = replace(half, offset=at, whole=same)
            await append(house.context, ANONYMOUS, upload.id, kept, Script(BODY[at : at + 500]))
        assert (await row(house.worker, upload.id)).offset == 1000


async def test_all_bytes_and_then_the_word_that_it_was_all_are_compared(tmp_path: Path) -> None:
    async with counted(tmp_path) as (house, _):
        for right in (True, False):
            whole = digests_of(BODY if right else b"other")
            upload = await begun(house, whole, length=None, dialect=Dialect.IETF)
            all_of_it = replace(appending(0), dialect=Dialect.IETF, complete=False)
            await append(house.context, ANONYMOUS, upload.id, all_of_it, Script(BODY))
            word = append(house.context, ANONYMOUS, upload.id, ending_at(3000), Script())
            if right:
                assert (await word).upload.state is Transfer.STORED
                continue
            with pytest.raises(DigestMismatch):
                await word


def joined(*headers: tuple[str, str], whole: Sequence[Checksum] = ()) -> Creation:
    said = format_repr_digest(whole)
    more = [] if said is None else [("Repr-Digest", said)]
    return parse_create(Headers([*headers, *more]), FEATURES)


@pytest.mark.parametrize("right", [True, False])
async def test_a_final_is_compared_when_it_is_put_together(tmp_path: Path, right: bool) -> None:
    async with counted(tmp_path) as (house, _):
        ids = []
        for half in (BODY[:1500], BODY[1500:]):
            size = ("Upload-Length", str(len(half)))
            wanted = joined(("Upload-Concat", "partial"), size, whole=digests_of(half))
            partial = (await create(house.context, ANONYMOUS, wanted, Script())).upload
            assert (await in_two(house, partial, half)).state is Transfer.STORED
            ids.append(partial.id)
        urls = " ".join(f"/files/{one}" for one in ids)
        whole = digests_of(BODY if right else b"other")
        wanted = joined(("Upload-Concat", f"final;{urls}"), whole=whole)
        made = concatenate(house.context, ANONYMOUS, wanted, ids)
        if right:
            assert (await made).upload.state is Transfer.STORED
            return
        before = set(files(house))
        with pytest.raises(DigestMismatch):
            await made
        assert set(files(house)) == before
        rows = await house.worker.database.read(FINALS)
        assert [one["state"] for one in rows] == ["refused"]


async def test_a_partial_that_is_something_else_ends_the_final_that_waits_for_it(tmp_path: Path) -> None:
    async with counted(tmp_path) as (house, _):
        size = ("Upload-Length", "3000")
        wanted = joined(("Upload-Concat", "partial"), size, whole=digests_of(b"other"))
        partial = (await create(house.context, ANONYMOUS, wanted, Script())).upload
        final = joined(("Upload-Concat", f"final;/files/{partial.id}"))
        waiting = (await concatenate(house.context, ANONYMOUS, final, [partial.id])).upload
        assert waiting.state is Transfer.WAITING
        with pytest.raises(DigestMismatch):
            await in_two(house, partial)
        assert (await row(house.worker, waiting.id)).state is Transfer.TERMINATED


async def test_an_upload_that_is_finished_twice_is_compared_twice_at_most(tmp_path: Path) -> None:
    async with counted(tmp_path) as (house, backend):
        upload = await begun(house, digests_of(BODY))
        backend.gate = Gate()
        request = asyncio.create_task(in_two(house, upload))
        await backend.gate.reached.wait()
        job = asyncio.create_task(finish(house.context, await row(house.worker, upload.id)))
        await asyncio.sleep(0)
        backend.gate.opened.set()
        assert (await request).state is (await job).state is Transfer.STORED
        assert backend.bytes_read == len(BODY)
