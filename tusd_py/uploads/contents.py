"""What the first bytes of an upload look like, judged before anybody is told that they are here.

The judgement is made of what the commit in hand makes safe: bytes behind the line may be replaced by others.
Until there are enough of them they are kept in the row, so that nobody hides a file's kind by sending its
first byte alone.

Belongs here: gathering and asking. Not here: libmagic (sniffing.py), which types are allowed
(access/admission.py). Pieces of a file are not judged; the file they become is (finish.py).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from protocol.upload import Kind, Upload
from storage_backends.base import Block
from tusd_py.sniffing import LONGEST, Sniff


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """For the commit: the type once it is known, else what is known of the bytes."""

    sniffed: str | None = None
    head: str | None = None
    """In hexadecimal digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """How contents are judged."""

    sniff: Sniff
    check: Callable[[str | None], None]
    """Raises TypeRefused."""

    async def judge(self, head: bytes) -> str | None:
        """The type of what begins so. Raises TypeRefused."""
        sniffed = await asyncio.to_thread(self.sniff, head)
        self.check(sniffed)
        return sniffed


class Head:
    """The first bytes of one upload, while one request writes to it."""

    def __init__(self, contents: Contents, upload: Upload) -> None:
        self._contents = contents
        self._seen = bytes.fromhex(upload.head or "")

    def feed(self, block: Block) -> None:
        """The next bytes; from any thread, one call at a time."""
        if len(self._seen) < LONGEST:
            self._seen += bytes(memoryview(block)[: LONGEST - len(self._seen)])

    async def judged(self, offset: int, length: int | None) -> Judged:
        """As of a line at `offset`. Raises TypeRefused."""
        head = self._seen[:offset]
        if len(head) < LONGEST and offset != length:
            return Judged(head=head.hex())
        return Judged(sniffed=await self._contents.judge(head))


def head_of(contents: Contents | None, upload: Upload) -> Head | None:
    """None where nobody wants to know, or it is known, or it cannot be known any more.

    That is so for an upload that began before anybody wanted to: its first bytes were not kept, and what
    comes now is its middle, which may look like anything.
    """
    if contents is None or upload.kind is not Kind.WHOLE or upload.sniffed_type is not None:
        return None
    kept = len(upload.head or "") // 2
    return Head(contents, upload) if kept == upload.offset < LONGEST else None
