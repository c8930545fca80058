"""What every storage backend promises; one suite for all of them.

Not here: what only a disk can get wrong (tests/unit/storage).
"""

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from storage_backends.base import (
    BadRef,
    Block,
    Checkpoint,
    ObjectStore,
    Segment,
    StorageAway,
    StorageChanged,
    StorageError,
    StorageFull,
    StorageMissing,
)
from storage_backends.refs import attempt_ref, segment_ref
from tests.services.seaweedfs import Bucket

from .books import UPLOAD, Booked
from .storages import (
    FULL_KINDS,
    MIB,
    REF,
    backend,
    begin,
    content_of,
    files,
    names,
    nothing_yet,
    opened,
    receive,
    with_little_room,
)

__all__ = ["backend", "files"]

ASSEMBLED = attempt_ref(REF, "beef", 1)
SECOND = segment_ref(REF, 2)


# Receiving


async def test_what_was_written_is_read_back(backend: Booked) -> None:
    writer = await begin(backend, length=11)
    await writer.write(b"hello ")
    await writer.write(bytearray(b"wor"))
    await writer.write(memoryview(b"ld"))
    assert writer.offset == 11
    assert (await writer.checkpoint()).offset == 11
    await writer.close(11)
    assert await content_of(backend, REF) == b"hello world"


async def _until_sent() -> None:
    async with asyncio.timeout(10):
        while any(task.get_name().startswith("part:") for task in asyncio.all_tasks()):
            await asyncio.sleep(0.01)


async def test_the_line_does_not_move_to_parts_that_are_known_to_be_gone(
    tmp_path: Path, bucket: Bucket
) -> None:
    async with opened("s3", tmp_path, bucket) as booked:
        writer = await begin(booked, length=30 * MIB)
        await writer.write(bytes(8 * MIB))
        await _until_sent()
        assert isinstance(booked.backend, ObjectStore)
        async for begun in booked.backend.unfinished():
            await booked.backend.abort(begun)
        await writer.write(bytes(8 * MIB))
        await _until_sent()
        with pytest.raises(StorageAway, match="nothing that was acknowledged"):
            await writer.progress()
        assert (await writer.progress()).offset == 0
        await writer.close(0)


async def test_a_block_may_be_reused_after_its_write(backend: Booked) -> None:
    writer = await begin(backend)
    block = bytearray(b"aaaa")
    await writer.write(block)
    block[:] = b"bbbb"
    await writer.write(block)
    await writer.close(0)
    await writer.close(0)
    assert (await backend.stat(REF)).length == 0


async def test_a_checkpoint_without_news_says_the_same_again(backend: Booked) -> None:
    writer = await begin(backend)
    empty = await writer.checkpoint()
    assert empty.offset == 0
    await writer.write(b"abc")
    first = await writer.checkpoint()
    assert await writer.checkpoint() == first == Checkpoint(offset=3, synced=first.synced)
    await writer.close(3)


async def test_the_next_writer_overwrites_what_lies_behind_the_line(backend: Booked) -> None:
    crashed = await begin(backend, length=3 * MIB)
    await crashed.write(b"good")
    await crashed.checkpoint()
    await crashed.write(b"rubbish that was never committed")
    writer = await backend.writer(UPLOAD, Segment(ref=REF, offset=0, length=4), 3 * MIB)
    assert writer.offset == 4
    await writer.write(b" new")
    await writer.checkpoint()
    await writer.close(8)
    stored = await backend.finish([Segment(ref=REF, offset=0, length=8)], REF)
    assert await content_of(backend, REF) == b"good new"
    assert stored.length == 8
    await crashed.close(8)


async def test_closing_gives_back_what_was_not_committed(backend: Booked) -> None:
    writer = await begin(backend, length=10 * MIB)
    await writer.write(b"committed")
    await writer.checkpoint()
    await writer.write(b"not committed")
    await writer.close(9)
    assert (await backend.stat(REF)).length == 9


