"""Writing one request's body under a lease, whatever verb it came with.

Belongs here: opening the file, receiving, and what is kept. Not here: who gets the lease (append.py,
create.py), the loop itself (receive.py).
"""

from protocol.errors import UploadGone, UploadRejected
from protocol.tus.checksum import Checksum
from protocol.upload import Step, Upload
from storage_backends.base import StorageAway, StorageBroken, StorageMissing
from tusd_py.access.identity import Identity
from tusd_py.leases import Lease
from tusd_py.log import get_logger
from tusd_py.metadata.upload_row import current_segment

from .context import Context
from .finish import SYSTEM
from .ledger import Overtaken
from .line import Line
from .proof import proof_of
from .receive import JUDGEMENTS, Ending, Pace, Source, receive

log = get_logger("tusd_py.uploads")


async def write_body(
    context: Context,
    identity: Identity,
    lease: Lease,
    source: Source,
    *,
    declared: int | None,
    room: int | None,
    checksum: Checksum | None,
) -> Ending:
    """Write a body under a lease; `lease.upload` is what was committed in the end.

    Network endings keep what came, except of a body with a checksum: half of it proves nothing.

    Raises UploadRejected when the pre-finish callback refused (the upload is ended then), Overtaken,
    StorageError, DatabaseError.
    """
    source.obey(lease.stop)
    rules = context.rules
    line = await _open_line(context, identity, lease, declared)
    try:
        pace = Pace(every_bytes=rules.checkpoint_bytes, every_seconds=rules.checkpoint_interval)
        with context.meter.receiving():
            ending = await receive(source, line, room=room, pace=pace, proof=proof_of(checksum))
        if ending is Ending.COMPLETE or (checksum is None and ending not in JUDGEMENTS):
            await line.finish()
    except StorageAway as away:
        log.warning("storage.away", upload=lease.upload.id, error=str(away))
        if checksum is None:
            await line.advance()
        ending = Ending.AWAY
    except StorageMissing:
        await _lose(context, lease.upload)
        raise UploadGone from None
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
        writer = await context.backend.writer(
            upload.id, current_segment(upload), length, context.ledger_of(upload)
        )
    except StorageMissing:
        await _lose(context, upload)
        raise UploadGone from None
    return Line(context, lease, writer, actor=identity.actor, declared=declared)


async def _lose(context: Context, upload: Upload) -> None:
    """Acknowledged bytes are not there: never silently rewound. The client hears 410 and starts anew.

    Raises Overtaken when somebody else did something with the upload, and thereby moved the bytes.
    """
    if await context.rows.end(upload.id, Step.LOSE, actor=SYSTEM, seen=upload) is None:
        raise Overtaken
    context.meter.lost()
    log.error("upload.lost", upload=upload.id, offset=upload.offset, ref=upload.ref)
