"""Words that files are found by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.metadata import format_metadata
from tusd_py.metadata.words import (
    LONGEST_WORD,
    MOST_WORDS,
    Described,
    TooManyWords,
    asked,
    owner_mark,
    tag_mark,
    tenant_mark,
    words_of,
)


def described(filename: str | None = None, *tags: str, path: str | None = None, **said: str) -> Described:
    return Described(
        tenant="", owner="ann", filename=filename, path=path, tags=tags, metadata=format_metadata(said)
    )


def words(file: Described) -> list[str]:
    """Without the marks."""
    return [word for word in words_of(file).split(" ") if not word.startswith("·")]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("IMG_2024-05 (final).JPG", ["img", "2024", "05", "final", "jpg"]),
        ("Résumé.pdf", ["resume", "pdf"]),
        ("STRASSE straße", ["strasse"]),
        ("2024年度报告.pdf", ["2024", "年", "度", "报", "告", "pdf"]),
        ("ﬁle①", ["file1"]),
        ("don't", ["don", "t"]),
        ("...", []),
        (None, []),
    ],
)
def test_names_are_cut_into_words_without_case_and_accents(name: str | None, found: list[str]) -> None:
    assert words(described(name)) == found


def test_words_come_from_everything_that_is_known() -> None:
    file = described("a.txt", "Blue Sky", path="docs/2026", project="Apollo", name="a.txt")
    assert words(file) == ["a", "txt", "docs", "2026", "blue", "sky", "apollo"]


def test_marks_say_whose_a_file_is_and_which_tags_it_has() -> None:
    file = described("a", "x y")
    marks = words_of(file).split(" ")[:3]
    assert marks == [tenant_mark(""), owner_mark("", "ann"), tag_mark("x y")]
    assert len({owner_mark("a", "bc"), owner_mark("ab", "c"), tag_mark("X y"), tag_mark("x y")}) == 4


def test_much_text_is_cut_short() -> None:
    file = described(" ".join(f"w{number}" for number in range(1000)), long="x" * 900, binary="y" * 2000)
    assert len(words(file)) == MOST_WORDS
    assert "x" * LONGEST_WORD in words(described("a", long="x" * 900))


def test_single_letters_are_words_and_others_beginnings() -> None:
    assert [(one.word, one.is_prefix) for one in asked("B Re 报")] == [
        ("b", False),
        ("re", True),
        ("报", False),
    ]
    assert asked("?!") == []
    with pytest.raises(TooManyWords, match="17"):
        asked(" ".join("abcdefghijklmnopq"))


@given(st.text(max_size=80), st.lists(st.text(max_size=20), max_size=3))
def test_no_text_breaks_the_form_that_the_index_wants(name: str, tags: list[str]) -> None:
    found = words_of(described(name, *tags)).split(" ")
    assert all(found)
    assert len(set(found)) == len(found)
    for word in found[2 + len(set(tags)) :]:
        assert not set(word) & set(" \"'\\·\x00*:&|!()")


@given(st.text(max_size=40))
def test_a_file_is_found_by_its_own_name(name: str) -> None:
    try:
        question = asked(name)
    except TooManyWords:
        return
    found = words(described(name))
    assert [one.word for one in question] == found
