"""Sizes, durations and modes as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tusd_py.config.units import (
    MOST_BYTES,
    MOST_SECONDS,
    Unreadable,
    format_duration,
    format_size,
    parse_duration,
    parse_mode,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("4096", 4096),
        ("64MiB", 64 * 2**20),
        ("5GB", 5_000_000_000),
        ("1.5 GiB", 3 * 2**29),
        ("1kb", 1000),
        ("1 kib", 1024),
        ("2TB", 2 * 10**12),
        ("7B", 7),
        (" 10 ", 10),
    ],
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-1",
        "+5",
        "1_000",
        "64M",
        "64 parsecs",
        "0.5B",
        "1e9",
        "٣",
        "9EiB",
        "9223372036854775808",
        "1..5MB",
    ],
)
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        parse_size(text)


def test_an_ambiguous_unit_is_answered_with_both_meanings() -> None:
    with pytest.raises(Unreadable, match=r'write "64MiB" \(1024\) or "64MB" \(1000\)'):
        parse_size("64M")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("15", 15),
        ("0.5", 0.5),
        ("30s", 30),
        ("1h30m", 5400),
        ("7d", 604800),
        ("2w", 1209600),
        ("500ms", 0.5),
        ("1.5h", 5400),
        ("1d2h3m4s5ms", 93784.005),
    ],
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "s", "-1s", "1y", "1h30", "30m1h", "1s1s", "inf", "nan", "99999w", "1 h", "٣s"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "mode"), [("0750", 0o750), ("750", 0o750), ("0o640", 0o640), ("1777", 0o1777)]
)
def test_modes_are_octal(text: str, mode: int) -> None:
    assert parse_mode(text) == mode


@pytest.mark.parametrize("text", ["", "0x1ff", "790", "77", "u+rwx", "0o0o750"])
def test_what_is_no_mode_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        parse_mode(text)


@given(st.integers(0, MOST_BYTES))
def test_a_size_survives_being_written(size: int) -> None:
    assert parse_size(format_size(size)) == size


@given(st.integers(0, int(MOST_SECONDS) * 1000))
def test_a_duration_survives_being_written(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds / 1000)) == milliseconds / 1000
