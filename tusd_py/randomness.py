"""Names that nobody can guess.

Every call of the kernel gives up the interpreter lock, and under load getting it back takes longer than all
the rest of a small request; so its randomness is fetched for many names at once.
"""

import os
import threading

_BATCH = 4096
"""Bytes fetched at a time."""

_own = threading.local()


def random_hex(count: int) -> str:
    """`count` random bytes of the operating system, as twice as many hexadecimal digits."""
    unused: bytearray | None = getattr(_own, "unused", None)
    if unused is None or len(unused) < count:
        unused = _own.unused = bytearray(os.urandom(_BATCH))
    taken = unused[-count:]
    del unused[-count:]
    return taken.hex()


def _forget() -> None:
    """A forked child, which has one thread, would otherwise give out the names of its parent."""
    _own.__dict__.clear()


os.register_at_fork(after_in_child=_forget)
