"""Sizes, durations and file modes as people write them.

Belongs here: the units, reading them and writing them. Not here: settings.
"""

import re
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB
HOUR = 3600.0
DAY = 24 * HOUR


class Unit(StrEnum):
    """Marks a plain type with what its number or text stands for."""

    BYTES = "bytes"
    SECONDS = "seconds"
    MODE = "mode"
    SECRET = "secret"  # noqa: S105  # the name of a unit, not a password


Bytes = Annotated[int, Unit.BYTES]
Seconds = Annotated[float, Unit.SECONDS]
Mode = Annotated[int, Unit.MODE]
Secret = Annotated[str, Unit.SECRET]
"""A text that is never shown, and may be given as the path of a file that holds it (`<key>_file`)."""

MOST_BYTES = 2**63 - 1
"""What both databases can count."""
MOST_SECONDS = 36525 * DAY
"""A century: more is a slip, and dates must stay computable."""

_SIZE = re.compile(r"([0-9]{1,19}(?:\.[0-9]{1,9})?) ?([a-z]*)", re.IGNORECASE | re.ASCII)
_SIZE_UNITS = {"": 1, "b": 1} | {
    prefix + suffix: base**power
    for power, prefix in enumerate("kmgtp", start=1)
    for suffix, base in (("b", 1000), ("ib", 1024))
}
_NUMBER = r"([0-9]{1,12}(?:\.[0-9]{1,9})?)"
_PLAIN = re.compile(_NUMBER, re.ASCII)
_DURATION_UNITS = {
    unit: Decimal(seconds)
    for unit, seconds in (
        ("w", "604800"),
        ("d", "86400"),
        ("h", "3600"),
        ("m", "60"),
        ("s", "1"),
        ("ms", "0.001"),
    )
}
_DURATION = re.compile("".join(rf"(?:{_NUMBER}{unit})?" for unit in _DURATION_UNITS), re.ASCII)
_MODE = re.compile(r"(?:0o?)?([0-7]{3,4})", re.ASCII)


class Unreadable(ValueError):  # raised as what it says of a text
    """The text is none of what was wanted; `hint` may say what was probably meant."""

    def __init__(self, hint: str = "") -> None:
        super().__init__(hint)
        self.hint = hint


def parse_size(text: str) -> int:
    """Bytes in "64MiB" (1024), "5GB" (1000) or "4096". Raises Unreadable."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise Unreadable
    number, unit = found[1], found[2].lower()
    if unit not in _SIZE_UNITS:
        raise Unreadable(_size_hint(number, unit))
    size = Decimal(number) * _SIZE_UNITS[unit]
    if size != int(size) or size > MOST_BYTES:
        raise Unreadable("write a whole number of bytes, below 8 EiB")
    return int(size)


def _size_hint(number: str, unit: str) -> str:
    if f"{unit}ib" not in _SIZE_UNITS:
        return "the units are B, KB, MB, GB, TB (1000) and KiB, MiB, GiB, TiB (1024)"
    big = unit.upper()
    return f'write "{number}{"K" if big == "K" else big}iB" (1024) or "{number}{big}B" (1000)'


def parse_duration(text: str) -> float:
    """Seconds in "30s", "1h30m", "7d", "500ms" or "15". Raises Unreadable."""
    stripped = text.strip()
    if _PLAIN.fullmatch(stripped):
        return checked_seconds(float(stripped))
    found = _DURATION.fullmatch(stripped)
    if found is None or not stripped:
        raise Unreadable("the units are w, d, h, m, s and ms, largest first")
    numbers = zip(found.groups(), _DURATION_UNITS.values(), strict=True)
    return checked_seconds(float(sum((Decimal(n) * unit for n, unit in numbers if n), Decimal(0))))


def checked_seconds(seconds: float) -> float:
    """The same number, if a clock can bear it: not negative, not NaN, at most a century."""
    if not 0 <= seconds <= MOST_SECONDS:
        raise Unreadable("write a duration from 0 to 36525d")
    return seconds


def parse_mode(text: str) -> int:
    """A file mode in octal: "0750", "750" or "0o750". Raises Unreadable."""
    found = _MODE.fullmatch(text.strip())
    if found is None:
        raise Unreadable('a mode has three octal digits: "0750"')
    return int(found[1], 8)


def format_size(size: int) -> str:
    """The shortest exact spelling: "64MiB", or the number where no unit divides it."""
    for unit, factor in (("TiB", 1024 * GIB), ("GiB", GIB), ("MiB", MIB), ("KiB", KIB)):
        if size and size % factor == 0:
            return f"{size // factor}{unit}"
    return str(size)


def format_duration(seconds: float) -> str:
    """The shortest exact spelling in one unit: "30d", "90s", "0.25s"."""
    for unit, factor in (("d", DAY), ("h", HOUR), ("m", 60.0)):
        if seconds and seconds % factor == 0:
            return f"{seconds / factor:.0f}{unit}"
    return f"{Decimal(repr(seconds)).normalize():f}s"