async def test_closing_keeps_what_a_checkpoint_promised(backend: Booked) -> None:
    """The commit may have happened although its answer was lost."""
    writer = await begin(backend)
    await writer.write(b"perhaps committed")
    await writer.checkpoint()
    await writer.close(0)
    assert await content_of(backend, REF) == b"perhaps committed"


async def test_a_closed_writer_may_be_closed_again_but_not_used(backend: Booked) -> None:
    writer = await begin(backend)
    await writer.write(b"abc")
    await writer.checkpoint()
    await writer.close(3)
    await writer.close(0)
    with pytest.raises(StorageError):
        await writer.write(b"more")
    with pytest.raises(StorageError):
        await writer.checkpoint()
    assert await content_of(backend, REF) == b"abc"


async def test_committed_bytes_that_are_not_there_are_missing(backend: Booked) -> None:
    with pytest.raises(StorageMissing):
        await backend.writer(UPLOAD, Segment(ref=REF, offset=0, length=1), None)
    assert await names(backend) == {}
    await receive(backend, b"abc")
    with pytest.raises(StorageMissing):
        await backend.writer(UPLOAD, Segment(ref=REF, offset=0, length=4), None)
    assert await content_of(backend, REF) == b"abc"


async def test_a_later_segment_counts_offsets_from_the_start_of_the_upload(files: Booked) -> None:
    segment = await receive(files, b"xyz", nothing_yet(SECOND, offset=1000))
    assert segment.length == 3
    writer = await files.writer(UPLOAD, segment, None)
    assert writer.offset == 1003
    await writer.write(b"!")
    assert (await writer.checkpoint()).offset == 1004
    await writer.close(1004)
    assert await content_of(files, SECOND) == b"xyz!"


async def test_many_uploads_are_received_at_once(backend: Booked) -> None:
    contents = {f"user{number}/{number}": bytes([number]) * (1 + number * 10_000) for number in range(12)}

    async def one(ref: str, content: bytes) -> None:
        for start in range(0, len(content), 9_000):
            segment = Segment(ref=ref, offset=0, length=start)
            await receive(backend, content[start : start + 9_000], segment)

    await asyncio.gather(*(one(ref, content) for ref, content in contents.items()))
    assert {ref: await content_of(backend, ref) for ref in contents} == contents


# Take-overs and finishing


async def test_one_segment_is_sealed_where_it_is(backend: Booked) -> None:
    segment = await receive(backend, b"whole")
    stored = await backend.finish([segment], ASSEMBLED)
    assert (stored.ref, stored.length) == (REF, 5)
    assert await names(backend) == {REF: 5}
    assert await backend.finish([segment], ASSEMBLED) == stored
    assert await backend.stat(REF) == stored


async def test_several_segments_are_assembled_and_stay_until_deleted(backend: Booked) -> None:
    segments = [await receive(backend, b"first "), await receive(backend, b"second", nothing_yet(SECOND, 6))]
    stored = await backend.finish(segments, ASSEMBLED)
    assert (stored.ref, stored.length) == (ASSEMBLED, 12)
    assert await names(backend) == {REF: 6, SECOND: 6, ASSEMBLED: 12}
    assert await backend.finish(segments, ASSEMBLED) == stored
    await backend.delete([REF, SECOND])
    assert await content_of(backend, ASSEMBLED) == b"first second"
    assert await backend.finish([Segment(ref=ASSEMBLED, offset=0, length=12)], REF) == stored


async def test_large_segments_are_assembled_byte_for_byte(backend: Booked) -> None:
    first, second = bytes(range(256)) * 8193, b"tail" * 300_001
    segments = [
        await receive(backend, first),
        await receive(backend, second, nothing_yet(SECOND, len(first))),
    ]
    await backend.finish(segments, ASSEMBLED)
    assert await content_of(backend, ASSEMBLED) == first + second


