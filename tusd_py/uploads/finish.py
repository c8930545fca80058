"""Finishing: from "all bytes are durable" to a sealed object that is a file's version.

Idempotent: the request that completes an upload does it at once, and the finish job does it again if that
request's process died. Belongs here: that step. Not here: when it is tried (append.py, work/).
"""

from collections.abc import Sequence
from contextlib import aclosing, nullcontext, suppress
from dataclasses import dataclass, replace

from protocol.errors import (
    DigestMismatch,
    InvalidPart,
    MaxSizeExceeded,
    QuotaExceeded,
    UploadGone,
    UploadRejected,
)
from protocol.upload import Kind, Step, Transfer, Upload, UploadId
from storage_backends.base import ObjectStore, Segment, StorageChanged, StorageMissing, Stored
from tusd_py.log import get_logger
from tusd_py.metadata.plans import check_sum
from tusd_py.sniffing import LONGEST

from .admit import most_of
from .callbacks import ask_to_finish
from .context import Context
from .ledger import about
from .proof import check_stored
from .unnamed import give_back, judging, naming

log = get_logger("tusd_py.uploads")

SYSTEM = "system"
"""The actor of what nobody asked for."""
ENDED = (UploadGone, UploadRejected, DigestMismatch, InvalidPart, MaxSizeExceeded, QuotaExceeded)
"""What `finish` raises of an upload that will never be stored; after anything else the job tries again."""


async def finish(context: Context, upload: Upload) -> Upload:
    """The upload as stored; unchanged when it ended otherwise.

    Raises UploadGone when its bytes are not there: then it is lost, and nobody may be told that it is
    complete. Raises DigestMismatch of bytes that are not what their client said, and StorageError,
    DatabaseError and what `pre_finish` raises, after which the job tries again
    unless it is one of ENDED.
    """
    return await context.finishes.join(upload.id, lambda: _held(context, upload))


async def _held(context: Context, upload: Upload) -> Upload:
    async with context.holding(upload.id):
        return await _finish(context, upload)


async def _finish(context: Context, upload: Upload) -> Upload:
    try:
        made = await (_of_partials if upload.kind is Kind.FINAL else _of_segments)(context, upload)
    except StorageMissing:
        if await _lost(context, upload):
            raise UploadGone from None
        return upload
    except (UploadRejected, DigestMismatch, MaxSizeExceeded):
        await context.rows.end(upload.id, Step.REFUSE, actor=SYSTEM, seen=upload)
        raise
    except StorageChanged as changed:
        # Its client sent a part again, to the store itself: nothing of ours is lost.
        log.warning("upload.part_changed", upload=upload.id, error=str(changed))
        await context.rows.end(upload.id, Step.REFUSE, actor=SYSTEM, seen=upload)
        raise InvalidPart(str(changed)) from None
    try:
        finished = None if made is None else await _store(context, upload, made)
    except QuotaExceeded:
        # A final whose partials are used elsewhere too: nobody was told yet that it is complete.
        await context.rows.end(upload.id, Step.REFUSE, actor=SYSTEM, seen=upload)
        raise
    if made is None or finished is None:
        return upload
    announce_finished(context, finished)
    # Nothing names these any more. If this process dies first, the sweep finds them.
    await context.backend.delete(made.leftovers)
    return finished


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """A sealed object that no row names yet, or that is the segment it was received in."""

    stored: Stored
    leftovers: Sequence[str] = ()
    is_new: bool = True
    sniffed: str | None = None
    """What it looks like, where that is known only now."""


async def _of_segments(context: Context, upload: Upload) -> _Made:
    segments = await context.rows.segments(upload.id)
    ledger, attempt = context.ledger_of(upload), context.new_attempt(upload.key)
    named = {segment.ref for segment in segments}
    if isinstance(context.backend, ObjectStore):
        named |= {part.ref for part in await ledger.parts()}
    stored = await context.backend.finish(segments, attempt, ledger)
    made = _Made(stored=stored, leftovers=sorted(named - {stored.ref}), is_new=stored.ref == attempt)
    if upload.repr_digest is not None:
        await _compare(context, made, upload.repr_digest)
    if not upload.is_judged_late:
        return made
    # Nobody saw its bytes come. What is refused goes with the upload, which names it.
    return replace(made, sniffed=await _agreed(context, upload, stored))


async def _compare(context: Context, made: _Made, repr_digest: str) -> None:
    """In several requests nobody has seen all of it in one pass. Raises DigestMismatch.

    What a row names of a refused upload goes with its row; what none names goes here.
    """
    async with judging(context.backend, made.stored.ref) if made.is_new else nullcontext():
        await check_stored(context.backend, made.stored, repr_digest)


