"""How the suite reads structured fields (RFC 9651)."""

import pytest

from conformance.structured import boolean, dictionary, integer


@pytest.mark.parametrize(
    ("lines", "value"),
    [
        (["0"], 0),
        (["007"], 7),
        (["-0"], 0),
        (["-5"], -5),
        (["5;x=1"], 5),
        (['5; a="b;c, d";e'], 5),
        (["  5 "], 5),
        (["999999999999999"], 999_999_999_999_999),
    ],
)
def test_an_integer_is_read(lines: list[str], value: int) -> None:
    assert integer(lines) == value


@pytest.mark.parametrize(
    "lines",
    [[""], ["+5"], ["5.0"], ['"5"'], ["5, 6"], ["5", "5"], ["1" * 16], ["5;"], ["5;A"], ["\u0665"], []],
)
def test_what_is_no_integer_is_refused(lines: list[str]) -> None:
    with pytest.raises(ValueError, match="wanted a structured integer"):
        integer(lines)


def test_booleans_are_read_with_and_without_parameters() -> None:
    assert [boolean([text]) for text in ("?1", "?0", "?1;a", '?0;a="?1"')] == [True, False, True, False]


@pytest.mark.parametrize("text", ["", "true", "1", "?2", "?01", '"?1"', "?1, ?1"])
def test_what_is_no_boolean_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"wanted \?0 or \?1"):
        boolean([text])


def test_a_dictionary_may_be_spread_over_lines_and_hold_what_nobody_knows() -> None:
    lines = ["max-size=1000;x,new=(1 2);y", 'other="a,b", flag;z, max-size=2000']
    assert dictionary(lines) == {
        "max-size": ["2000"],
        "new": ["(1 2);y"],
        "other": ['"a,b"'],
        "flag": ["?1;z"],
    }
    assert dictionary([""]) == {}


@pytest.mark.parametrize("text", ["a=1,", "a=", "A=1", "a=1 b=2", "max-size=1GB", "a=1,,b=2"])
def test_what_is_no_dictionary_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="wanted a structured dictionary"):
        dictionary([text])
