"""Bytes that can be made at any position from a seed, so that no file of gigabytes is held or stored.

A random block of 1 MiB is repeated, each time rotated by another amount; slices of it are handed out
without copying. Every test prints its seed, and the same seed makes the same bytes.

Belongs here: making and comparing content. Not here: sending it.
"""

import hashlib
import io
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BLOCK = 1 << 20
_STEP = 411_557  # odd, so the rotations of 2**20 blocks all differ


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """`length` bytes that follow from `seed`."""

    seed: int
    length: int
    _doubled: memoryview = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        block = random.Random(self.seed).randbytes(min(BLOCK, max(1, self.length)))
        whole = block if len(block) == BLOCK else block + bytes(BLOCK - len(block))
        object.__setattr__(self, "_doubled", memoryview(whole + whole))

    def __deepcopy__(self, memo: dict[int, object]) -> "Content":
        return self

    def slices(self, start: int, stop: int) -> Iterator[memoryview]:
        """Bytes [start, stop) in pieces of at most 1 MiB."""
        while start < stop:
            number, within = divmod(start, BLOCK)
            count = min(BLOCK - within, stop - start)
            at = (number * _STEP + within) % BLOCK
            yield self._doubled[at : at + count]
            start += count

    def read(self, start: int, stop: int) -> bytes:
        """Bytes [start, stop) at once; for small ranges."""
        return b"".join(self.slices(start, stop))

    def matches(self, start: int, found: bytes | bytearray | memoryview) -> bool:
        """Whether `found` is what the content has from `start` on."""
        view = memoryview(found)
        at = 0
        for piece in self.slices(start, start + len(view)):
            if view[at : at + len(piece)] != piece:
                return False
            at += len(piece)
        return True

    def sha256(self) -> str:
        digest = hashlib.sha256()
        for piece in self.slices(0, self.length):
            digest.update(piece)
        return digest.hexdigest()

    def write_to(self, path: Path) -> Path:
        """The content as a file, for clients that want one."""
        with path.open("wb") as file:
            for piece in self.slices(0, self.length):
                file.write(piece)
        return path


class ContentFile(io.RawIOBase):
    """A content as a seekable file, for clients that read from one."""

    def __init__(self, content: Content) -> None:
        super().__init__()
        self._content = content
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._content.length}[whence]
        self._at = base + offset
        return self._at

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer).cast("B")
        stop = min(self._at + len(view), self._content.length)
        filled = 0
        for piece in self._content.slices(self._at, stop):
            view[filled : filled + len(piece)] = piece
            filled += len(piece)
        self._at += filled
        return filled
