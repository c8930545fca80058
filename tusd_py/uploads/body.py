"""Writing one request's body under a lease, whatever verb it came with.

Belongs here: opening the file, receiving, and what is kept. Not here: who gets the lease (append.py,
create.py), the loop itself (receive.py).
"""

from protocol.errors import QuotaExceeded, UploadGone, UploadRejected
from protocol.upload import Step, Upload
from storage_backends.base import Block, StorageAway, StorageBroken, StorageMissing, Writer
from tusd_py.access.identity import Identity
from tusd_py.leases import Lease
from tusd_py.log import get_logger
from tusd_py.metadata.upload_row import current_segment

from .contents import Head, head_of
from .context import Context
from .finish import SYSTEM
from .ledger import Overtaken
from .line import Line, OnCommit
from .progress import begin_telling
from .proof import Proof
from .receive import JUDGEMENTS, Ending, Feed, Pace, Source, receive
from .taps import Tap

log = get_logger("tusd_py.uploads")


async def write_body(
    context: Context,
    identity: Identity,
    lease: Lease,
    source: Source,
    *,
    declared: int | None,
    room: int | None,
    expected: int | None,
    proof: Proof | None,
    complete: bool | None = None,
    on_commit: OnCommit | None = None,
) -> Ending:
    """Write a body under a lease; `lease.upload` is what was committed in the end.

    `expected` is how many bytes its sender says it has, where that was said; `complete` what it says of the
    upload's end (see `Creation`). Network endings keep what came, except of a body with a checksum: half of
    it proves nothing. What is to be true of the whole upload is judged at the end of it alone.

    Raises UploadRejected when the pre-finish callback said no or the content may not be (the upload is ended
    then), Overtaken, StorageError, DatabaseError.
    """
    source.obey(lease.stop)
    may_break_off = proof is None or not proof.binds
    head = head_of(context.contents, lease.upload)
    line = Line(
        context,
        lease,
        await _open(context, lease, declared=declared, expected=expected),
        actor=identity.actor,
        declared=declared,
        complete=complete,
        head=head,
        on_commit=on_commit,
    )
    # Only of a whole upload anybody wants to see the bytes.
    tap = context.taps.open(lease.upload, None if complete is False else expected)
    telling = begin_telling(context, lease.upload, lambda: line.written)
    try:
        with context.meter.receiving():
            ending = await receive(
                source, line, room=room, pace=_pace(context), proof=proof, tap=_feed(head, tap)
            )
        ending = _at_the_end(line, ending, proof, complete=complete)
        if ending is Ending.COMPLETE or (may_break_off and ending not in JUDGEMENTS):
            await _keep(line, tap if ending is Ending.COMPLETE else None)
    except StorageAway as away:
        log.warning("storage.away", upload=lease.upload.id, error=str(away))
        if may_break_off:
            await line.advance()
        ending = Ending.AWAY
    except QuotaExceeded:
        ending = Ending.QUOTA
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
        if telling is not None:
            telling.cancel()
        if tap is not None:
            tap.close()
        await line.drop()
    return ending


def _pace(context: Context) -> Pace:
    rules = context.rules
    return Pace(
        every_bytes=rules.checkpoint_bytes,
        every_seconds=rules.checkpoint_interval,
        least=rules.checkpoint_least,
    )


def _at_the_end(line: Line, ending: Ending, proof: Proof | None, *, complete: bool | None) -> Ending:
    """A body that its sender called the rest of the upload has to be just that, and the whole as promised."""
    if complete and ending is not Ending.COMPLETE:
        line.stays_open()
    if ending is not Ending.COMPLETE:
        return ending
    if complete and not line.ends_here():
        return Ending.TOO_SHORT
    if proof is None or not proof.judges_whole or not line.is_all:
        return ending
    if not proof.whole_holds():
        return Ending.CORRUPT
    line.note_proof()
    return ending


def _feed(head: Head | None, tap: Tap | None) -> Feed | None:
    """Both are shown what comes."""
    if head is None:
        return None if tap is None else tap.feed
    if tap is None:
        return head.feed

    def both(block: Block) -> None:
        head.feed(block)
        tap.feed(block)

    return both


async def _keep(line: Line, tap: Tap | None) -> None:
    """What came; a tap is told before the commit, so that it need not wait for it, and after it."""
    if tap is None:
        await line.finish()
        return
    tap.end(line.written)
    await line.finish()
    tap.keep()


async def _leave_segment(context: Context, lease: Lease) -> None:
    """After a failed sync nobody knows what the medium holds behind the line: nobody goes on in that file."""
    log.error("storage.sync_failed", upload=lease.upload.id, ref=lease.upload.ref, offset=lease.upload.offset)
    moved_on = await context.rows.seize(lease.upload)
    if moved_on is not None:
        lease.upload = moved_on


async def _open(context: Context, lease: Lease, *, declared: int | None, expected: int | None) -> Writer:
    upload = lease.upload
    length = upload.length if upload.length is not None else declared
    try:
        return await context.backend.writer(
            upload.id, current_segment(upload), length, context.ledger_of(upload), coming=expected
        )
    except StorageMissing:
        await _lose(context, upload)
        raise UploadGone from None


async def _lose(context: Context, upload: Upload) -> None:
    """Acknowledged bytes are not there: never silently rewound. The client hears 410 and starts anew.

    Raises Overtaken when somebody else did something with the upload, and thereby moved the bytes.
    """
    if await context.rows.end(upload.id, Step.LOSE, actor=SYSTEM, seen=upload) is None:
        raise Overtaken
    context.meter.lost()
    log.error("upload.lost", upload=upload.id, offset=upload.offset, ref=upload.ref)
