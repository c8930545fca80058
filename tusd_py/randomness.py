"""Names that nobody can guess.

Every call of the kernel gives up the interpreter lock, and under load getting it back takes longer than all
the rest of a small request; so its randomness is fetched for many names at once.
"""

import os
import threading

_BATCH = 4096
"""Bytes fetched at a time."""

NEIGHBOURS = 512
"""Names in a row that begin alike."""
ALIKE = 3
"""Bytes with which they do. Of 16 that leaves 104 bits to guess for whoever knows a neighbour."""

_own = threading.local()


def random_hex(count: int) -> str:
    """`count` random bytes of the operating system, as twice as many hexadecimal digits."""
    unused: bytearray | None = getattr(_own, "unused", None)
    if unused is None or len(unused) < count:
        unused = _own.unused = bytearray(os.urandom(_BATCH))
    taken = unused[-count:]
    del unused[-count:]
    return taken.hex()


def neighbouring_hex(count: int) -> str:
    """As `random_hex`; but names that are made in a row begin alike, by chance and not by the clock.

    An index keeps them side by side then. Names all over it had every commit read and write a page for each
    name in each of nine indexes: most of what a database did for a small upload.
    """
    left: int = getattr(_own, "left", 0)
    if not left:
        left, _own.beginning = NEIGHBOURS, random_hex(ALIKE)
    _own.left = left - 1
    beginning: str = _own.beginning
    return beginning + random_hex(count - ALIKE)


def _forget() -> None:
    """A forked child, which has one thread, would otherwise give out the names of its parent."""
    _own.__dict__.clear()


os.register_at_fork(after_in_child=_forget)
