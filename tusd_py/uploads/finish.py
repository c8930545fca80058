"""Finishing: from "all bytes are durable" to a sealed object that is a file's version.

Idempotent: the request that completes an upload does it at once, and the finish job does it again if that
request's process died. Belongs here: that step. Not here: when it is tried (append.py, work/).
"""

from collections.abc import Sequence
from contextlib import suppress

import structlog

from protocol.errors import UploadGone
from protocol.upload import Step, Transfer, Upload
from storage_backends.base import Segment, StorageMissing, Stored

from .context import Context
from .unnamed import give_back, naming

log = structlog.get_logger("tusd_py.uploads")

SYSTEM = "system"
"""The actor of what nobody asked for."""


async def finish(context: Context, upload: Upload) -> Upload:
    """The upload as stored; unchanged when it ended otherwise.

    Raises UploadGone when its bytes are not there: then it is lost, and nobody may be told that it is
    complete. Raises StorageError and DatabaseError, after which the job tries again.
    """
    return await context.finishes.join(upload.id, lambda: _finish(context, upload))


async def _finish(context: Context, upload: Upload) -> Upload:
    segments = await context.rows.segments(upload.id)
    try:
        stored = await context.backend.finish(segments, context.new_attempt(upload.key))
    except StorageMissing:
        if await _lost(context, upload):
            raise UploadGone from None
        return upload
    finished = await _store(context, upload, segments, stored)
    if finished is None:
        return upload
    context.meter.finished(context.clock() - upload.created_at / 1e6, stored.length)
    # Nothing names the segments any more. If this process dies first, the sweep finds them.
    await context.backend.delete([segment.ref for segment in segments if segment.ref != stored.ref])
    return finished


async def _lost(context: Context, upload: Upload) -> bool:
    """Only if it still waits to be finished: whoever finished or ended it first removed the segments."""
    if await context.rows.end(upload.id, Step.LOSE, actor=SYSTEM, seen=upload) is None:
        return False
    context.meter.lost()
    log.error("upload.lost", upload=upload.id, offset=upload.offset, reason="its bytes are not there")
    return True


async def _store(
    context: Context, upload: Upload, segments: Sequence[Segment], stored: Stored
) -> Upload | None:
    if any(segment.ref == stored.ref for segment in segments):
        return await context.rows.store(upload, stored, actor=SYSTEM)
    async with naming(context.backend, stored.ref):
        finished = await context.rows.store(upload, stored, actor=SYSTEM)
    if finished is None:
        await give_back(context.backend, stored.ref)
    return finished


async def finish_by_id(context: Context, upload: Upload | None) -> None:
    """What the finish job does."""
    if upload is not None and upload.state is Transfer.COMPLETING:
        # Lost or ended otherwise: nothing is left to be done.
        with suppress(UploadGone):
            await finish(context, upload)
