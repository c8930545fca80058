"""Reading what is sent."""

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tusd_py.client.errors import SourceChanged, SourceSpent, SourceUnreadable
from tusd_py.client.options import Options
from tusd_py.client.parallel import SMALLEST_PART, parts_of, spans_of
from tusd_py.client.sources import BLOCK, Source, Span, opened
from tusd_py.client.streams import StreamSource


async def read(source: Source, start: int, stop: int) -> bytes:
    found = b""
    while start < stop:
        block = await source.read(start, stop)
        assert 0 < len(block) <= min(BLOCK, stop - start)
        found += block
        start += len(block)
    return found


async def pieces(*blocks: bytes) -> AsyncIterator[bytes]:
    for block in blocks:
        yield block


@pytest.mark.parametrize("length", [0, 1, BLOCK - 1, BLOCK, 3 * BLOCK + 5])
async def test_files_and_bytes_give_what_they_hold(length: int, tmp_path: Path) -> None:
    content = os.urandom(length)
    path = tmp_path / "file"
    path.write_bytes(content)
    for given_as in (content, path, str(path)):
        async with opened(given_as, held=1) as source:
            assert source.length == await source.reach(0, 0) == length
            assert await read(source, 0, length) == content
            half = Span(whole=source, start=length // 2, stop=length)
            assert await read(half, 0, half.length) == content[length // 2 :]


@pytest.mark.parametrize("name", ["missing", "folder", "fifo", "nul\0"])
async def test_what_is_no_file_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(SourceUnreadable, match=name.strip("\0")):
        async with opened(tmp_path / name, held=1):
            pass


def _grow(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")


def _shrink(path: Path) -> None:
    os.truncate(path, 1)


def _touch(path: Path) -> None:
    os.utime(path, ns=(0, 12345))


@pytest.mark.parametrize("change", [_grow, _shrink, _touch])
async def test_a_changed_file_is_noticed_at_the_next_read(
    change: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(100))
    async with opened(path, held=1) as source:
        await source.read(0, 50)
        change(path)
        with pytest.raises(SourceChanged, match="file changed while it was sent"):
            await source.read(50, 100)


async def test_a_new_file_of_the_same_name_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old" * 100)
    async with opened(path, held=1) as source:
        (tmp_path / "new").write_bytes(b"new" * 100)
        (tmp_path / "new").replace(path)
        assert await read(source, 0, 300) == b"old" * 100


@given(
    blocks=st.lists(st.binary(max_size=40), max_size=12),
    held=st.integers(1, 50),
    taken=st.lists(st.integers(0, 50), max_size=30),
)
async def test_a_stream_gives_every_byte_again_until_it_is_let_go(
    blocks: list[bytes], held: int, taken: list[int]
) -> None:
    whole = b"".join(blocks)
    source = StreamSource(pieces(*blocks), held)
    offset = 0
    for step in [*taken, *[held] * len(whole)]:
        stop = await source.reach(offset, 0)
        assert stop == min(offset + held, len(whole))
        assert await read(source, offset, stop) == await read(source, offset, stop) == whole[offset:stop]
        # The last bytes are known to be the last, so that their request can tell the length.
        assert (source.length == len(whole)) if stop == len(whole) else source.length in (None, len(whole))
        offset = min(offset + step, stop)
    assert await source.reach(offset, 0) == offset == source.length == len(whole)


async def test_a_stream_cannot_go_back_behind_what_was_let_go() -> None:
    source = StreamSource(pieces(b"0123456789"), 4)
    await source.reach(0, 0)
    await source.reach(4, 0)
    assert source.floor == 4
    with pytest.raises(SourceSpent, match="wants the stream from byte 3 on, bytes 4 to 10 are held"):
        await source.reach(3, 0)
    with pytest.raises(SourceSpent):
        await source.reach(11, 0)


@given(length=st.integers(0, 1 << 40), parts=st.integers(1, 64))
def test_spans_cover_everything_once(length: int, parts: int) -> None:
    spans = spans_of(length, parts)
    assert [start for start, _ in spans] == [0, *(stop for _, stop in spans[:-1])]
    assert spans[-1][1] == length
    sizes = [stop - start for start, stop in spans]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(
    ("length", "parts"),
    [(None, 1), (0, 1), (SMALLEST_PART, 1), (2 * SMALLEST_PART, 2), (100 * SMALLEST_PART, 4)],
)
def test_small_files_are_not_cut_into_crumbs(length: int | None, parts: int) -> None:
    assert parts_of(length, Options(parallel=4)) == parts


async def test_a_file_that_only_seems_empty_is_not_sent_as_an_empty_one() -> None:
    with pytest.raises(SourceUnreadable, match=r"is not empty; send it as a stream"):
        async with opened("/proc/self/status", held=1):
            pass
