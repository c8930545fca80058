"""One file out of several segments.

Belongs here: copying bytes below the line into a new file, a piece at a time, so that a large upload never
occupies a disk thread for long. Not here: opening, naming and sealing (backend.py). All of it blocks.
"""

import errno
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from storage_backends.base import Segment, StorageMissing

PIECE = 64 << 20
"""Bytes copied by one disk operation at most."""

_BY_HAND = 1 << 20
"""Bytes read and written at once where the kernel does not copy between files."""

_NO_COPYING = frozenset({errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM})


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """`count` bytes at `position` of the file `ref`, which belong at `target` of the new one."""

    ref: str
    position: int
    count: int
    target: int


def pieces(segments: Sequence[Segment]) -> Iterator[Piece]:
    """What to copy, in order. Segments without bytes have nothing, perhaps not even a file."""
    for segment in segments:
        for position in range(0, segment.length, PIECE):
            count = min(PIECE, segment.length - position)
            yield Piece(ref=segment.ref, position=position, count=count, target=segment.offset + position)


def copy(piece: Piece, source: int, target: int) -> None:
    """Copy it from descriptor to descriptor. Raises StorageMissing when the source is too short, OSError."""
    done = 0
    while done < piece.count:
        copied = _copy_some(source, target, piece.count - done, piece.position + done, piece.target + done)
        if copied == 0:
            raise StorageMissing(f"{piece.ref} ends at {piece.position + done}, below the line")
        done += copied


def _copy_some(source: int, target: int, count: int, position: int, at: int) -> int:
    try:
        copied = os.copy_file_range(source, target, count, position, at)
    except OSError as exc:
        if exc.errno not in _NO_COPYING:
            raise
        copied = 0
    # Some filesystems copy nothing in the middle of a file; only what is read tells where one ends.
    return copied or _copy_by_hand(source, target, min(count, _BY_HAND), position, at)


def _copy_by_hand(source: int, target: int, count: int, position: int, at: int) -> int:
    rest = memoryview(os.pread(source, count, position))
    copied = len(rest)
    while rest:
        written = os.pwrite(target, rest, at)
        at += written
        rest = rest[written:]
    return copied
