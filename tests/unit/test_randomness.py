"""Names that nobody can guess, and nobody has twice."""

import os
from collections import Counter
from collections.abc import Callable

import pytest

from tusd_py.randomness import ALIKE, NEIGHBOURS, neighbouring_hex, random_hex

makers = pytest.mark.parametrize("make", [random_hex, neighbouring_hex])


@makers
def test_no_name_comes_twice(make: Callable[[int], str]) -> None:
    names = [make(16) for _ in range(10_000)]
    assert len(set(names)) == len(names)
    assert {len(name) for name in names} == {32}


@makers
def test_a_forked_child_has_names_of_its_own(make: Callable[[int], str]) -> None:
    make(16)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, make(16).encode())
        os._exit(0)
    os.waitpid(child, 0)
    of_child = os.read(reading, 100).decode()
    os.close(reading)
    os.close(writing)
    assert len(of_child) == 32
    own = make(16)
    assert of_child != own
    # By chance once in 16 million runs.
    assert of_child[: 2 * ALIKE] != own[: 2 * ALIKE]


def test_every_bit_is_used() -> None:
    ones = sum(int(random_hex(16), 16).bit_count() for _ in range(1000))
    assert 63_000 < ones < 65_000


def test_names_in_a_row_begin_alike_for_a_while_and_end_at_random() -> None:
    names = [neighbouring_hex(16) for _ in range(10 * NEIGHBOURS)]
    beginnings = Counter(name[: 2 * ALIKE] for name in names)
    assert 10 <= len(beginnings) <= 11
    assert max(beginnings.values()) == NEIGHBOURS
    endings = [name[2 * ALIKE :] for name in names]
    assert len(set(endings)) == len(names)
    ones = sum(int(ending, 16).bit_count() for ending in endings)
    bits = 4 * len(endings[0]) * len(endings)
    assert 0.49 < ones / bits < 0.51
