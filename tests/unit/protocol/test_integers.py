import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from protocol.errors import BadHeader, InvalidOffset, MaxSizeExceeded
from protocol.integers import LARGEST, number_in, parse_non_negative, shown

from .examples import explains

REFERENCE = re.compile(r"0*([0-9]{1,19})", re.ASCII)


def reference(text: str) -> int | None:
    found = REFERENCE.fullmatch(text)
    return int(found[1]) if found and int(found[1]) <= LARGEST else None


@pytest.mark.parametrize(
    "text",
    [
        *("-1", "+5", "5.0", "0x5", "1e3", "1_000", "", " ", "5 5", "5,5", "-0", "5\n", "\n5", "5\x00", " 5"),
        *("\u0665", "\u00b2", "\uff15", "5\u00a0", "\udcff", "inf", "NaN", "0b1", "1" * 5000 + "x"),
    ],
)
def test_only_ascii_digits_are_a_number(text: str) -> None:
    with pytest.raises(InvalidOffset) as refusal:
        parse_non_negative(text, InvalidOffset, "Upload-Offset")
    assert explains(refusal.value, "Upload-Offset", shown(text), "non-negative integer")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("007", 7),
        ("0" * 5000 + "9", 9),
        ("9007199254740993", 2**53 + 1),
        ("9223372036854775807", LARGEST),
    ],
)
def test_numbers_keep_every_digit(text: str, number: int) -> None:
    assert parse_non_negative(text, BadHeader, "Upload-Length") == number


@pytest.mark.parametrize("text", ["9223372036854775808", "9" * 19, "1" * 20, "9" * 5000])
def test_a_number_no_database_holds_is_refused_however_long_it_is(text: str) -> None:
    with pytest.raises(BadHeader) as refusal:
        parse_non_negative(text, BadHeader, "Upload-Offset")
    assert explains(refusal.value, "Upload-Offset", str(LARGEST))
    assert len(str(refusal.value)) < 200


def test_only_what_is_too_long_to_show_is_shortened() -> None:
    assert shown("x" * 40) == f"'{'x' * 40}'"
    assert shown("x" * 41) == f"'{'x' * 40}'..."
    assert shown("\u00e9\n") == r"'\xe9\n'"


def test_a_number_too_large_may_be_another_refusal() -> None:
    with pytest.raises(MaxSizeExceeded):
        parse_non_negative("9" * 30, BadHeader, "Upload-Length", too_large=MaxSizeExceeded)


@given(st.one_of(st.text(), st.text("0123456789", max_size=25), st.from_regex(r"[0-9]+", fullmatch=True)))
@example("9223372036854775807")
@example("9223372036854775808")
def test_numbers_agree_with_a_reference_grammar(text: str) -> None:
    try:
        assert parse_non_negative(text, BadHeader, "X") == reference(text)
    except BadHeader:
        assert reference(text) is None


@given(st.integers(min_value=0, max_value=LARGEST), st.integers(min_value=0, max_value=30))
def test_numbers_survive_a_round_trip(number: int, zeros: int) -> None:
    assert number_in("0" * zeros + str(number)) == number


@given(st.text(st.characters()))
def test_what_is_shown_is_short_printable_ascii(text: str) -> None:
    seen = shown(text)
    assert seen.isascii()
    assert seen.isprintable()
    assert len(seen) < 450
