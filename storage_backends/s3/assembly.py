"""One object out of several, copied by the store itself where it can.

A part that is copied comes from one object, and no part but the last may be small. So what lies at the seams
between small objects is fetched and sent. Belongs here: that plan, and carrying it out.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from storage_backends.base import About, Part, Segment, StorageError, StorageMissing, Stored, total_length

from .control import Begun
from .failures import NETWORK, Refused, Vanished
from .finish import found
from .reading import read
from .store import Source, Store

_AT_ONCE = 4
"""Pieces of one object. Most are copied by the store itself, and nothing of them is lost with a host."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One part of the new object."""

    sources: tuple[Source, ...]
    is_copied: bool
    """By the store: then it has one source."""

    @property
    def size(self) -> int:
        return sum(source.size for source in self.sources)


def plan(segments: Sequence[Segment], *, copied: int, sent: int, least: int, copies: bool) -> list[Piece]:
    """Parts of up to `copied` bytes where one object has `least` of them, else of `sent` bytes."""
    pieces: list[Piece] = []
    mixed: list[Source] = []
    for source in _sources(segments):
        rest = source
        if copies and mixed:
            rest = _fill(mixed, rest, least)
            if sum(one.size for one in mixed) >= least:
                pieces.append(Piece(sources=tuple(mixed), is_copied=False))
                mixed = []
        while rest.size:
            size = copied if copies and not mixed and rest.size >= least else sent
            if not copies or mixed or rest.size < least:
                rest = _fill(mixed, rest, sent)
                if sum(one.size for one in mixed) >= sent:
                    pieces.append(Piece(sources=tuple(mixed), is_copied=False))
                    mixed = []
                continue
            taken, rest = _split(rest, size)
            pieces.append(Piece(sources=(taken,), is_copied=True))
    if mixed:
        pieces.append(Piece(sources=tuple(mixed), is_copied=False))
    return pieces


def _sources(segments: Sequence[Segment]) -> Iterator[Source]:
    for segment in segments:
        if segment.length:
            yield Source(ref=segment.ref, start=0, stop=segment.length)


def _fill(mixed: list[Source], source: Source, size: int) -> Source:
    """Take from `source` until there are `size` bytes; what is left of it."""
    taken, rest = _split(source, max(0, size - sum(one.size for one in mixed)))
    if taken.size:
        mixed.append(taken)
    return rest


def _split(source: Source, size: int) -> tuple[Source, Source]:
    middle = min(source.start + size, source.stop)
    return (
        Source(ref=source.ref, start=source.start, stop=middle),
        Source(ref=source.ref, start=middle, stop=source.stop),
    )


async def assemble(store: Store, segments: Sequence[Segment], ref: str, about: About) -> Stored:
    """The object `ref`. Idempotent. Raises StorageMissing, StorageAway."""
    length = total_length(segments, ref)
    try:
        return await found(store, ref, length, about.upload_id)
    except StorageMissing:
        pass
    for segment in segments:
        if (size := (await store.head(segment.ref)).size if segment.length else 0) < segment.length:
            raise StorageMissing(f"{segment.ref} has {size} bytes, wanted {segment.length}")
    if length <= store.options.part_size:
        blocks = [block async for block in _content(store, tuple(_sources(segments)))]
        await store.put(ref, blocks, about)
        return await found(store, ref, length, about.upload_id)
    multipart = await store.begin(ref, about)
    target = _Target(store=store, ref=ref, multipart=multipart)
    try:
        return await _complete(target, await _send_all(target, segments, length), length, about)
    except BaseException:
        # Nobody knows its id but this call; if this fails too, the sweep finds it.
        await asyncio.shield(_abort(store, ref, multipart))
        raise


async def _abort(store: Store, ref: str, multipart: str) -> None:
    try:
        await store.abort(Begun(key=store.key(ref), multipart=multipart))
    except StorageError:
        return


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """The new object."""

    store: Store
    ref: str
    multipart: str


async def _send_all(target: _Target, segments: Sequence[Segment], length: int) -> list[Part]:
    store = target.store
    profile = store.options.profile
    sent = store.sizes.part_size(remaining=length, number=1)
    pieces = plan(
        segments,
        copied=sent if profile.equal_parts else min(profile.most_part, max(sent, store.options.copy_size)),
        sent=sent,
        least=sent if profile.equal_parts else profile.least_part,
        copies=profile.copies_parts and not profile.equal_parts,
    )
    offset = 0
    limit = asyncio.Semaphore(_AT_ONCE)
    tasks = []
    try:
        async with asyncio.TaskGroup() as group:
            for number, piece in enumerate(pieces, start=1):
                tasks.append(group.create_task(_send(target, number, piece, offset, limit)))
                offset += piece.size
    except ExceptionGroup as failed:
        # The others were cancelled for it; our callers know errors, not groups of them.
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]


async def _send(target: _Target, number: int, piece: Piece, offset: int, limit: asyncio.Semaphore) -> Part:
    store, ref, multipart = target.store, target.ref, target.multipart
    async with limit, store.sending:
        if piece.is_copied:
            return await store.copy_part(ref, multipart, number, piece.sources[0], offset=offset)
        store.budget.take_anyway(piece.size)
        try:
            blocks = [block async for block in _content(store, piece.sources)]
            return await store.put_part(ref, multipart, number, blocks, offset=offset)
        finally:
            store.budget.give(piece.size)


async def _content(store: Store, sources: Sequence[Source]) -> AsyncIterator[bytes]:
    for source in sources:
        async with aclosing(read(store, source.ref, source.start, source.stop)) as blocks:
            async for block in blocks:
                yield block


async def _complete(target: _Target, parts: list[Part], length: int, about: About) -> Stored:
    store, ref = target.store, target.ref

    async def attempt() -> None:
        await store.complete(ref, target.multipart, parts, store.options.profile.digest)

    try:
        await store.retries.run("CompleteMultipartUpload", attempt)
    except (Vanished, Refused, *NETWORK):
        # Perhaps by an attempt whose answer was lost.
        return await found(store, ref, length, about.upload_id)
    return await found(store, ref, length, about.upload_id)
