"""Tails: bytes that were acknowledged before they were enough for a part.

Each is an object of its own. A part takes them in when there is enough for one. Until then a chain that
grows is merged, eight of about one size into one, so that a client of tiny requests costs each byte a few
copies and a chain stays short.

Belongs here: which tails become one. Not here: sending (writer.py).
"""

from collections.abc import Sequence

from storage_backends.base import Part

FAN = 8
"""Tails of one magnitude that become one; a magnitude is eight times the one below."""


def taken_in(tails: Sequence[Part], size: int) -> int:
    """How many of the last tails a new tail of `size` bytes takes in."""
    taken = 0
    while True:
        run = _run(tails[: len(tails) - taken], _magnitude(size))
        if run < FAN - 1:
            return taken
        size += sum(tail.length for tail in tails[len(tails) - taken - run : len(tails) - taken])
        taken += run


def _run(tails: Sequence[Part], magnitude: int) -> int:
    """How many at the end are of that magnitude or below."""
    count = 0
    for tail in reversed(tails):
        if _magnitude(tail.length) > magnitude:
            break
        count += 1
    return count


def _magnitude(size: int) -> int:
    return (size.bit_length() - 1) // 3


def next_number(tails: Sequence[Part]) -> int:
    """Below those that are there; a tail's number means nothing but its row."""
    return min((tail.part_no for tail in tails), default=0) - 1
