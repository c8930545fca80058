"""PATCH: append a body to an upload.

Belongs here: everything between a checked request and the offset that may be told.
Not here: headers (protocol/tus/patch.py), sockets (server/intake.py), answers (server/tus.py).
"""

import asyncio
from dataclasses import dataclass, replace

from protocol.append import Append, check_append
from protocol.checksum import Checksum
from protocol.digest_fields import check_same, kept_repr_digest
from protocol.errors import (
    AlreadyComplete,
    ChecksumMismatch,
    DigestMismatch,
    DigestPending,
    ModifyFinal,
    OffsetConflict,
    ProtocolError,
    QuotaExceeded,
    UploadLocked,
    UploadRejected,
)
from protocol.expiry import expiry_headers, refusals_tell_expiry
from protocol.upload import OPEN, Dialect, Kind, Step, Transfer, Upload, UploadId
from storage_backends.base import StorageError, Stored
from tusd_py.access.authorize import Action
from tusd_py.access.identity import Identity
from tusd_py.leases import NotOpen
from tusd_py.log import get_logger
from tusd_py.metadata.database import DatabaseError

from .admit import admit_length, room_of
from .body import write_body
from .callbacks import ask_to_finish
from .context import Context
from .finish import ENDED, SYSTEM, announce_finished, finish
from .ledger import Overtaken, about
from .line import OnCommit
from .lookup import find_upload
from .permit import permit
from .proof import check_whole, proof_of
from .receive import Ending, Source, SourceEnded
from .unnamed import give_back, judging, naming

log = get_logger("tusd_py.uploads")

