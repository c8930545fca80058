"""Disk space reserved ahead of a writer, so that a full disk shows early and files stay in one piece.

It makes the file longer, which harms nobody: a file's size is never the offset. Failing to reserve is no
failure either, since the last bytes of a disk may still take what is to be written.

Belongs here: how much, and when. Not here: writing.
"""

import os
from contextlib import suppress

from .oserrors import FULL

SMALLEST = 1 << 20
"""Bytes; less is not worth the call."""


class Preallocation:
    """The reserved stretch of one file. Positions and lengths are bytes of that file."""

    __slots__ = ("_end", "_next", "_until", "_window")

    def __init__(self, *, window: int, end: int | None) -> None:
        """Reserve up to `window` bytes at a time, never past `end`; an unknown end (None) reserves none.

        What is reserved and not written is given back when the file is closed, which costs the kernel as much
        as writing it: `end` should be that of what this writer brings, where it is known.
        """
        self._window = window
        # Twice as much each time: a writer that brings little, as thousands of slow ones do, reserves little.
        self._next = SMALLEST
        self._end = 0 if end is None else end
        self._until = 0

    def reach(self, descriptor: int, position: int, count: int) -> None:
        """Before `count` bytes are written at `position`: reserve them and what follows, if not yet done."""
        if position + count <= self._until:
            return
        begin = max(position, self._until)
        wanted = min(self._window, max(self._next, position + count - begin), self._end - begin)
        if wanted < SMALLEST:
            return
        try:
            os.posix_fallocate(descriptor, begin, wanted)
        except OSError as exc:
            # No room for all of it, or a filesystem that cannot: from here on, plain writes.
            self._end = 0
            if exc.errno in FULL:
                _give_back(descriptor, begin)
            return
        self._until = begin + wanted
        self._next = 2 * wanted


def _give_back(descriptor: int, begin: int) -> None:
    # Some filesystems keep what they could get of a failed reservation; others may need it now.
    with suppress(OSError):
        os.ftruncate(descriptor, begin)
