"""Bytes whose place can be told from what they are, made from one small block that stays in the cache.

A body is the block, rotated by another amount each time; the amount follows from the number of the body and
the position. So making it costs nothing, and a server that drops, repeats or swaps bytes is found out.

Belongs here: the bytes, and comparing files with them. Not here: sending.
"""

import hashlib
import random
import struct
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

BLOCK = 256 * 1024
_ROTATION = 40_503  # odd, so that the rotations of consecutive blocks all differ
_BODIES = 7_919
_RANDOM = random.Random(4)  # noqa: S311 - the same bytes in every process, no secret
_DOUBLED = memoryview(_RANDOM.randbytes(BLOCK) * 2)
_NUMBER = struct.Struct(">Q")


class WrongBytes(Exception):
    """A server stored something else than it was sent."""


def slices(body: int, start: int, stop: int) -> Iterator[memoryview]:
    """Bytes [start, stop) of body number `body`, in pieces of at most 256 KiB, without copying."""
    while start < stop:
        block, within = divmod(start, BLOCK)
        count = min(BLOCK - within, stop - start)
        at = (body * _BODIES + block * _ROTATION + within) % BLOCK
        yield _DOUBLED[at : at + count]
        start += count


def sha(algorithm: str, body: int, start: int, stop: int) -> bytes:
    """Their digest."""
    digest = hashlib.new(algorithm)
    for piece in slices(body, start, stop):
        digest.update(piece)
    return digest.digest()


def small(number: int, length: int) -> bytes:
    """Upload number `number`, of at least 8 bytes."""
    return _NUMBER.pack(number) + bytes(_DOUBLED[: length - _NUMBER.size])


def check_bodies(folder: Path, bodies: Iterable[int], length: int) -> None:
    """Every one of the large bodies is in a file of its own below `folder`. Raises WrongBytes."""
    missing = set(bodies)
    for path in _files_of(folder, length):
        found = _body_in(path, missing)
        if found is not None:
            missing.discard(found)
    if missing:
        raise WrongBytes(f"{len(missing)} of the bodies sent are in no file of {length} bytes below {folder}")


def check_small(folder: Path, count: int, length: int) -> None:
    """Uploads 0 to `count` - 1 are in files below `folder`. Raises WrongBytes."""
    tail = small(0, length)[_NUMBER.size :]
    found = set()
    for path in _files_of(folder, length):
        stored = path.read_bytes()
        if stored[_NUMBER.size :] == tail:
            found.add(_NUMBER.unpack(stored[: _NUMBER.size])[0])
    missing = count - len(found & set(range(count)))
    if missing:
        raise WrongBytes(f"{missing} of {count} small uploads are in no file below {folder}")


def _files_of(folder: Path, length: int) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and path.stat().st_size == length)


def _body_in(path: Path, candidates: set[int]) -> int | None:
    with path.open("rb") as file:
        begin = file.read(BLOCK)
        for body in candidates:
            if begin == b"".join(slices(body, 0, len(begin))):
                return body if _is_the_rest(file.read, body, path.stat().st_size) else None
    return None


def _is_the_rest(read: Callable[[int], bytes], body: int, length: int) -> bool:
    # As bytes: comparing those is one memcmp.
    return all(read(len(piece)) == bytes(piece) for piece in slices(body, BLOCK, length))