async def _of_partials(context: Context, final: Upload) -> _Made | None:
    """Always a copy, as partials may be used again. None when the plan is done: somebody was quicker."""
    partials = await context.rows.plan(final.id)
    if partials and final.length is not None:
        # Where the length of a partial was deferred, its creation could not ask.
        check_sum(final.length, limit=most_of(context, final))
    passing: list[str] = []
    try:
        return await _assembled(context, final, await _laid_out(context, partials, passing))
    finally:
        # No row names these, and the copy does without them.
        for ref in passing:
            await give_back(context.backend, ref)


async def _assembled(context: Context, final: Upload, segments: Sequence[Segment]) -> _Made | None:
    if not segments or sum(segment.length for segment in segments) != final.length:
        return None
    attempt = context.new_attempt(final.key)
    stored = await context.backend.assemble(segments, attempt, about(final))
    async with judging(context.backend, stored.ref):
        if final.repr_digest is not None:
            await check_stored(context.backend, stored, final.repr_digest)
        sniffed = await _agreed(context, final, stored)
    return _Made(stored=stored, sniffed=sniffed)


async def _agreed(context: Context, upload: Upload, stored: Stored) -> str | None:
    """What it looks like, where it may be so. Raises TypeRefused, and what `pre_finish` raises."""
    sniffed = await _judged(context, stored)
    await ask_to_finish(context.callbacks, upload, ref=stored.ref, length=stored.length)
    return sniffed


async def _laid_out(context: Context, partials: Sequence[UploadId], passing: list[str]) -> list[Segment]:
    """One behind the other; `passing` gets the names of what was made for this alone."""
    segments: list[Segment] = []
    offset = 0
    for partial in partials:
        for segment in await _segments_of_partial(context, partial, passing):
            segments.append(replace(segment, offset=offset))
            offset += segment.length
    return segments


async def _judged(context: Context, stored: Stored) -> str | None:
    """What one looks like whose first bytes are in one place only now. Raises TypeRefused."""
    if context.contents is None:
        return None
    head = b""
    async with aclosing(context.backend.read(stored.ref, 0, min(LONGEST, stored.length))) as blocks:
        async for block in blocks:
            head += block
    return await context.contents.judge(head)


async def _segments_of_partial(context: Context, partial: UploadId, passing: list[str]) -> list[Segment]:
    segments = await context.rows.segments(partial)
    seen = await context.rows.find(partial)
    if seen is None or seen.upload.state is Transfer.STORED or not isinstance(context.backend, ObjectStore):
        return segments
    # Deleted by its client when it was complete and not yet an object: the plan needs it as one.
    ref = context.new_attempt(seen.upload.key)
    stored = await context.backend.finish(segments, ref, context.ledger_of(seen.upload))
    if stored.ref == ref:
        passing.append(ref)
    return [Segment(ref=stored.ref, offset=0, length=stored.length)]


async def _lost(context: Context, upload: Upload) -> bool:
    """Only if it still waits to be finished: whoever finished or ended it first removed the segments."""
    if await context.rows.end(upload.id, Step.LOSE, actor=SYSTEM, seen=upload) is None:
        return False
    context.meter.lost()
    log.error("upload.lost", upload=upload.id, offset=upload.offset, reason="its bytes are not there")
    return True


async def _store(context: Context, upload: Upload, made: _Made) -> Upload | None:
    scan_after = context.taps.grace(upload.id)
    if made.sniffed is not None:
        upload = replace(upload, sniffed_type=made.sniffed)
    if not made.is_new:
        return await context.rows.store(upload, made.stored, scan_after=scan_after, actor=SYSTEM)
    async with naming(context.backend, made.stored.ref):
        finished = await context.rows.store(upload, made.stored, scan_after=scan_after, actor=SYSTEM)
    if finished is None:
        await give_back(context.backend, made.stored.ref)
    return finished


def announce_finished(context: Context, stored: Upload) -> None:
    """After the commit, never before it."""
    context.meter.finished(context.clock() - stored.created_at / 1e6, stored.length or 0)
    context.announcements.finished(context.callbacks, stored)
    context.stored()


async def finish_by_id(context: Context, upload: Upload | None) -> None:
    """What the finish job does."""
    if upload is not None and upload.state is Transfer.COMPLETING:
        # Lost, refused or ended otherwise: nothing is left to be done.
        with suppress(*ENDED):
            await finish(context, upload)