async def test_the_same_segment_may_be_assembled_twice(backend: Booked) -> None:
    """Upload-Concat may name a partial upload more than once."""
    await receive(backend, b"ab")
    twice = [Segment(ref=REF, offset=0, length=2), Segment(ref=REF, offset=2, length=2)]
    await backend.finish(twice, ASSEMBLED)
    assert await content_of(backend, ASSEMBLED) == b"abab"


async def test_a_frozen_writer_writes_into_a_dead_segment(files: Booked) -> None:
    frozen = await begin(files)
    await frozen.write(b"before ")
    await frozen.checkpoint()
    # Nobody heard of it any more, so another one takes over by force.
    second = await receive(files, b"after", nothing_yet(SECOND, 7))
    await frozen.write(b"I am still here")
    segments = [Segment(ref=REF, offset=0, length=7), second]
    await files.finish(segments, ASSEMBLED)
    await frozen.write(b"and here")
    await frozen.checkpoint()
    await frozen.close(7)
    assert await content_of(files, ASSEMBLED) == b"before after"


async def test_an_empty_second_segment_moves_the_bytes_away_from_a_frozen_writer(
    files: Booked,
) -> None:
    frozen = await begin(files)
    await frozen.write(b"all of it")
    await frozen.checkpoint()
    segments = [Segment(ref=REF, offset=0, length=9), nothing_yet(SECOND, 9)]
    stored = await files.finish(segments, ASSEMBLED)
    assert stored.ref == ASSEMBLED
    await frozen.write(b"too late")
    await frozen.close(9)
    assert await content_of(files, stored.ref) == b"all of it"


async def test_the_leftover_of_a_crashed_assembly_is_replaced(files: Booked) -> None:
    segments = [await receive(files, b"one"), await receive(files, b"two", nothing_yet(SECOND, 3))]
    zombie = await begin(files, ASSEMBLED)
    await zombie.write(b"half an assembly, and far too long")
    stored = await files.finish(segments, ASSEMBLED)
    await zombie.write(b"still at it")
    await zombie.close(0)
    assert stored.length == 6
    assert await content_of(files, ASSEMBLED) == b"onetwo"


async def test_finishing_without_the_bytes_fails_and_leaves_nothing(backend: Booked) -> None:
    first = await receive(backend, b"one")
    with pytest.raises(StorageMissing):
        await backend.finish([first, Segment(ref=SECOND, offset=3, length=3)], ASSEMBLED)
    too_long = Segment(ref=REF, offset=0, length=4)
    with pytest.raises(StorageMissing):
        await backend.finish([too_long, nothing_yet(SECOND, 4)], ASSEMBLED)
    with pytest.raises(StorageMissing):
        await backend.finish([too_long], ASSEMBLED)
    assert await names(backend) == {REF: 3}


async def test_segments_with_a_hole_are_a_mistake_of_the_caller(backend: Booked) -> None:
    first = await receive(backend, b"one")
    with pytest.raises(ValueError, match="begins at 5, wanted 3"):
        await backend.finish([first, nothing_yet(SECOND, 5)], ASSEMBLED)
    with pytest.raises(ValueError, match="from itself"):
        await backend.finish([first, nothing_yet(SECOND, 3)], REF)
    assert await content_of(backend, REF) == b"one"


async def test_a_sealed_file_is_never_opened_for_writing(files: Booked) -> None:
    segment = await receive(files, b"done")
    stored = await files.finish([segment], REF)
    with pytest.raises(StorageError):
        await files.writer(UPLOAD, segment, None)
    with pytest.raises(StorageError):
        await files.writer(UPLOAD, nothing_yet(), None)
    assert await files.stat(REF) == stored


async def test_finishing_cuts_off_what_lies_behind_the_line(backend: Booked) -> None:
    crashed = await begin(backend, length=3 * MIB)
    await crashed.write(b"good")
    await crashed.checkpoint()
    await crashed.write(b"bad")
    stored = await backend.finish([Segment(ref=REF, offset=0, length=4)], REF)
    assert stored.length == 4
    assert await content_of(backend, REF) == b"good"
    await crashed.close(4)