FINISH_WITHIN = 2.0
"""Seconds that an answer waits for the file to be there, as clients like to fetch it at once."""
PROVE_WITHIN = 25.0
"""The same where the upload is complete only if it is what its client said: no longer than proxies wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """How it ended, and the upload as committed."""

    upload: Upload
    ending: Ending


async def append(
    context: Context,
    identity: Identity,
    upload_id: UploadId,
    request: Append,
    source: Source,
    *,
    on_commit: OnCommit | None = None,
) -> Appended:
    """Append what the source gives. Raises the ProtocolErrors of `check_append` before any byte is read.

    `on_commit` hears of commits on the way.
    """
    fresh = context.rows.take_fresh(upload_id)
    if fresh is not None and _is_all_of(request, fresh):
        stored = await _append_to_fresh(context, identity, fresh, request, source)
        if stored is not None:
            return Appended(upload=stored, ending=Ending.COMPLETE)
    upload = await find_upload(context, identity, Action.APPEND, upload_id, dialect=request.dialect)
    with refusals_tell_expiry(upload):
        _refuse_in_vain(request, upload)
        check_same(request.whole, upload.repr_digest)
    if upload.state not in OPEN:
        return await _append_nothing(context, request, upload, source)
    if upload.is_deferred:
        with refusals_tell_expiry(upload):
            admit_length(context, upload, request.length)
    try:
        stored = await _append_whole(context, identity, upload, request, source)
    except QuotaExceeded:
        return Appended(upload=upload, ending=Ending.QUOTA)
    if stored is not None:
        return Appended(upload=stored, ending=Ending.COMPLETE)
    try:
        async with context.leases.acquire(upload_id, patience=context.rules.acquire_patience) as lease:
            room = _room(context, request, lease.upload)
            ending = await write_body(
                context,
                identity,
                lease,
                source,
                declared=request.length if lease.upload.is_deferred else None,
                room=room,
                expected=request.body.expected,
                proof=proof_of(request.checksums, _whole(request, lease.upload)),
                complete=request.complete,
                on_commit=on_commit,
            )
            upload = lease.upload
    except NotOpen as complete:
        return await _append_nothing(context, request, complete.upload, source)
    except UploadLocked as locked:
        locked.headers.update(expiry_headers(upload))
        raise
    if _is_over(ending, upload, request):
        await context.rows.end(upload.id, Step.REFUSE, actor=SYSTEM, seen=upload)
        upload = replace(upload, state=Transfer.REFUSED)
    return Appended(upload=await finish_soon(context, upload), ending=ending)


def _is_over(ending: Ending, upload: Upload, request: Append) -> bool:
    """Whatever is sent from now on, nothing good comes of it."""
    if ending is Ending.TOO_LONG and upload.dialect is Dialect.IETF:
        # "marking the upload resource invalid and rejecting any further interaction with it" (4.4.2)
        return upload.length is not None or request.length is not None
    return ending is Ending.CORRUPT


def _is_all_of(request: Append, fresh: Upload) -> bool:
    """Whatever happened to the row meanwhile, nothing but that can be wrong with this request."""
    is_whole = request.offset == 0 and request.length is None and request.body.expected == fresh.length
    return is_whole and request.dialect is fresh.dialect


async def _append_to_fresh(
    context: Context, identity: Identity, fresh: Upload, request: Append, source: Source
) -> Upload | None:
    """The short cut without reading the row first; None when it has to be read after all."""
    await permit(context, identity, Action.APPEND, fresh)
    try:
        return await _append_whole(context, identity, fresh, request, source)
    except (Overtaken, ChecksumMismatch):
        # Somebody did something with it since, or may have: what a refusal says has to come from the row as
        # it is now. The source still has all its bytes.
        return None


def _whole(request: Append, upload: Upload) -> tuple[Checksum, ...]:
    """What the upload must hash to, where the body may be all of it; else reading it in the end tells."""
    is_all = request.offset == 0 and request.body.may_be_all(
        _length(request, upload), complete=request.complete
    )
    return (*kept_repr_digest(upload.repr_digest), *request.whole) if is_all else ()


def _length(request: Append, upload: Upload) -> int | None:
    return upload.length if upload.length is not None else request.length


def _refuse_in_vain(request: Append, upload: Upload) -> None:
    """What no writer who is at work now can make right. Raises ModifyFinal, OffsetConflict."""
    if upload.kind is Kind.FINAL:
        # "The Server MUST respond with the 403 Forbidden status to PATCH requests against a final upload."
        raise ModifyFinal
    if upload.dialect is Dialect.TUS and upload.state in OPEN and request.offset < upload.offset:
        # No reason to interrupt it. The IETF's clients must always hear the offset, which a writer may move.
        raise OffsetConflict(sent=request.offset, current=None if upload.holder else upload.offset)


def _room(context: Context, request: Append, upload: Upload) -> int | None:
    """How many bytes may follow; None for any. Raises like `check_append`, before any is asked for."""
    room = check_append(request, upload, context.rules.features)
    if upload.is_deferred:
        with refusals_tell_expiry(upload):
            admit_length(context, upload, upload.offset + request.body.least)
    return room_of(context, upload, room)


async def _append_nothing(context: Context, request: Append, upload: Upload, source: Source) -> Appended:
    """To a complete upload, nothing may be added; an empty PATCH at its end is a client making sure."""
    check_append(request, upload, context.rules.features)
    if request.complete is False:
        raise AlreadyComplete
    try:
        # A chunked body does not say beforehand that there is nothing in it.
        if request.body.present and await source.read():
            return Appended(upload=upload, ending=Ending.TOO_LONG)
    except SourceEnded as ended:
        return Appended(upload=upload, ending=ended.ending)
    with refusals_tell_expiry(upload):
        check_whole(b"", request.checksums, _whole(request, upload))
    if upload.awaits_proof:
        upload = await finish_soon(context, upload)
    return Appended(upload=upload, ending=Ending.COMPLETE)


async def _append_whole(
    context: Context, identity: Identity, upload: Upload, request: Append, source: Source
) -> Upload | None:
    """The short cut: a small upload that comes whole costs one file and one commit, and no lease."""
    if request.complete is False:
        return None
    length = _length(request, upload)
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
        with refusals_tell_expiry(upload):
            check_whole(content, request.checksums, _whole(request, upload))
        if context.contents is not None and upload.kind is Kind.WHOLE:
            upload = replace(upload, sniffed_type=await context.contents.judge(content))
        stored = await put_agreed(context, upload, content)
    except (UploadRejected, DigestMismatch):
        await context.rows.end(upload.id, Step.REFUSE, actor=SYSTEM, seen=upload)
        raise
    async with naming(context.backend, stored.ref):
        moved = await context.rows.store_whole(
            upload, stored, synced=context.rules.survives_power, actor=identity.actor
        )
    if moved is None:
        await give_back(context.backend, stored.ref)
        raise Overtaken
    context.meter.received(length)
    announce_finished(context, moved)
    return moved


async def put_agreed(context: Context, upload: Upload, content: bytes) -> Stored:
    """All bytes of an upload, durable, under a name that no row has. Raises what `pre_finish` raises."""
    attempt = context.new_attempt(upload.key)
    stored = await context.backend.put(about(upload), attempt, [content], sealed=True)
    async with judging(context.backend, stored.ref):
        await ask_to_finish(context.callbacks, upload, ref=stored.ref, length=stored.length)
    return stored


async def finish_soon(context: Context, upload: Upload) -> Upload:
    """Finish a complete upload before its client is told, if that is quick. The client is told in any case.

    What fails or takes longer is left to the finish job, which was committed with the last byte. One whose
    digest has to be compared is told only then: raises DigestMismatch, and DigestPending where it takes long.
    """
    if upload.state is not Transfer.COMPLETING:
        return upload
    if upload.awaits_proof and upload.kind is not Kind.FINAL:
        return await _prove_soon(context, upload)
    try:
        # It goes on when the time is over: see Finishes.
        return await asyncio.wait_for(finish(context, upload), FINISH_WITHIN)
    except TimeoutError:
        log.info("upload.finish_postponed", upload=upload.id, error="it takes longer")
    except (StorageError, DatabaseError, Overtaken) as failed:
        # Overtaken: another worker finishes it.
        log.warning("upload.finish_postponed", upload=upload.id, error=str(failed))
    except Exception as failed:
        # Of some only now is `pre_finish` asked, and the job asks again: to a client that heard of a failure
        # they would be complete behind its back.
        if not upload.is_judged_late or isinstance(failed, ENDED):
            raise
        is_ours = isinstance(failed, ProtocolError)
        log.warning("upload.finish_postponed", upload=upload.id, error=str(failed), exc_info=not is_ours)
    return upload


async def _prove_soon(context: Context, upload: Upload) -> Upload:
    try:
        finished = await asyncio.wait_for(finish(context, upload), PROVE_WITHIN)
    except (TimeoutError, StorageError, DatabaseError, Overtaken) as failed:
        log.info("upload.proof_postponed", upload=upload.id, error=str(failed) or "it takes longer")
        raise DigestPending from None
    if finished.awaits_proof:
        # Somebody else was quicker, or ended it: the row says which.
        raise DigestPending
    return finished
