"""The files that `make test` begins with."""

from pathlib import Path

from tests.order import LONGEST_FIRST

ROOT = Path(__file__).parents[2]


def test_the_longest_files_are_there() -> None:
    assert [name for name in LONGEST_FIRST if not (ROOT / name).is_file()] == []


def test_no_file_is_named_twice() -> None:
    assert len(set(LONGEST_FIRST)) == len(LONGEST_FIRST)
