"""Rows for storage backends, without a database: what is committed is what the test says.

`Book` is the ledger of one upload. `Booked` is a backend together with its books, which shows every upload's
bytes under the upload's own name, wherever an object store keeps them; files have them there anyway.

Belongs here: that stand-in, held to what `metadata/kept.py` does by the tests over real rows
(tests/integration/test_s3.py). Not here: tests.
"""

import itertools
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace

from storage_backends.base import (
    About,
    Block,
    Checkpoint,
    Kept,
    Listed,
    ObjectStore,
    Part,
    Segment,
    StorageBackend,
    StorageMissing,
    Stored,
    Writer,
    total_length,
)
from storage_backends.refs import attempt_ref, components

UPLOAD = "0123456789abcdef0123456789abcdef"
ABOUT = About(upload_id=UPLOAD, filename="a b.png", media_type="image/png")


class Fenced(Exception):
    """The writer was overtaken."""


@dataclass(slots=True)
class Book:
    """The rows of one upload."""

    ref: str
    memory: str = "{}"
    committed: tuple[Part, ...] = ()
    epoch: int = 0
    promised: dict[int, Checkpoint] = field(default_factory=dict)
    """Checkpoints by offset that were not committed yet."""
    object: str | None = None
    """What the upload became."""

    def commit(self, checkpoint: Checkpoint) -> None:
        """As the statement that moves the line."""
        dropped = {(part.part_no, part.ref) for part in checkpoint.dropped}
        left = [part for part in self.committed if (part.part_no, part.ref) not in dropped]
        self.committed = tuple(sorted([*left, *checkpoint.parts], key=lambda part: part.offset))
        assert len({part.part_no for part in self.committed}) == len(self.committed)
        self.memory = checkpoint.memory or self.memory

    def open(self, length: int) -> "Page":
        """As whoever goes on from `length`: what was told up to there was committed, and nothing after."""
        for offset in sorted(self.promised):
            if offset <= length:
                self.commit(self.promised[offset])
        self.promised = {}
        self.epoch += 1
        return Page(self, self.epoch)


MOST = 256 << 10
"""Bytes given out at once."""

_NAMES = itertools.count(1000)


@dataclass(frozen=True, slots=True)
class Page:
    """The ledger of one writer."""

    book: Book
    epoch: int

    @property
    def about(self) -> About:
        return ABOUT

    async def recall(self) -> Kept:
        parts = [part for part in self.book.committed if not part.is_tail]
        return Kept(
            memory=self.book.memory,
            parted=max((part.offset + part.length for part in parts), default=0),
            tails=tuple(part for part in self.book.committed if part.is_tail),
        )

    async def parts(self) -> Sequence[Part]:
        return self.book.committed

    async def remember(self, memory: str, *, instead_of: str) -> None:
        if self.epoch != self.book.epoch:
            raise Fenced
        # What a writer promised in a checkpoint is committed before it asks for anything else.
        known = [self.book.memory, *(one.memory for one in self.book.promised.values())]
        assert instead_of in known, f"{instead_of} instead of {known}"
        self.book.memory = memory

    def new_ref(self) -> str:
        return attempt_ref(self.book.ref, "beef", next(_NAMES))


def no_rows(ref: str = "none") -> Page:
    """For files, which keep nothing in rows."""
    return Book(ref).open(0)


class BookedWriter:
    """Notes its checkpoints."""

    def __init__(self, writer: Writer, page: Page) -> None:
        self._writer = writer
        self._page = page

    @property
    def offset(self) -> int:
        return self._writer.offset

    async def write(self, block: Block) -> None:
        await self._writer.write(block)

    async def checkpoint(self) -> Checkpoint:
        return self._noted(await self._writer.checkpoint())

    async def progress(self) -> Checkpoint:
        return self._noted(await self._writer.progress())

    def _noted(self, checkpoint: Checkpoint) -> Checkpoint:
        book = self._page.book
        if self._page.epoch == book.epoch and (checkpoint.parts or checkpoint.memory):
            before = book.promised.get(checkpoint.offset)
            parts = (*(before.parts if before else ()), *checkpoint.parts)
            dropped = (*(before.dropped if before else ()), *checkpoint.dropped)
            gone = {(part.part_no, part.ref) for part in checkpoint.dropped}
            book.promised[checkpoint.offset] = replace(
                checkpoint,
                parts=tuple(part for part in parts if (part.part_no, part.ref) not in gone),
                dropped=dropped,
            )
        return replace(checkpoint, parts=(), dropped=(), memory=None)

    async def close(self, committed: int) -> None:
        await self._writer.close(committed)


