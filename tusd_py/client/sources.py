"""What is sent: a file, bytes, or a stream of which nobody knows the end.

Belongs here: reading, in blocks and never as a whole, and noticing that a file changed meanwhile.
Not here: where the bytes go.
"""

import asyncio
import os
import stat
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from .errors import SourceChanged, SourceUnreadable
from .streams import StreamSource

BLOCK = 1 << 19
"""Most bytes that are read at once."""

Content = str | os.PathLike[str] | bytes | AsyncIterable[bytes]
"""What can be sent: a path, bytes, or a stream of bytes whose length nobody knows yet."""


class Source(Protocol):
    """Bytes that may be asked for again, as long as the server has not said that it has them."""

    @property
    def length(self) -> int | None:
        """All bytes; None while nobody knows."""

    @property
    def floor(self) -> int:
        """Bytes before it cannot be read any more."""

    async def reach(self, start: int, size: int) -> int:
        """Where the bytes end that can be read from `start` on, at most `size` (0 is no limit).

        The server has everything before `start`: it need not be held. Raises SourceSpent, SourceUnreadable.
        """

    async def read(self, start: int, stop: int) -> bytes:
        """Some bytes from `start` on, at least one, none from `stop` on.

        Raises SourceChanged, SourceUnreadable.
        """


@dataclass(frozen=True, slots=True)
class BytesSource:
    """Bytes in memory."""

    content: bytes

    @property
    def length(self) -> int:
        return len(self.content)

    @property
    def floor(self) -> int:
        return 0

    async def reach(self, start: int, size: int) -> int:
        return min(start + size, self.length) if size else self.length

    async def read(self, start: int, stop: int) -> bytes:
        return self.content[start : min(stop, start + BLOCK)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a file is known by. Another one under the same name, or a touched one, is another file."""

    path: str
    """Absolute, without symbolic links."""
    device: int
    inode: int
    size: int
    """Bytes."""
    mtime_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSource:
    """A regular file, held open, so that a new one put into its place does no harm."""

    descriptor: int
    identity: Identity

    @property
    def length(self) -> int:
        return self.identity.size

    @property
    def floor(self) -> int:
        return 0

    async def reach(self, start: int, size: int) -> int:
        return min(start + size, self.length) if size else self.length

    async def read(self, start: int, stop: int) -> bytes:
        return await asyncio.to_thread(self._read, start, min(BLOCK, stop - start))

    def _read(self, start: int, size: int) -> bytes:
        try:
            block = os.pread(self.descriptor, size, start)
            now = _identity_of(self.descriptor, self.identity.path)
        except OSError as failed:
            raise SourceUnreadable(f"cannot read {self.identity.path}: {failed.strerror}") from failed
        # Looked at after each read: the last bytes of a file that changed meanwhile are never sent.
        if now != self.identity or not block:
            raise SourceChanged(f"{self.identity.path} changed while it was sent")
        return block


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A part of a source, as a source of its own."""

    whole: Source
    start: int
    stop: int

    @property
    def length(self) -> int:
        return self.stop - self.start

    @property
    def floor(self) -> int:
        return 0

    async def reach(self, start: int, size: int) -> int:
        return min(start + size, self.length) if size else self.length

    async def read(self, start: int, stop: int) -> bytes:
        return await self.whole.read(self.start + start, self.start + stop)


@asynccontextmanager
async def opened(content: Content, *, held: int) -> AsyncIterator[Source]:
    """The source of `content`; `held` is how much of a stream is kept. Raises SourceUnreadable."""
    if isinstance(content, bytes):
        yield BytesSource(content)
    elif isinstance(content, AsyncIterable):
        yield StreamSource(content, held)
    else:
        source = await asyncio.to_thread(_open, Path(content))
        try:
            yield source
        finally:
            os.close(source.descriptor)


def _open(path: Path) -> FileSource:
    try:
        # Without O_NONBLOCK a FIFO would be waited for here.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as failed:
        # ValueError for a name with NUL.
        reason = failed.strerror if isinstance(failed, OSError) else failed
        raise SourceUnreadable(f"cannot read {path}: {reason}") from failed
    try:
        _check(descriptor, path)
        return FileSource(descriptor=descriptor, identity=_identity_of(descriptor, str(path.resolve())))
    except BaseException:
        os.close(descriptor)
        raise


def _check(descriptor: int, path: Path) -> None:
    seen = os.fstat(descriptor)
    if not stat.S_ISREG(seen.st_mode):
        raise SourceUnreadable(f"cannot send {path}: it is no regular file")
    try:
        has_more = seen.st_size == 0 and os.pread(descriptor, 1, 0)
    except OSError as failed:
        raise SourceUnreadable(f"cannot read {path}: {failed.strerror}") from failed
    if has_more:
        # As files below /proc do, which are made while they are read.
        raise SourceUnreadable(
            f"cannot send {path}: its size is said to be 0, and it is not empty; send it as a stream "
            f"(cat {path} | tusd-py upload URL -)"
        )


def _identity_of(descriptor: int, path: str) -> Identity:
    seen = os.fstat(descriptor)
    return Identity(
        path=path, device=seen.st_dev, inode=seen.st_ino, size=seen.st_size, mtime_ns=seen.st_mtime_ns
    )
