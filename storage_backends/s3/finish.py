"""From parts and tails to the object; idempotent, and true only when the object says so.

Completing may be tried by several workers, and tried again after its answer was lost. That a multipart upload
is gone never means that it was completed: only an object of the right size, of this upload, does.

Parts that clients sent are completed as they were committed, or not at all: who has a URL may send others.

Belongs here: that step. Not here: receiving (writer.py), making one object of several (assembly.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from storage_backends.base import (
    Kept,
    Ledger,
    Part,
    Segment,
    StorageAway,
    StorageChanged,
    StorageMissing,
    Stored,
    total_length,
)

from .control import Head
from .failures import NETWORK, Refused, Vanished
from .memory import parse_memory
from .numbers import Numbers
from .profiles import Digest
from .store import Store

_ATTEMPTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """One upload to be finished."""

    store: Store
    segment: Segment
    ledger: Ledger
    length: int
    direct: str | None = None
    """See `Memory.direct`."""

    @property
    def digest(self) -> Digest | None:
        """What its multipart upload was begun with."""
        if self.direct is None:
            return self.store.options.profile.digest
        return Digest.SHA256 if self.direct == "sha256" else None


async def finish(store: Store, segment: Segment, attempt_ref: str, ledger: Ledger) -> Stored:
    """The object. Raises StorageMissing when bytes below the line are not there, StorageChanged when clients
    sent others since, StorageAway."""
    kept = await ledger.recall()
    work = _Work(
        store=store,
        segment=segment,
        ledger=ledger,
        length=total_length([segment], attempt_ref),
        direct=parse_memory(kept.memory).direct,
    )
    parts = await ledger.parts()
    if parts:
        _check(parts, work.length)
    if kept.parted:
        return await _of_parts(work, kept, [part for part in parts if not part.is_tail])
    if len(parts) > 1:
        made = await store.put(attempt_ref, await store.load(parts), ledger.about)
        return await found(store, made.ref, work.length, ledger.about.upload_id)
    # The tail is the object; and without any rows what was put whole under the segment's own name.
    return await found(store, parts[0].ref if parts else segment.ref, work.length, None)


async def found(store: Store, ref: str, length: int, upload_id: str | None) -> Stored:
    """What is there, if it is what it should be. Raises StorageMissing."""
    head = await store.head(ref)
    if not _is_it(head, length, upload_id):
        raise StorageMissing(
            f"{ref} has {head.size} bytes of {head.upload_id}, wanted {length} of {upload_id}"
        )
    return Stored(ref=ref, length=head.size, identity=head.identity)


def _is_it(head: Head, length: int, upload_id: str | None) -> bool:
    return head.size == length and (upload_id is None or head.upload_id == upload_id)


def _check(parts: Sequence[Part], length: int) -> None:
    """Always true, or our rows are broken: then nobody gets an object with a hole, or in another order."""
    offset, are_tails = 0, False
    for part in parts:
        if part.offset != offset:
            raise StorageMissing(f"part {part.part_no} begins at {part.offset}, wanted {offset}")
        if are_tails and not part.is_tail:
            raise StorageMissing(f"part {part.part_no} lies behind a tail, which is the end of an object")
        are_tails = part.is_tail
        offset += part.length
    if offset != length:
        raise StorageMissing(f"the parts end at {offset}, wanted {length}")


async def _of_parts(work: _Work, kept: Kept, parts: list[Part]) -> Stored:
    numbers = Numbers(work.ledger, kept.memory, work.store.options.profile.most_parts)
    multipart = numbers.multipart
    if multipart is None:
        raise StorageMissing(f"{work.segment.ref}: there are parts, but no multipart upload")
    try:
        if kept.tails:
            blocks = await work.store.load(kept.tails)
            number = await numbers.take()
            last = await work.store.put_part(work.segment.ref, multipart, number, blocks, offset=kept.parted)
            parts = [*parts, last]
        return await _complete(work, multipart, parts)
    except Vanished as vanished:
        return await _completed_before(work, vanished)


async def _complete(work: _Work, multipart: str, parts: list[Part]) -> Stored:
    failed: Exception | None = None
    for _ in range(_ATTEMPTS):
        try:
            await work.store.complete(work.segment.ref, multipart, parts, work.digest)
        except Vanished:
            raise
        except (Refused, *NETWORK) as error:
            failed = error
            if (stored := await _if_completed(work)) is not None:
                return stored
            if isinstance(error, Refused) and not error.may_pass:
                refreshed = _as_listed if work.direct is None else _as_committed
                parts = await refreshed(work, multipart, parts, error)
        else:
            return await found(work.store, work.segment.ref, work.length, work.ledger.about.upload_id)
    raise StorageAway(f"{work.segment.ref} could not be completed: {failed}") from failed


async def _as_listed(work: _Work, multipart: str, parts: list[Part], error: Refused) -> list[Part]:
    """With the ETags that the store has now. Raises StorageMissing where it lacks a part.

    A number always means the same bytes, so a part that arrived twice may only have another ETag (where the
    store encrypts).
    """
    sent = {one.number: one for one in await work.store.sent(work.segment.ref, multipart)}
    for part in parts:
        one = sent.get(part.part_no)
        if one is None or one.size != part.length:
            raise StorageMissing(f"{work.segment.ref}: part {part.part_no} is not there: {error}")
    refreshed = [replace(part, etag=sent[part.part_no].etag) for part in parts]
    if refreshed == parts:
        raise error
    return refreshed


async def _as_committed(work: _Work, multipart: str, parts: list[Part], error: Refused) -> list[Part]:
    """Never: what was committed is there and refused all the same, or there is something else.

    Here another ETag may be that of other bytes. Raises StorageChanged then, and else `error`.
    """
    sent = {(one.number, one.etag, one.size) for one in await work.store.sent(work.segment.ref, multipart)}
    for part in parts:
        if (part.part_no, part.etag, part.length) not in sent:
            raise StorageChanged(f"part {part.part_no} is another one than when the upload was completed")
    raise error


async def _if_completed(work: _Work) -> Stored | None:
    """The object, where an attempt whose answer was lost, or another worker's, made it."""
    try:
        return await found(work.store, work.segment.ref, work.length, work.ledger.about.upload_id)
    except StorageMissing:
        return None


async def _completed_before(work: _Work, vanished: Vanished) -> Stored:
    stored = await _if_completed(work)
    if stored is None:
        raise StorageMissing(f"{work.segment.ref}: {vanished}, and there is no object") from vanished
    return stored