async def test_an_empty_upload_needs_no_file_until_it_is_finished(backend: Booked) -> None:
    assert await names(backend) == {}
    stored = await backend.finish([nothing_yet()], REF)
    assert (stored.ref, stored.length) == (REF, 0)
    assert await content_of(backend, REF) == b""
    assert await backend.finish([nothing_yet()], REF) == stored
    assert (await backend.finish([], "another")).length == 0


# Short cut


async def test_a_small_body_is_put_whole(backend: Booked) -> None:
    blocks: list[Block] = [b"a", bytearray(b"bc"), b"", memoryview(b"def")]
    stored = await backend.put(UPLOAD, REF, blocks, sealed=True)
    assert (stored.ref, stored.length) == (REF, 6)
    assert await content_of(backend, REF) == b"abcdef"
    assert await backend.finish([Segment(ref=REF, offset=0, length=6)], REF) == stored


async def test_a_body_of_very_many_blocks_is_put_whole(backend: Booked) -> None:
    await backend.put(UPLOAD, REF, [b"%05d" % number for number in range(3000)], sealed=True)
    assert await content_of(backend, REF) == b"".join(b"%05d" % number for number in range(3000))


async def test_a_body_that_is_not_sealed_can_go_on(backend: Booked) -> None:
    stored = await backend.put(UPLOAD, REF, [b"begin"], sealed=False)
    segment = await receive(backend, b" and end", Segment(ref=REF, offset=0, length=stored.length))
    await backend.finish([segment], REF)
    assert await content_of(backend, REF) == b"begin and end"


async def test_nothing_is_put_under_a_name_that_is_taken(backend: Booked) -> None:
    stored = await backend.put(UPLOAD, REF, [b"first"], sealed=True)
    with pytest.raises(StorageError):
        await backend.put(UPLOAD, REF, [b"second"], sealed=True)
    assert await backend.stat(REF) == stored
    assert await content_of(backend, REF) == b"first"


async def test_an_empty_body_can_be_put(backend: Booked) -> None:
    assert (await backend.put(UPLOAD, REF, [], sealed=True)).length == 0
    assert await content_of(backend, REF) == b""


async def test_other_bytes_under_the_same_name_have_another_identity(backend: Booked) -> None:
    before = await backend.put(UPLOAD, REF, [b"clean"], sealed=True)
    await backend.delete([REF])
    after = await backend.put(UPLOAD, REF, [b"virus"], sealed=True)
    assert before.identity != after.identity


# Reading


@pytest.mark.parametrize(
    ("start", "stop"), [(0, 0), (0, 1), (5, 5), (3, 700_000), (262_143, 262_145), (999_999, 1_000_000)]
)
async def test_any_range_can_be_read(backend: Booked, start: int, stop: int) -> None:
    content = bytes(range(250)) * 4000
    await receive(backend, content)
    assert await content_of(backend, REF, start, stop) == content[start:stop]


async def test_reading_past_the_end_is_never_padded(backend: Booked) -> None:
    await receive(backend, b"abc")
    with pytest.raises(StorageMissing):
        await content_of(backend, REF, 0, 4)
    await receive(backend, bytes(MIB), nothing_yet(SECOND))
    async with aclosing(backend.read(SECOND, 0, MIB + 1)) as blocks:
        # Said before the first byte, while an answer can still be refused.
        with pytest.raises(StorageMissing):
            await anext(blocks)


async def test_reading_what_is_not_there_is_missing(backend: Booked) -> None:
    with pytest.raises(StorageMissing):
        await content_of(backend, REF, 0, 0)
    with pytest.raises(StorageMissing):
        await backend.stat(REF)