class Booked:
    """A backend and the books of its uploads."""

    def __init__(self, backend: StorageBackend) -> None:
        self.backend = backend
        self.books: dict[str, Book] = {}

    def book(self, ref: str) -> Book:
        return self.books.setdefault(ref, Book(ref))

    async def writer(self, upload_id: str, segment: Segment, length: int | None) -> BookedWriter:
        page = self.book(segment.ref).open(segment.offset + segment.length)
        if self._is_whole(segment.ref):
            await self._become_tail(page.book)
        return BookedWriter(await self.backend.writer(upload_id, segment, length, page), page)

    async def put(self, upload_id: str, ref: str, content: Sequence[Block], *, sealed: bool) -> Stored:
        stored = await self.backend.put(replace(ABOUT, upload_id=upload_id), ref, content, sealed=sealed)
        if isinstance(self.backend, ObjectStore):
            self.book(ref).object = ref
        return stored

    async def finish(self, segments: Sequence[Segment], ref: str) -> Stored:
        if not isinstance(self.backend, ObjectStore):
            return await self.backend.finish(segments, ref, no_rows())
        total_length(segments, ref)
        if len(segments) > 1:
            return await self._assemble(segments, ref)
        name = segments[0].ref if segments else ref
        page = self.book(name).open(sum(segment.length for segment in segments))
        before = page.book.object
        if before is not None and not page.book.committed:
            segments = [replace(segment, ref=before) for segment in segments]
        stored = await self.backend.finish(segments, attempt_ref(name, "beef", next(_NAMES)), page)
        page.book.object = stored.ref
        return replace(stored, ref=name)

    async def _assemble(self, segments: Sequence[Segment], ref: str) -> Stored:
        """As a final is made of partials, each of which is an object first."""
        objects = []
        for segment in segments:
            if segment.length and self.book(segment.ref).object is None:
                await self.finish([replace(segment, offset=0)], "unused")
            objects.append(replace(segment, ref=self.book(segment.ref).object or segment.ref))
        stored = await self.backend.assemble(objects, ref, ABOUT)
        self.book(ref).object = ref
        return stored

    async def stat(self, ref: str) -> Stored:
        components(ref)
        book = self.books.get(ref)
        if isinstance(self.backend, ObjectStore) and book is not None and book.object is None:
            length = sum(part.length for part in self._tails(book))
            return Stored(ref=ref, length=length, identity="unfinished")
        return replace(await self.backend.stat(self._object(ref)), ref=ref)

    async def read(
        self, ref: str, start: int, stop: int, *, identity: str | None = None
    ) -> AsyncGenerator[bytes, None]:
        book = self.books.get(ref)
        if book is None or book.object is not None or not self._tails(book):
            async for block in self.backend.read(self._object(ref), start, stop, identity=identity):
                yield block
            return
        content = b"".join(
            [
                block
                for part in self._tails(book)
                async for block in self.backend.read(part.ref, 0, part.length)
            ]
        )
        if stop > len(content):
            raise StorageMissing(ref)
        for position in range(start, stop, MOST):
            yield content[position : min(position + MOST, stop)]

    async def delete(self, refs: Sequence[str]) -> None:
        names = list(refs)
        for ref in refs:
            book = self.books.get(ref)
            if book is not None:
                names += [part.ref for part in self._tails(book)]
                names += [book.object] if book.object is not None else []
        await self.backend.delete(names)
        for ref in refs:
            self.books.pop(ref, None)

    async def list(self) -> AsyncGenerator[Listed, None]:
        """An upload's own name for what its rows name; nothing that only a writer who is gone knows of."""
        named = {part.ref: book.ref for book in self.books.values() for part in self._tails(book)}
        named |= {book.object: book.ref for book in self.books.values() if book.object is not None}
        sizes: dict[str, int] = {}
        async for listed in self.backend.list():
            if isinstance(self.backend, ObjectStore) and "~wbeef." in listed.ref and listed.ref not in named:
                continue
            name = named.get(listed.ref, listed.ref)
            sizes[name] = sizes.get(name, 0) + listed.size
        for name, size in sizes.items():
            yield Listed(ref=name, size=size)

    async def remove_empty_folders(self) -> None:
        await self.backend.remove_empty_folders()

    async def ensure_room(self, wanted: int) -> None:
        await self.backend.ensure_room(wanted)

    def _object(self, ref: str) -> str:
        book = self.books.get(ref)
        return ref if book is None or book.object is None else book.object

    def _is_whole(self, ref: str) -> bool:
        book = self.books[ref]
        return book.object is not None and not book.committed

    async def _become_tail(self, book: Book) -> None:
        """What was put whole can go on: its object is the first tail."""
        assert book.object is not None
        length = (await self.backend.stat(book.object)).length
        book.committed = (Part(part_no=-1, offset=0, length=length, ref=book.object),)
        book.object = None

    @staticmethod
    def _tails(book: Book) -> Sequence[Part]:
        """Also those that were only promised."""
        parts = [*book.committed, *(part for one in book.promised.values() for part in one.parts)]
        gone = {(part.part_no, part.ref) for one in book.promised.values() for part in one.dropped}
        return [part for part in parts if part.is_tail and (part.part_no, part.ref) not in gone]
