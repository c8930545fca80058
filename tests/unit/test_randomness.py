"""Names that nobody can guess, and nobody has twice."""

import os

from tusd_py.randomness import random_hex


def test_no_name_comes_twice() -> None:
    names = [random_hex(16) for _ in range(10_000)]
    assert len(set(names)) == len(names)
    assert {len(name) for name in names} == {32}


def test_a_forked_child_has_names_of_its_own() -> None:
    random_hex(16)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, random_hex(16).encode())
        os._exit(0)
    os.waitpid(child, 0)
    of_child = os.read(reading, 100).decode()
    os.close(reading)
    os.close(writing)
    assert len(of_child) == 32
    assert of_child != random_hex(16)


def test_every_bit_is_used() -> None:
    ones = sum(int(random_hex(16), 16).bit_count() for _ in range(1000))
    assert 63_000 < ones < 65_000