async def test_a_reader_may_stop_early(backend: Booked) -> None:
    await receive(backend, bytes(MIB))
    async with aclosing(backend.read(REF, 0, MIB)) as blocks:
        assert len(await anext(blocks)) < MIB
    await backend.delete([REF])


async def test_a_reader_keeps_what_it_opened_when_the_name_is_deleted(backend: Booked) -> None:
    content = bytes(range(256)) * 4096
    await receive(backend, content)
    async with aclosing(backend.read(REF, 0, len(content))) as blocks:
        first = await anext(blocks)
        await backend.delete([REF])
        assert first + b"".join([block async for block in blocks]) == content


# Names


async def test_deleting_twice_is_no_error(backend: Booked) -> None:
    await receive(backend, b"abc")
    await backend.delete([REF, "never/was"])
    await backend.delete([REF, "never/was"])
    assert await names(backend) == {}
    with pytest.raises(StorageMissing):
        await backend.stat(REF)


async def test_deleting_takes_only_what_is_named(backend: Booked) -> None:
    refs = [f"user{number % 3}/{number}" for number in range(10)]
    for ref in refs:
        await backend.put(UPLOAD, ref, [b"x"], sealed=True)
    await backend.delete(refs[::2])
    assert set(await names(backend)) == set(refs[1::2])


async def test_every_name_is_listed_with_its_size(backend: Booked) -> None:
    wanted = {f"user{number % 7}/2024/{number:04}": number % 5 for number in range(700)} | {"top": 3}
    for ref, size in wanted.items():
        await backend.put(UPLOAD, ref, [b"x" * size], sealed=True)
    assert await names(backend) == wanted


async def test_listing_may_stop_early(backend: Booked) -> None:
    for number in range(3):
        await backend.put(UPLOAD, f"a/{number}", [], sealed=True)
    async with aclosing(backend.list()) as listed:
        assert (await anext(listed)).size == 0
    await backend.delete(["a/0", "a/1", "a/2"])


async def test_tidying_up_takes_no_file_and_hinders_no_upload(backend: Booked) -> None:
    await receive(backend, b"keep")
    await backend.put(UPLOAD, "bob/2024/gone", [b"x"], sealed=True)
    await backend.delete(["bob/2024/gone"])
    await backend.remove_empty_folders()
    assert await names(backend) == {REF: 4}
    await receive(backend, b"again", nothing_yet("bob/2024/new"))
    assert await content_of(backend, "bob/2024/new") == b"again"


HOSTILE = (
    "",
    "/",
    "/etc/passwd",
    "a//b",
    "a/",
    ".",
    "..",
    "../a",
    "a/../../b",
    "a/./b",
    "a\0b",
    ".tusd",
    ".tusd/x",
)


@pytest.mark.parametrize("ref", [*HOSTILE, "a/\udcff"])
async def test_a_hostile_name_is_refused_everywhere(backend: Booked, ref: str) -> None:
    await receive(backend, b"abc")
    segments = [Segment(ref=REF, offset=0, length=3), nothing_yet(SECOND, 3)]
    for attempt in (
        lambda: backend.writer(UPLOAD, nothing_yet(ref), None),
        lambda: backend.writer(UPLOAD, Segment(ref=ref, offset=0, length=3), None),
        lambda: backend.put(UPLOAD, ref, [b"x"], sealed=True),
        lambda: backend.finish(segments, ref),
        lambda: backend.finish([Segment(ref=ref, offset=0, length=3)], REF),
        lambda: backend.finish([nothing_yet(ref)], REF),
        lambda: backend.stat(ref),
        lambda: backend.delete([REF, ref]),
        lambda: content_of(backend, ref, 0, 1),
    ):
        with pytest.raises(BadRef):
            await attempt()
    assert await names(backend) == {REF: 3}


async def test_a_name_in_the_service_folder_is_fine_further_down(backend: Booked) -> None:
    await backend.put(UPLOAD, "a/.tusd", [b"x"], sealed=True)
    assert await names(backend) == {"a/.tusd": 1}


# Room


