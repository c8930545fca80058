"""Are the parts and tails that the rows name there? For fsck.

Belongs here: looking. Not here: what follows (fsck).
"""

from storage_backends.base import Ledger, Segment, StorageMissing

from .failures import Vanished
from .memory import parse_memory
from .store import Store


async def missing(store: Store, segment: Segment, ledger: Ledger) -> str | None:
    """What is not there of an unfinished upload; None when everything is."""
    parts = await ledger.parts()
    for tail in (part for part in parts if part.is_tail):
        try:
            size = (await store.head(tail.ref)).size
        except StorageMissing:
            size = 0
        if size != tail.length:
            return f"{tail.ref} has {size} bytes, wanted {tail.length}"
    wanted = {part.part_no: part.length for part in parts if not part.is_tail}
    if not wanted:
        return None
    multipart = parse_memory((await ledger.recall()).memory).multipart
    try:
        sent = {one.number: one.size for one in await store.sent(segment.ref, multipart or "")}
    except Vanished:
        return await _of_object(store, segment)
    lacking = sorted(number for number, size in wanted.items() if sent.get(number) != size)
    return f"{segment.ref} lacks the parts {lacking[:10]}" if lacking else None


async def _of_object(store: Store, segment: Segment) -> str | None:
    """It may have been completed, and the row not yet."""
    try:
        size = (await store.head(segment.ref)).size
    except StorageMissing:
        size = 0
    return None if size == segment.length else f"{segment.ref}: its multipart upload is gone"
