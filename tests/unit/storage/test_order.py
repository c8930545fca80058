"""The order of system calls: write, make durable, tell. On a real trace of a real program."""

import sys
from pathlib import Path

import pytest

from tests.syscalls import Call, broken_promises, parse, sent, traced, why_not

from .traced_writer import MISTAKES, SAFE

ROOT = Path(__file__).parents[3]


def _trace(tmp_path: Path, mistake: str) -> list[Call]:
    if why_not():
        pytest.skip(why_not())
    program = [sys.executable, "-m", "tests.unit.storage.traced_writer", str(tmp_path / "root"), mistake]
    return traced(program, tmp_path / "trace", cwd=ROOT)


def _broken(calls: list[Call], tmp_path: Path) -> list[str]:
    root = str(tmp_path / "root")

    def counts(path: str) -> bool:
        # The trial at start is removed again and promises nothing.
        return path.startswith(root) and "~probe." not in path

    return [sentence for told in sent(calls, SAFE) for sentence in broken_promises(calls, told, counts)]


def test_nothing_is_told_before_content_name_and_folders_are_durable(tmp_path: Path) -> None:
    calls = _trace(tmp_path, "none")
    assert len(sent(calls, SAFE)) == 7
    assert any(call.makes_a_name and call.path == f"{tmp_path}/root/a/b" for call in calls)
    assert _broken(calls, tmp_path) == []


def test_a_name_is_synced_once_and_not_at_every_checkpoint(tmp_path: Path) -> None:
    calls = _trace(tmp_path, "none")
    first, second, *_ = sent(calls, SAFE)
    between = [call for call in calls if first.ended < call.began and call.ended < second.began]
    assert [call.name for call in between if "sync" in call.name] == ["fdatasync"]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_noticed(tmp_path: Path, mistake: str) -> None:
    assert _broken(_trace(tmp_path, mistake), tmp_path)


def test_a_sync_that_began_before_the_write_ended_proves_nothing() -> None:
    calls = parse(
        [
            '11 pwrite64(5</r/f>, "x", 1, 0 <unfinished ...>',
            "12 fdatasync(5</r/f> <unfinished ...>",
            "11 <... pwrite64 resumed>)           = 1",
            "12 <... fdatasync resumed>)          = 0",
            '10 write(1</dev/pts/0>, "told", 4)   = 4',
        ]
    )
    assert broken_promises(calls, calls[-1], lambda path: path == "/r/f")


def test_a_failed_sync_proves_nothing() -> None:
    calls = parse(
        [
            '11 pwrite64(5</r/f>, "x", 1, 0) = 1',
            "11 fdatasync(5</r/f>) = -1 EIO (Input/output error)",
            '10 write(1</dev/pts/0>, "told", 4) = 4',
        ]
    )
    assert broken_promises(calls, calls[-1], lambda path: path == "/r/f")