@pytest.mark.parametrize("kind", FULL_KINDS)
async def test_a_full_disk_keeps_what_fitted(tmp_path: Path, kind: str) -> None:
    content = bytes(range(256)) * (2 * MIB // 256)
    async with with_little_room(kind, tmp_path, MIB) as backend:
        writer = await begin(backend, length=len(content))
        with pytest.raises(StorageFull):
            await writer.write(content)
        fitted = writer.offset
        assert MIB // 2 < fitted <= MIB
        assert (await writer.checkpoint()).offset == fitted
        await writer.close(fitted)
        assert await content_of(backend, REF) == content[:fitted]


@pytest.mark.parametrize("kind", FULL_KINDS)
async def test_nothing_stays_behind_when_a_small_body_does_not_fit(tmp_path: Path, kind: str) -> None:
    async with with_little_room(kind, tmp_path, MIB) as backend:
        with pytest.raises(StorageFull):
            await backend.put(UPLOAD, REF, [bytes(2 * MIB)], sealed=True)
        assert await names(backend) == {}
        await backend.put(UPLOAD, REF, [bytes(MIB // 2)], sealed=True)


@pytest.mark.parametrize("kind", FULL_KINDS)
async def test_nothing_stays_behind_when_an_assembly_does_not_fit(tmp_path: Path, kind: str) -> None:
    half = MIB // 2 + 1
    async with with_little_room(kind, tmp_path, 5 * MIB // 4) as backend:
        segments = [
            await receive(backend, bytes(half)),
            await receive(backend, bytes(half), nothing_yet(SECOND, half)),
        ]
        if kind == "limited files":
            segments.append(await receive(backend, bytes(half), nothing_yet(segment_ref(REF, 3), 2 * half)))
        with pytest.raises(StorageFull):
            await backend.finish(segments, ASSEMBLED)
        assert ASSEMBLED not in await names(backend)


@pytest.mark.parametrize("kind", [kind for kind in FULL_KINDS if kind != "limited files"])
async def test_an_upload_goes_on_when_there_is_room_again(tmp_path: Path, kind: str) -> None:
    async with with_little_room(kind, tmp_path, MIB) as backend:
        await backend.put(UPLOAD, "other", [bytes(MIB // 2)], sealed=True)
        writer = await begin(backend)
        with pytest.raises(StorageFull):
            await writer.write(bytes(MIB * 3 // 4))
        fitted = (await writer.checkpoint()).offset
        await backend.delete(["other"])
        await writer.write(b"x" * (MIB * 3 // 4 - fitted))
        assert (await writer.checkpoint()).offset == MIB * 3 // 4
        await writer.close(MIB * 3 // 4)


@pytest.mark.parametrize("kind", [kind for kind in FULL_KINDS if kind != "limited files"])
async def test_room_is_asked_for_before_an_upload_begins(tmp_path: Path, kind: str) -> None:
    async with with_little_room(kind, tmp_path, MIB) as backend:
        await backend.ensure_room(0)
        await backend.put(UPLOAD, REF, [bytes(MIB // 2)], sealed=True)
        await backend.delete([REF])


async def test_there_is_room_for_nothing_more_at_least(backend: Booked) -> None:
    await backend.ensure_room(0)
    await backend.ensure_room(1)


# Bound to a verdict


async def test_only_the_very_bytes_that_are_meant_are_read(backend: Booked) -> None:
    stored = await backend.put(UPLOAD, REF, [b"first"], sealed=True)
    async with aclosing(backend.read(REF, 0, 5, identity=stored.identity)) as blocks:
        assert b"".join([block async for block in blocks]) == b"first"
    await backend.delete([REF])
    other = await backend.put(UPLOAD, REF, [b"other"], sealed=True)
    assert other.identity != stored.identity
    async with aclosing(backend.read(REF, 0, 5, identity=stored.identity)) as blocks:
        with pytest.raises(StorageChanged):
            await anext(blocks)
