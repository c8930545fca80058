"""Whole numbers in headers, as strictly as the grammars write them.

Belongs here: turning digits into numbers. Not here: what a number means.
"""

import re

from .errors import ProtocolError

LARGEST = 2**63 - 1
"""What a database's BIGINT holds; larger numbers are refused before they reach one."""

# fullmatch, because "$" lets a trailing newline pass; int() alone takes "+5", " 5", "1_000" and "\u0665".
_DIGITS = re.compile(r"[0-9]+", re.ASCII)

_SHOWN = 40


def number_in(text: str) -> int | None:
    """The number that `text` writes in ASCII digits, leading zeros and all; None if it is anything else.

    Numbers above LARGEST come back as LARGEST + 1, whatever their size.
    """
    if not _DIGITS.fullmatch(text):
        return None
    significant = text.lstrip("0")
    # Counted first: int() raises past 4,300 digits.
    if len(significant) > len(str(LARGEST)):
        return LARGEST + 1
    return min(int(significant or "0"), LARGEST + 1)


def shown(text: str) -> str:
    """`text` quoted for an error message: printable ASCII on one line, and not long."""
    return ascii(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!a}..."


def parse_non_negative(
    text: str,
    error: type[ProtocolError],
    header_name: str,
    *,
    too_large: type[ProtocolError] | None = None,
) -> int:
    """A non-negative integer up to LARGEST, else `error` (or `too_large`, where that is another refusal)."""
    number = number_in(text)
    if number is None:
        raise error(f"{header_name} is {shown(text)}, wanted a non-negative integer in decimal digits")
    if number > LARGEST:
        raise (too_large or error)(f"{header_name} is {shown(text)}, wanted at most {LARGEST}")
    return number
