"""Paths that people give their files."""

import pytest

from protocol.errors import InvalidMetadata
from protocol.metadata import format_metadata, parse_metadata
from protocol.paths import LONGEST_PATH, NoPath, last_part, parse_path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a", "a"),
        ("reports/2026/May.pdf", "reports/2026/May.pdf"),
        ("/reports/May.pdf/", "reports/May.pdf"),
        ("a b/c:d\\e", "a b/c:d\\e"),
        ("Re\u0301sume\u0301", "R\u00e9sum\u00e9"),
        ("..a/b..", "..a/b.."),
        ("x" * LONGEST_PATH, "x" * LONGEST_PATH),
    ],
)
def test_a_path_has_one_spelling(text: str, path: str) -> None:
    assert parse_path(text) == path
    assert parse_path(path) == path


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "///",
        "a//b",
        "../a",
        "a/../b",
        "a/.",
        " / ",
        "a\nb",
        "a\x00b",
        "a\u2028b",
        "x" * 1025,
        "é" * 513,
    ],
)
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(NoPath, match="wanted"):
        parse_path(text)


def test_the_last_part_names_the_file() -> None:
    assert (last_part("a/b.txt"), last_part("b.txt")) == ("b.txt", "b.txt")
    said = parse_metadata(format_metadata({"path": "a/b.txt"}), limit=100)
    assert (said.filename, said.path, said.file_id) == ("b.txt", "a/b.txt", None)


def test_metadata_with_a_path_that_is_none_is_refused_at_once() -> None:
    for value in ("../x", b"\xff"):
        with pytest.raises(InvalidMetadata, match="path"):
            parse_metadata(format_metadata({"path": value}), limit=100)


@pytest.mark.parametrize(
    ("value", "found"), [("0f" * 16, "0f" * 16), ("42", None), ("0F" * 16, None), ("", None)]
)
def test_a_file_id_that_looks_like_none_names_nothing(value: str, found: str | None) -> None:
    assert parse_metadata(format_metadata({"file_id": value}), limit=100).file_id == found
