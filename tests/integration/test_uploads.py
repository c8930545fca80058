"""What happens to an upload's bytes and its line, operation by operation, on real rows and a real folder."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from protocol.append import Append
from protocol.checksum import Checksum
from protocol.creation import Creation
from protocol.errors import (
    ChecksumMismatch,
    OffsetConflict,
    UploadGone,
    UploadLocked,
    UploadNotFound,
    UploadRejected,
    UploadSizeExceeded,
)
from protocol.headers import Headers
from protocol.tus.create import parse_create
from protocol.tus.patch import parse_append
from protocol.upload import Dialect, Step, Transfer, Upload, UploadId
from storage_backends.filesystem import FilesystemBackend
from tests.contract.books import ABOUT
from tusd_py.access.identity import ANONYMOUS, Identity
from tusd_py.digests import ALGORITHMS, new_digest
from tusd_py.leases import Stop
from tusd_py.metadata.database import Query
from tusd_py.metadata.writing import Advance
from tusd_py.uploads.append import Appended, append
from tusd_py.uploads.body import write_body
from tusd_py.uploads.callbacks import Callbacks
from tusd_py.uploads.context import Context
from tusd_py.uploads.create import create
from tusd_py.uploads.download import version_of_upload
from tusd_py.uploads.finish import finish
from tusd_py.uploads.ledger import Overtaken
from tusd_py.uploads.offset import current_offset
from tusd_py.uploads.receive import Ending, SourceEnded
from tusd_py.uploads.terminate import expire, terminate
from tusd_py.work.purge import purge
from tusd_py.work.reaper import reap
from tusd_py.work.sweep import sweep

from .house import DAY, RULES, Clock, Worker, context_of, housekeeping_of, in_folder, new_upload, row, working

CHUNKED = [("Transfer-Encoding", "chunked"), ("Content-Type", "application/offset+octet-stream")]
STRANGER = Identity(tenant="", subject="stranger", scopes=ANONYMOUS.scopes)


class Script:
    """A body that comes as told: bytes, endings, and things to do in between."""

    def __init__(self, *steps: bytes | Ending | asyncio.Event) -> None:
        self._steps = list(steps)
        self.reached = asyncio.Event()
        self._stop: Stop | None = None

    async def whole(self, size: int) -> bytes | None:
        """Only a script of one piece is all there at once."""
        if len(self._steps) == 1 and isinstance(self._steps[0], bytes) and len(self._steps[0]) == size:
            return self._steps[0]
        return None

    async def read(self) -> bytes:
        while self._steps:
            step = self._steps.pop(0)
            if isinstance(step, bytes):
                return step
            if isinstance(step, Ending):
                raise SourceEnded(step)
            self.reached.set()
            await step.wait()
        return b""

    def obey(self, stop: Stop) -> None:
        self._stop = stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """One worker over one folder."""

    worker: Worker
    context: Context
    backend: FilesystemBackend
    folder: Path


@asynccontextmanager
async def home(
    folder: Path, *, callbacks: Callbacks | None = None, clock: Clock | None = None, dsn: str = ""
) -> AsyncIterator[Home]:
    async with in_folder(folder, FilesystemBackend) as backend, working(folder, clock, dsn=dsn) as worker:
        context = context_of(worker, backend, callbacks)
        yield Home(worker=worker, context=context, backend=backend, folder=folder / "data")


def creating(length: int | None, body: int | None = 0) -> Creation:
    headers = [("Upload-Length", str(length))] if length is not None else [("Upload-Defer-Length", "1")]
    if body:
        headers += [("Content-Length", str(body)), ("Content-Type", "application/offset+octet-stream")]
    return parse_create(Headers(headers), RULES.features)


def appending(offset: int, *, length: int | None = None, body: int | None = None) -> Append:
    headers = [("Upload-Offset", str(offset)), ("Content-Type", "application/offset+octet-stream")]
    if length is not None:
        headers.append(("Upload-Length", str(length)))
    headers.append(("Content-Length", str(body)) if body is not None else ("Transfer-Encoding", "chunked"))
    return parse_append(Headers(headers), RULES.features)


async def made(house: Home, length: int | None) -> Upload:
    return (await create(house.context, ANONYMOUS, creating(length), Script())).upload


async def sent(house: Home, upload: Upload, offset: int, *steps: bytes | Ending) -> Appended:
    return await append(house.context, ANONYMOUS, upload.id, appending(offset), Script(*steps))


async def content(house: Home, upload_id: UploadId) -> bytes:
    version = await version_of_upload(house.context, ANONYMOUS, upload_id)
    return b"".join([block async for block in house.backend.read(version.ref, 0, version.length)])


def files(house: Home) -> list[Path]:
    return [path for path in house.folder.rglob("*") if path.is_file()]


async def test_an_upload_in_pieces_becomes_a_file(tmp_path: Path) -> None:
    async with home(tmp_path) as house:
        upload = await made(house, 3000)
        first = await sent(house, upload, 0, b"a" * 1000, b"b" * 500)
        assert (first.upload.offset, first.ending) == (1500, Ending.COMPLETE)
        last = await sent(house, upload, 1500, b"c" * 1500)
        assert last.upload.state is Transfer.STORED
        assert await content(house, upload.id) == b"a" * 1000 + b"b" * 500 + b"c" * 1500
        assert [path.name for path in files(house)] == [upload.file_id]


async def whole(house: Home, upload: Upload, content: bytes, offset: int = 0) -> Appended:
    """A PATCH that brings all there is, in one piece."""
    request = appending(offset, body=len(content))
    return await append(house.context, ANONYMOUS, upload.id, request, Script(content))


async def test_a_small_patch_right_after_its_post_reads_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nobody_reads(_upload: UploadId) -> None:
        raise AssertionError("the row was read")

    async with home(tmp_path) as house:
        upload = await made(house, 50)
        with monkeypatch.context() as forbidden:
            forbidden.setattr(house.context.rows, "find", nobody_reads)
            stored = (await whole(house, upload, b"x" * 50)).upload
        assert stored == (await row(house.worker, upload.id))
        assert await content(house, upload.id) == b"x" * 50


async def test_a_patch_of_an_upload_that_another_worker_completed_hears_of_the_conflict(
    tmp_path: Path,
) -> None:
    async with home(tmp_path) as house, working(tmp_path) as other:
        upload = await made(house, 50)
        elsewhere = replace(house.context, rows=other.rows)
        await append(elsewhere, ANONYMOUS, upload.id, appending(0, body=50), Script(b"a" * 50))
        with pytest.raises(OffsetConflict):
            await whole(house, upload, b"b" * 50)
        assert await content(house, upload.id) == b"a" * 50
        assert len(files(house)) == 1


async def test_a_small_patch_counts_also_when_another_worker_had_a_try_meanwhile(tmp_path: Path) -> None:
    async with home(tmp_path) as house, working(tmp_path) as other:
        upload = await made(house, 50)
        async with other.leases.acquire(upload.id, patience=1.0):
            """It brought nothing, but the row is not what it was."""
        assert (await whole(house, upload, b"x" * 50)).upload.state is Transfer.STORED
        assert await content(house, upload.id) == b"x" * 50
        assert len(files(house)) == 1


async def test_a_patch_of_an_upload_that_ended_right_after_its_post_hears_that(tmp_path: Path) -> None:
    async with home(tmp_path, clock=(clock := Clock())) as house:
        ended, late = await made(house, 50), await made(house, 50)
        await terminate(house.context, ANONYMOUS, ended.id, Dialect.TUS)
        clock.ahead = 8 * DAY
        for upload in (ended, late):
            with pytest.raises(UploadGone):
                await whole(house, upload, b"x" * 50)
        theirs = await made(house, 9)
        with pytest.raises(UploadNotFound):
            await append(house.context, STRANGER, theirs.id, appending(0, body=9), Script(b"x" * 9))


async def test_a_cut_keeps_every_byte_that_came(tmp_path: Path) -> None:
    async with home(tmp_path) as house:
        upload = await made(house, 3000)
        cut = await sent(house, upload, 0, b"x" * 777, Ending.GONE)
        assert (cut.upload.offset, cut.ending) == (777, Ending.GONE)
        assert (await current_offset(house.context, ANONYMOUS, upload.id, Dialect.TUS)).offset == 777


async def test_the_line_moves_while_a_long_body_comes(tmp_path: Path) -> None:
    async with home(tmp_path) as house:
        upload = await made(house, 10_000)
        hold = asyncio.Event()
        body = Script(b"x" * 1024, b"y" * 10, hold)
        task = asyncio.create_task(append(house.context, ANONYMOUS, upload.id, appending(0), body))
        await body.reached.wait()
        assert (await row(house.worker, upload.id)).offset == 1024
        hold.set()
        assert (await task).upload.offset == 1034


@pytest.mark.parametrize(("came", "line"), [(90, 0), (110, 110)])
async def test_by_time_the_line_moves_only_over_what_is_worth_a_commit(
    came: int, line: int, tmp_path: Path
) -> None:
    async with home(tmp_path) as house:
        rules = replace(RULES, checkpoint_interval=0.0, checkpoint_least=100)
        upload = await made(house, 5000)
        hold = asyncio.Event()
        body = Script(b"x" * 10, b"y" * (came - 10), hold)
        context = replace(house.context, rules=rules)
        task = asyncio.create_task(append(context, ANONYMOUS, upload.id, appending(0), body))
        await body.reached.wait()
        assert (await row(house.worker, upload.id)).offset == line
        hold.set()
        assert (await task).upload.offset == came


async def test_a_body_that_is_too_long_is_dropped_and_completes_nothing(tmp_path: Path) -> None:
    async with home(tmp_path) as house:
        upload = await made(house, 2000)
        over = await sent(house, upload, 0, b"x" * 1024, b"y" * 976, b"z")
        assert over.ending is Ending.TOO_LONG
        seen = await row(house.worker, upload.id)
        assert (seen.offset, seen.state) == (1024, Transfer.RECEIVING)
        done = await sent(house, upload, 1024, b"w" * 976)
        assert done.upload.state is Transfer.STORED
        assert await content(house, upload.id) == b"x" * 1024 + b"w" * 976


async def test_a_full_upload_is_not_complete_before_its_body_ends(tmp_path: Path) -> None:
    async with home(tmp_path) as house:
        upload = await made(house, 1024)
        hold = asyncio.Event()
        body = Script(b"x" * 1024, hold, Ending.GONE)
        task = asyncio.create_task(append(house.context, ANONYMOUS, upload.id, appending(0), body))
        await body.reached.wait()
        assert (await row(house.worker, upload.id)).offset == 0
        hold.set()
        assert (await task).upload.has_all_bytes


async def test_wrong_offsets_are_refused_before_a_byte_is_read(tmp_path: Path) -> None:
    async with home(tmp_path) as house:
        upload = await made(house, 3000)
        await sent(house, upload, 0, b"x" * 100)
        for offset in (0, 99, 101, 3000):
            with pytest.raises(OffsetConflict) as refused:
                await sent(house, upload, offset, b"y" * 10)
            assert refused.value.headers["Upload-Offset"] == "100"
        assert (await row(house.worker, upload.id)).offset == 100


async def test_a_patch_below_the_line_does_not_interrupt_the_writer(tmp_path: Path) -> None:
    async with home(tmp_path) as house:
        upload = await made(house, 10_000)
        await sent(house, upload, 0, b"x" * 100)
        hold = asyncio.Event()
        body = Script(b"y" * 100, hold)
        task = asyncio.create_task(append(house.context, ANONYMOUS, upload.id, appending(100), body))
        await body.reached.wait()
        with pytest.raises(OffsetConflict) as refused:
            await sent(house, upload, 50, b"z")
        assert "Upload-Offset" not in refused.value.headers
        hold.set()
        assert (await task).upload.offset == 200


async def test_a_patch_that_is_kept_out_by_another_writer_tells_when_the_upload_expires(
    tmp_path: Path,
) -> None:
    async with home(tmp_path) as house:
        upload = await made(house, 100)
        hurried = replace(house.context, rules=replace(RULES, acquire_patience=0.01))
        async with house.context.leases.acquire(upload.id, patience=1):
            with pytest.raises(UploadLocked) as refusal:
                await append(hurried, ANONYMOUS, upload.id, appending(0), Script(b"x"))
        assert "Upload-Expires" in refusal.value.headers


async def test_a_small_upload_costs_one_file_and_no_lease(tmp_path: Path) -> None:
    async with home(tmp_path) as house:
        upload = await made(house, 10)
        done = await append(house.context, ANONYMOUS, upload.id, appending(0, body=10), Script(b"0123456789"))
        assert (done.upload.state, done.upload.holder) == (Transfer.STORED, None)
        assert await content(house, upload.id) == b"0123456789"
        whole = await create(house.context, ANONYMOUS, creating(5, body=5), Script(b"abcde"))
        assert whole.upload.state is Transfer.STORED
        assert await content(house, whole.upload.id) == b"abcde"


async def test_of_two_whole_bodies_at_once_exactly_one_counts(tmp_path: Path) -> None:
    async with home(tmp_path) as house:
        for _ in range(10):
            upload = await made(house, 10)
            results = await asyncio.gather(
                *(
                    append(house.context, ANONYMOUS, upload.id, appending(0, body=10), Script(letter * 10))
                    for letter in (b"a", b"b", b"c")
                ),
                return_exceptions=True,
            )
            won = [result for result in results if isinstance(result, Appended)]
            lost = [result for result in results if not isinstance(result, Appended)]
            assert len(won) == 1
            assert all(isinstance(error, Overtaken | OffsetConflict) for error in lost)
            assert len(set(await content(house, upload.id))) == 1


async def test_an_empty_upload_is_a_file_at_once(tmp_path: Path) -> None:
    async with home(tmp_path) as house:
        upload = await made(house, 0)
        assert upload.state is Transfer.STORED
        assert await content(house, upload.id) == b""


async def test_a_declared_length_counts_only_once_it_is_committed(tmp_path: Path) -> None:
    async with home(tmp_path) as house:
        upload = await made(house, None)
        with pytest.raises(OffsetConflict):
            await append(house.context, ANONYMOUS, upload.id, appending(5, length=9), Script(b"x"))
        assert (await row(house.worker, upload.id)).length is None
        await sent(house, upload, 0, b"x" * 100)
        await append(house.context, ANONYMOUS, upload.id, appending(100, length=200), Script(b"y" * 50))
        assert (await row(house.worker, upload.id)).length == 200
        last = await append(house.context, ANONYMOUS, upload.id, appending(150), Script(b"z" * 50))
        assert last.upload.state is Transfer.STORED


async def test_an_empty_patch_with_the_length_finishes_a_deferred_upload(tmp_path: Path) -> None:
    async with home(tmp_path) as house:
        upload = await made(house, None)
        await sent(house, upload, 0, b"x" * 100)
        last = await append(house.context, ANONYMOUS, upload.id, appending(100, length=100, body=0), Script())
        assert last.upload.state is Transfer.STORED


async def test_a_complete_upload_takes_an_empty_patch_and_nothing_else(tmp_path: Path) -> None:
    async with home(tmp_path) as house:
        upload = await made(house, 10)
        await sent(house, upload, 0, b"0123456789")
        again = await append(house.context, ANONYMOUS, upload.id, appending(10, body=0), Script())
        assert again.upload.offset == 10
        with pytest.raises((OffsetConflict, UploadSizeExceeded)):
            await append(house.context, ANONYMOUS, upload.id, appending(10, body=1), Script(b"x"))


async def test_segments_of_several_writers_become_one_file(tmp_path: Path) -> None:
    async with home(tmp_path) as house:
        upload = await made(house, 3000)
        await sent(house, upload, 0, b"a" * 1000)
        for letter, offset in ((b"b", 1000), (b"c", 2000)):
            seized = await house.worker.rows.seize(await row(house.worker, upload.id))
            assert seized is not None
            await house.worker.rows.release(seized)
            done = await sent(house, upload, offset, letter * 1000)
        assert done.upload.state is Transfer.STORED
        assert await content(house, upload.id) == b"a" * 1000 + b"b" * 1000 + b"c" * 1000
        assert len(files(house)) == 1


async def test_a_finish_that_was_interrupted_is_done_again(tmp_path: Path) -> None:
    async with home(tmp_path) as house:
        upload = await made(house, 2000)
        await sent(house, upload, 0, b"a" * 1000)
        seized = await house.worker.rows.seize(await row(house.worker, upload.id))
        assert seized is not None
        # The process dies after the last byte's commit: nothing was assembled yet.
        house.folder.joinpath(seized.ref).write_bytes(b"b" * 1000)
        moved = await house.worker.rows.advance(
            Advance(upload=seized, offset=2000, synced=True), actor="test"
        )
        assert moved is not None
        assert moved.state is Transfer.COMPLETING
        for _ in range(2):
            await finish(house.context, moved)
        assert await content(house, upload.id) == b"a" * 1000 + b"b" * 1000
        assert house.worker.meter.seen.count("finished") == 1


async def test_missing_bytes_below_the_line_make_an_upload_lost_not_shorter(tmp_path: Path) -> None:
    async with home(tmp_path) as house:
        upload = await made(house, 3000)
        await sent(house, upload, 0, b"a" * 1000)
        house.folder.joinpath(upload.ref).write_bytes(b"a" * 999)
        with pytest.raises(UploadGone):
            await sent(house, upload, 1000, b"b")
        with pytest.raises(UploadGone):
            await current_offset(house.context, ANONYMOUS, upload.id, Dialect.TUS)
        assert (await row(house.worker, upload.id)).state is Transfer.LOST
        assert "lost" in house.worker.meter.seen


async def test_a_callback_may_refuse_before_anything_is_made(tmp_path: Path) -> None:
    async def refuse(_identity: Identity, _new: object) -> None:
        raise UploadRejected("not today")

    async with home(tmp_path, callbacks=Callbacks(pre_create=refuse)) as house:
        with pytest.raises(UploadRejected):
            await made(house, 10)
        assert await housekeeping_of(house.worker).page("", 10) == []


async def test_a_callback_may_refuse_what_is_complete(tmp_path: Path) -> None:
    async def refuse(_upload: Upload) -> None:
        raise UploadRejected("no")

    async with home(tmp_path, callbacks=Callbacks(pre_finish=refuse)) as house:
        for body in (None, 10):
            upload = await made(house, 10)
            request = appending(0, body=body)
            with pytest.raises(UploadRejected):
                await append(house.context, ANONYMOUS, upload.id, request, Script(b"0123456789"))
            assert (await row(house.worker, upload.id)).state is Transfer.REFUSED
            await purge(house.backend, housekeeping_of(house.worker), upload.id)
            assert files(house) == []


async def test_a_callback_is_asked_about_bytes_that_are_there(tmp_path: Path) -> None:
    seen: list[tuple[int | None, int, bytes]] = []

    async def look(upload: Upload) -> None:
        seen.append((upload.length, upload.offset, (tmp_path / "data" / upload.ref).read_bytes()))

    async with home(tmp_path, callbacks=Callbacks(pre_finish=look)) as house:
        content = b"0123456789"
        await create(house.context, ANONYMOUS, creating(10, body=10), Script(content))
        for length, request in (
            (10, appending(0, body=10)),
            (10, appending(0)),
            (None, appending(0, length=10, body=10)),
            (None, appending(0, length=10)),
        ):
            upload = await made(house, length)
            await append(house.context, ANONYMOUS, upload.id, request, Script(content))
        assert seen == [(10, 10, content)] * 5


async def test_bytes_that_no_callback_agreed_to_do_not_stay(tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def hang_up(_upload: Upload) -> None:
        asked.set()
        await asyncio.Event().wait()

    async def fail(_upload: Upload) -> None:
        raise ConnectionError("the other system is down")

    async with home(tmp_path) as house:
        upload = await made(house, 10)
        for pre_finish, failure in ((hang_up, asyncio.CancelledError), (fail, ConnectionError)):
            context = replace(house.context, callbacks=Callbacks(pre_finish=pre_finish))
            creation, request = creating(10, body=10), appending(0, body=10)
            for whole in (
                create(context, ANONYMOUS, creation, Script(b"0123456789")),
                append(context, ANONYMOUS, upload.id, request, Script(b"0123456789")),
            ):
                asked.clear()
                sending = asyncio.ensure_future(whole)
                if pre_finish is hang_up:
                    await asked.wait()
                    sending.cancel()
                with pytest.raises(failure):
                    await sending
                assert files(house) == []
        assert (await sent(house, upload, 0, b"0123456789")).upload.state is Transfer.STORED


async def test_strangers_find_nothing(tmp_path: Path) -> None:
    async with home(tmp_path) as house:
        upload = await made(house, 10)
        with pytest.raises(UploadNotFound):
            await append(house.context, STRANGER, upload.id, appending(0), Script(b"x"))
        with pytest.raises(UploadNotFound):
            await current_offset(house.context, STRANGER, upload.id, Dialect.TUS)
        with pytest.raises(UploadNotFound):
            await terminate(house.context, STRANGER, upload.id, Dialect.TUS)
        await sent(house, upload, 0, b"0123456789")
        with pytest.raises(UploadNotFound):
            await version_of_upload(house.context, STRANGER, upload.id)


async def test_termination_fences_the_writer_and_frees_the_bytes(tmp_path: Path) -> None:
    async with home(tmp_path) as house:
        upload = await made(house, 10_000)
        hold = asyncio.Event()
        body = Script(b"x" * 1024, hold, b"y" * 1024)
        task = asyncio.create_task(append(house.context, ANONYMOUS, upload.id, appending(0), body))
        await body.reached.wait()
        await terminate(house.context, ANONYMOUS, upload.id, Dialect.TUS)
        hold.set()
        with pytest.raises(Overtaken):
            await task
        with pytest.raises(UploadGone):
            await current_offset(house.context, ANONYMOUS, upload.id, Dialect.TUS)
        await purge(house.backend, housekeeping_of(house.worker), upload.id)
        assert files(house) == []


async def test_a_terminated_file_is_gone_too(tmp_path: Path) -> None:
    async with home(tmp_path) as house:
        upload = await made(house, 10)
        await sent(house, upload, 0, b"0123456789")
        await terminate(house.context, ANONYMOUS, upload.id, Dialect.TUS)
        await purge(house.backend, housekeeping_of(house.worker), upload.id)
        with pytest.raises(UploadGone):
            await version_of_upload(house.context, ANONYMOUS, upload.id)
        assert files(house) == []


async def test_unfinished_uploads_expire_and_finished_files_do_not(tmp_path: Path) -> None:
    clock = Clock()
    async with home(tmp_path, clock=clock) as house:
        unfinished, finished = await made(house, 10), await made(house, 10)
        await sent(house, unfinished, 0, b"0123")
        await sent(house, finished, 0, b"0123456789")
        await expire(house.context, unfinished.id)
        assert (await row(house.worker, unfinished.id)).state is Transfer.RECEIVING
        clock.ahead = DAY + 1_000_000
        with pytest.raises(UploadGone):
            await current_offset(house.context, ANONYMOUS, unfinished.id, Dialect.TUS)
        assert await reap(house.context, housekeeping_of(house.worker)) == 1
        await purge(house.backend, housekeeping_of(house.worker), unfinished.id)
        assert await content(house, finished.id) == b"0123456789"
        assert len(files(house)) == 1
        assert await house.worker.rows.find(finished.id) is None


async def test_the_sweep_removes_only_what_no_row_can_ever_name(tmp_path: Path) -> None:
    async with home(tmp_path) as house, working(tmp_path) as other:
        kept = await made(house, 10)
        await sent(house, kept, 0, b"0123456789")
        begun = await made(house, 10)
        await sent(house, begun, 0, b"0123")
        attempts = {
            worker: context_of(worker, house.backend).new_attempt(new_upload().key)
            for worker in (house.worker, other)
        }
        for ref in attempts.values():
            await house.backend.put(ABOUT, ref, [b"x"], sealed=True)
        foreign = house.folder / "holiday.jpg"
        foreign.write_bytes(b"somebody's")
        await other.workers.bury(other.id)
        removed = await sweep(house.backend, housekeeping_of(house.worker), house.worker.workers)
        assert removed == [attempts[other]]
        assert foreign.exists()
        assert await content(house, kept.id) == b"0123456789"
        assert (await sent(house, begun, 4, b"456789")).upload.state is Transfer.STORED


async def test_only_a_refused_post_leaves_nothing_behind(tmp_path: Path) -> None:
    async with home(tmp_path) as house:
        chunked = parse_create(
            Headers(
                [
                    ("Upload-Length", "100"),
                    ("Transfer-Encoding", "chunked"),
                    ("Content-Type", "application/offset+octet-stream"),
                ]
            ),
            RULES.features,
        )
        over = await create(house.context, ANONYMOUS, chunked, Script(b"x" * 101))
        assert over.ending is Ending.TOO_LONG
        assert (await row(house.worker, over.upload.id)).state is Transfer.TERMINATED
        cut = await create(house.context, ANONYMOUS, chunked, Script(b"x" * 60, Ending.GONE))
        assert (cut.upload.offset, cut.upload.state) == (60, Transfer.RECEIVING)


async def test_an_empty_upload_with_an_empty_chunked_body_is_a_file(tmp_path: Path) -> None:
    async with home(tmp_path) as house:
        creation = parse_create(Headers([("Upload-Length", "0"), *CHUNKED]), RULES.features)
        created = await create(house.context, ANONYMOUS, creation, Script())
        assert created.upload.state is Transfer.STORED


async def test_a_callback_may_refuse_what_comes_whole_with_its_post(tmp_path: Path) -> None:
    asked: list[Upload] = []

    async def refuse(upload: Upload) -> None:
        asked.append(upload)
        raise UploadRejected("no")

    async with home(tmp_path, callbacks=Callbacks(pre_finish=refuse)) as house:
        for length, body in ((10, b"0123456789"), (0, b"")):
            with pytest.raises(UploadRejected):
                await create(house.context, ANONYMOUS, creating(length, body=length), Script(body))
        assert [upload.length for upload in asked] == [10, 0]
        assert files(house) == []


async def test_a_lease_of_a_worker_that_woke_too_late_does_not_end_the_upload(tmp_path: Path) -> None:
    async with home(tmp_path) as house, working(tmp_path) as other:
        upload = await made(house, 2000)
        await sent(house, upload, 0, b"a" * 1000)
        async with house.context.leases.acquire(upload.id, patience=1.0) as lease:
            assert await other.rows.seize(lease.upload) is not None
            house.folder.joinpath(lease.upload.ref).unlink()
            with pytest.raises(Overtaken):
                await write_body(
                    house.context,
                    ANONYMOUS,
                    lease,
                    Script(b"b"),
                    declared=None,
                    room=None,
                    expected=None,
                    proof=None,
                )
        assert "lost" not in house.worker.meter.seen


async def test_history_has_one_row_for_each_transition(tmp_path: Path) -> None:
    async with home(tmp_path) as house:
        upload = await made(house, 2000)
        await sent(house, upload, 0, b"x" * 1500)
        await sent(house, upload, 1500, b"x" * 500)
        ended = await house.worker.rows.end(upload.id, Step.TERMINATE, actor="test")
        assert ended is not None
        kinds = [event["kind"] for event in await house.worker.database.read(events_of(upload))]
        assert kinds == [
            "upload.created",
            "upload.receiving",
            "upload.completing",
            "upload.stored",
            "upload.terminated",
        ]


def events_of(upload: Upload) -> Query:
    return Query("SELECT kind FROM events WHERE subject = :id ORDER BY id", {"id": upload.id})


def checked(offset: int, body: bytes, algorithm: str = "sha1", *, says: bytes | None = None) -> Append:
    """A PATCH with a checksum of `says`, or of the body itself."""
    digest = new_digest(algorithm)
    digest.update(body if says is None else says)
    checksum = Checksum(algorithm=algorithm, digest=digest.digest())
    return replace(appending(offset, body=len(body)), checksums=(checksum,))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("size", [10, 3000])
async def test_a_proven_body_is_kept_and_an_unproven_one_is_dropped(
    tmp_path: Path, algorithm: str, size: int
) -> None:
    async with home(tmp_path) as house:
        upload = await made(house, size)
        body = bytes(range(256)) * 12
        body = body[:size]
        wrong = checked(0, body, algorithm, says=b"something else")
        with suppress(ChecksumMismatch):
            refused = await append(house.context, ANONYMOUS, upload.id, wrong, Script(body[:5], body[5:]))
            assert refused.ending is Ending.MISMATCH
        with suppress(ChecksumMismatch):
            whole = await append(house.context, ANONYMOUS, upload.id, wrong, Script(body))
            assert whole.ending is Ending.MISMATCH
        assert (await row(house.worker, upload.id)).offset == 0
        right = checked(0, body, algorithm)
        done = await append(house.context, ANONYMOUS, upload.id, right, Script(body[:5], body[5:]))
        assert done.upload.state is Transfer.STORED
        assert await content(house, upload.id) == body


async def test_half_of_a_body_with_a_checksum_proves_nothing(tmp_path: Path) -> None:
    async with home(tmp_path) as house:
        upload = await made(house, 5000)
        await sent(house, upload, 0, b"a" * 1000)
        cut = Script(b"b" * 2000, Ending.GONE)
        ended = await append(house.context, ANONYMOUS, upload.id, checked(1000, b"b" * 4000), cut)
        assert (ended.ending, ended.upload.offset) == (Ending.GONE, 1000)
        body = b"c" * 4000
        done = await append(house.context, ANONYMOUS, upload.id, checked(1000, body), Script(body))
        assert done.upload.state is Transfer.STORED
        assert await content(house, upload.id) == b"a" * 1000 + body


async def test_a_length_that_comes_with_a_wrong_checksum_does_not_stick(tmp_path: Path) -> None:
    async with home(tmp_path) as house:
        upload = await made(house, None)
        request = replace(checked(0, b"x" * 2000, says=b"y"), length=2000)
        ended = await append(house.context, ANONYMOUS, upload.id, request, Script(b"x" * 2000))
        assert ended.ending is Ending.MISMATCH
        assert (await row(house.worker, upload.id)).length is None


@pytest.mark.parametrize("size", [10, 3000])
async def test_a_post_with_a_wrong_checksum_makes_no_upload(tmp_path: Path, size: int) -> None:
    async with home(tmp_path) as house:
        wrong = replace(creating(size, body=size), checksums=(Checksum(algorithm="md5", digest=bytes(16)),))
        with suppress(ChecksumMismatch):
            refused = await create(house.context, ANONYMOUS, wrong, Script(b"x" * size))
            assert refused.ending is Ending.MISMATCH
            assert (await row(house.worker, refused.upload.id)).state is Transfer.TERMINATED
        assert all(
            upload.state is Transfer.TERMINATED for upload in await housekeeping_of(house.worker).page("", 9)
        )
