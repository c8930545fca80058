"""POST: create an upload, perhaps with its first bytes.

Belongs here: what is made and in which order. Not here: headers (protocol/tus/create.py), answers.
"""

from dataclasses import replace

from protocol.creation import Creation
from protocol.digest_fields import format_repr_digest
from protocol.upload import Kind, Step, Transfer, Upload, UploadId
from tusd_py.access.authorize import Action
from tusd_py.access.identity import Identity
from tusd_py.metadata.upload_row import NewUpload

from .admit import admit, admit_length, room_of
from .append import Appended, finish_soon, put_agreed
from .body import write_body
from .callbacks import ask_to_create
from .context import Context
from .finish import SYSTEM, announce_finished
from .keys import make_key
from .line import OnCommit
from .permit import permit
from .proof import check_whole, proof_of
from .receive import JUDGEMENTS, Ending, Source
from .unnamed import naming


async def create(
    context: Context,
    identity: Identity,
    creation: Creation,
    source: Source,
    *,
    on_commit: OnCommit | None = None,
) -> Appended:
    """Create it and take what body there is. `on_commit` hears when there is one, and of commits on the way.

    Raises StorageFull below the floor, UploadRejected, MaxSizeExceeded, QuotaExceeded, TooManyOpen.
    """
    await permit_creation(context, identity, creation)
    new = new_upload(context, identity, creation)
    return await create_agreed(context, identity, new, creation, source, on_commit=on_commit)


async def create_agreed(
    context: Context,
    identity: Identity,
    new: NewUpload,
    creation: Creation,
    source: Source,
    *,
    on_commit: OnCommit | None = None,
) -> Appended:
    """The same of an upload that may be made, and is perhaps another one's than `identity`'s."""
    await context.backend.ensure_room(creation.length or 0)
    new = await ask_to_create(context.callbacks, identity, new)
    admit(context, new)
    if creation.length is None:
        admit_length(context, new, creation.body.least)
    content = await _whole_content(context, creation, source)
    if content is not None:
        return await _create_whole(context, identity, new, content)
    upload = await context.rows.create(new, actor=identity.actor)
    context.meter.created()
    context.announcements.created(context.callbacks, upload)
    if on_commit is not None:
        on_commit(upload)
    if not creation.body.present:
        return Appended(upload=upload, ending=Ending.COMPLETE)
    return await _take_body(context, identity, upload, creation, source, on_commit=on_commit)


async def permit_creation(context: Context, identity: Identity, creation: Creation) -> None:
    """Raises Forbidden, Unauthorized."""
    await permit(context, identity, Action.CREATE, None)
    if creation.metadata.names_a_file:
        await permit(context, identity, Action.PLACE, None)


def new_upload(context: Context, identity: Identity, creation: Creation) -> NewUpload:
    """What is asked for, with ids and a key of its own."""
    now = context.clock()
    upload_id, file_id = context.random_id(), context.random_id()
    return NewUpload(
        id=UploadId(upload_id),
        tenant=identity.tenant,
        owner=identity.subject,
        metadata=creation.metadata.raw,
        filename=creation.metadata.filename,
        filetype=creation.metadata.filetype,
        length=creation.length,
        dialect=creation.dialect,
        kind=_kind(creation),
        concat=creation.concat.raw if creation.concat is not None else "",
        key=make_key(
            context.rules.key_template,
            tenant=identity.tenant,
            user_id=identity.subject,
            file_id=file_id,
            upload_id=upload_id,
            created_at=now,
        ),
        file_id=file_id,
        repr_digest=format_repr_digest(creation.whole),
    )


def _kind(creation: Creation) -> Kind:
    if creation.concat is None:
        return Kind.WHOLE
    return Kind.PARTIAL if creation.concat.urls is None else Kind.FINAL


async def _whole_content(context: Context, creation: Creation, source: Source) -> bytes | None:
    """All bytes of the upload, when there are few and they come with the POST; b"" for an empty upload.

    Raises ChecksumMismatch, DigestMismatch.
    """
    if creation.length is None or creation.length > context.rules.inline_limit or creation.complete is False:
        return None
    if creation.length == 0 and not creation.body.present:
        check_whole(b"", creation.checksums, creation.whole)
        return b""
    if creation.body.expected != creation.length:
        return None
    content = await source.whole(creation.length)
    if content is not None:
        check_whole(content, creation.checksums, creation.whole)
    return content


async def _create_whole(context: Context, identity: Identity, new: NewUpload, content: bytes) -> Appended:
    """One file, one commit. Nobody can know the id before the answer, so no lease is needed."""
    if context.contents is not None and new.kind is Kind.WHOLE:
        new = replace(new, sniffed_type=await context.contents.judge(content))
    stored = await put_agreed(context, new.as_created(at=int(context.clock() * 1e6)), content)
    async with naming(context.backend, stored.ref):
        upload = await context.rows.create_whole(
            new, stored, synced=context.rules.survives_power, actor=identity.actor
        )
    context.meter.created()
    context.announcements.created(context.callbacks, upload)
    context.meter.received(len(content))
    announce_finished(context, upload)
    return Appended(upload=upload, ending=Ending.COMPLETE)


async def _take_body(
    context: Context,
    identity: Identity,
    upload: Upload,
    creation: Creation,
    source: Source,
    *,
    on_commit: OnCommit | None,
) -> Appended:
    is_all = creation.body.may_be_all(creation.length, complete=creation.complete)
    async with context.leases.acquire(upload.id, patience=context.rules.acquire_patience) as lease:
        ending = await write_body(
            context,
            identity,
            lease,
            source,
            declared=None,
            room=room_of(context, lease.upload, creation.room),
            expected=creation.body.expected,
            proof=proof_of(creation.checksums, creation.whole if is_all else ()),
            complete=creation.complete,
            on_commit=on_commit,
        )
        upload = lease.upload
    if ending in JUDGEMENTS:
        # The client never learned the URL: nothing is left of an upload that contradicts itself.
        await context.rows.end(upload.id, Step.TERMINATE, actor=SYSTEM)
        upload = replace(upload, state=Transfer.TERMINATED)
    return Appended(upload=await finish_soon(context, upload), ending=ending)
