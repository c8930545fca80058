"""PATCH: append a body to an upload.

Belongs here: everything between a checked request and the offset that may be told.
Not here: headers (protocol/tus/patch.py), sockets (server/intake.py), answers (server/tus.py).
"""

import asyncio
from dataclasses import dataclass

import structlog

from protocol.errors import OffsetConflict, UploadGone, UploadRejected
from protocol.tus.patch import Append, check_append
from protocol.upload import OPEN, Step, Transfer, Upload, UploadId
from storage_backends.base import StorageBroken, StorageError, StorageMissing
from tusd_py.access.authorize import Action
from tusd_py.access.identity import Identity
from tusd_py.leases import Lease, NotOpen
from tusd_py.metadata.database import DatabaseError
from tusd_py.metadata.upload_row import current_segment

from .context import Context
from .finish import SYSTEM, finish
from .line import Line, Overtaken
from .lookup import find_upload
from .receive import JUDGEMENTS, Ending, Pace, Source, receive
from .unnamed import give_back, naming

log = structlog.get_logger("tusd_py.uploads")

FINISH_WITHIN = 2.0
"""Seconds that an answer waits for the file to be there, as clients like to fetch it at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """How it ended, and the upload as committed."""

    upload: Upload
    ending: Ending


async def append(
    context: Context, identity: Identity, upload_id: UploadId, request: Append, source: Source
) -> Appended:
    """Append what the source gives. Raises the ProtocolErrors of `check_append` before any byte is read."""
    upload = await find_upload(context, identity, Action.APPEND, upload_id)
    if upload.state not in OPEN:
        return _append_nothing(context, request, upload)
    if request.offset < upload.offset:
        # Certainly too low, whatever the present writer does: no reason to interrupt it.
        raise OffsetConflict(sent=request.offset, current=None if upload.holder else upload.offset)
    stored = await _append_whole(context, identity, upload, request, source)
    if stored is not None:
        return Appended(upload=stored, ending=Ending.COMPLETE)
    try:
        async with context.leases.acquire(upload_id, patience=context.rules.acquire_patience) as lease:
            room = check_append(request, lease.upload, context.rules.features)
            ending = await write_body(
                context, identity, lease, source, declared=_declared(lease.upload, request.length), room=room
            )
            upload = lease.upload
    except NotOpen as complete:
        return _append_nothing(context, request, complete.upload)
    return Appended(upload=await finish_soon(context, upload), ending=ending)


def _append_nothing(context: Context, request: Append, upload: Upload) -> Appended:
    """To a complete upload, nothing may be added; an empty PATCH at its end is a client making sure."""
    check_append(request, upload, context.rules.features)
    return Appended(upload=upload, ending=Ending.COMPLETE)


def _declared(upload: Upload, length: int | None) -> int | None:
    return length if upload.is_deferred else None


async def write_body(
    context: Context,
    identity: Identity,
    lease: Lease,
    source: Source,
    *,
    declared: int | None,
    room: int | None,
) -> Ending:
    """Write a body under a lease; `lease.upload` is what was committed in the end.

    Raises UploadRejected when the pre-finish callback refused (the upload is ended then), Overtaken,
    StorageError, DatabaseError.
    """
    source.obey(lease.stop)
    rules = context.rules
    line = await _open_line(context, identity, lease, declared)
    try:
        pace = Pace(every_bytes=rules.checkpoint_bytes, every_seconds=rules.checkpoint_interval)
        with context.meter.receiving():
            ending = await receive(source, line, room=room, pace=pace)
        if ending not in JUDGEMENTS:
            await line.finish()
    except UploadRejected:
        await context.rows.end(lease.upload.id, Step.REFUSE, actor=SYSTEM, seen=lease.upload)
        raise
    except StorageBroken:
        await line.drop()
        await _leave_segment(context, lease)
        raise
    finally:
        await line.drop()
    return ending


async def _leave_segment(context: Context, lease: Lease) -> None:
    """After a failed sync nobody knows what the medium holds behind the line: nobody goes on in that file."""
    log.error("storage.sync_failed", upload=lease.upload.id, ref=lease.upload.ref, offset=lease.upload.offset)
    moved_on = await context.rows.seize(lease.upload)
    if moved_on is not None:
        lease.upload = moved_on


async def _open_line(context: Context, identity: Identity, lease: Lease, declared: int | None) -> Line:
    upload = lease.upload
    length = upload.length if upload.length is not None else declared
    try:
        writer = await context.backend.writer(upload.id, current_segment(upload), length)
    except StorageMissing:
        # Acknowledged bytes are not there: never silently rewound. The client hears 410 and starts anew.
        if await context.rows.end(upload.id, Step.LOSE, actor=SYSTEM, seen=upload) is None:
            raise Overtaken from None  # and whoever did that moved the bytes
        context.meter.lost()
        log.exception("upload.lost", upload=upload.id, offset=upload.offset, ref=upload.ref)
        raise UploadGone from None
    return Line(context, lease, writer, actor=identity.actor, declared=declared)


async def _append_whole(
    context: Context, identity: Identity, upload: Upload, request: Append, source: Source
) -> Upload | None:
    """The short cut: a small upload that comes whole costs one file and one commit, and no lease."""
    length = upload.length if upload.length is not None else request.length
    untouched = upload.state is Transfer.CREATED and upload.holder is None
    if length is None or not untouched or request.body.expected != length:
        return None
    if length > context.rules.inline_limit:
        return None
    check_append(request, upload, context.rules.features)
    content = await source.whole(length)
    if content is None:
        return None
    try:
        await context.callbacks.before_finish(upload)
    except UploadRejected:
        await context.rows.end(upload.id, Step.REFUSE, actor=SYSTEM, seen=upload)
        raise
    stored = await context.backend.put(upload.id, context.new_attempt(upload.key), [content], sealed=True)
    async with naming(context.backend, stored.ref):
        moved = await context.rows.store_whole(
            upload, stored, synced=context.rules.survives_power, actor=identity.actor
        )
    if moved is None:
        await give_back(context.backend, stored.ref)
        raise Overtaken
    context.meter.received(length)
    context.meter.finished(context.clock() - upload.created_at / 1e6, length)
    return moved


async def finish_soon(context: Context, upload: Upload) -> Upload:
    """Finish a complete upload before its client is told, if that is quick. The client is told in any case.

    What fails or takes longer is left to the finish job, which was committed with the last byte.
    """
    if upload.state is not Transfer.COMPLETING:
        return upload
    try:
        # It goes on when the time is over: see Finishes.
        return await asyncio.wait_for(finish(context, upload), FINISH_WITHIN)
    except TimeoutError:
        log.info("upload.finish_postponed", upload=upload.id, error="it takes longer")
    except (StorageError, DatabaseError) as failed:
        log.warning("upload.finish_postponed", upload=upload.id, error=str(failed))
    return upload
