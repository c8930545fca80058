"""Uploads whose parts clients send to the store themselves: we plan, sign, look, and commit.

The bytes do not come by here, so nothing is known of them before they are asked for: the line stays at 0, and
moves over the whole upload by one commit, which names each part as it is in the store.

Belongs here: the operations. Not here: which parts will do (direct_parts.py), rows (metadata/direct.py), HTTP
(server/multipart_face.py).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from protocol.body import Body
from protocol.creation import Creation
from protocol.errors import DirectUpload, InvalidPart, NoDirectUpload, UploadGone, UploadNotFound
from protocol.lengths import check_size
from protocol.metadata import Metadata
from protocol.upload import OPEN, Dialect, Step, Upload, UploadId, visible
from storage_backends.base import (
    DirectPlan,
    DirectStore,
    Part,
    PartUrl,
    SentPart,
    StorageError,
    StorageMissing,
)
from tusd_py.access.authorize import Action, admit
from tusd_py.access.identity import Identity
from tusd_py.leases import NotOpen
from tusd_py.log import get_logger
from tusd_py.metadata.direct import DirectRows
from tusd_py.metadata.writing import Advance

from .admit import admit as admit_upload
from .append import finish_soon
from .callbacks import ask_to_create
from .context import Context
from .create import new_upload, permit_creation
from .direct_parts import chosen, newest
from .finish import SYSTEM
from .ledger import Overtaken
from .line import move
from .permit import permit
from .terminate import tell_terminated

log = get_logger("tusd_py.uploads")

_NOTHING = Body(expected=0, present=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Direct:
    """One, and how it is cut."""

    upload: Upload
    plan: DirectPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """Where a part goes."""

    number: int
    size: int
    to: PartUrl


@dataclass(frozen=True, slots=True, kw_only=True)
class Directs:
    """The operations. All raise UploadNotFound for what is not there or somebody else's."""

    context: Context
    rows: DirectRows
    expiry: int | None
    """Seconds that a URL is good for; None where nobody gets one."""

    async def begin(self, identity: Identity, metadata: Metadata, length: int, *, proven: bool) -> Direct:
        """`proven` says whether each part will come with its SHA-256; `length` is above 0.

        Raises NoDirectUpload, and what the creation of an upload raises.
        """
        context, store = self.context, self._offered()
        if proven and not store.proves_parts():
            raise NoDirectUpload("the store cannot compare parts with a sha-256: leave digest out")
        wanted = Creation(length=length, metadata=metadata, body=_NOTHING, room=None, dialect=Dialect.DIRECT)
        await permit_creation(context, identity, wanted)
        check_size(length, context.rules.features)
        await context.backend.ensure_room(length)
        new = await ask_to_create(context.callbacks, identity, new_upload(context, identity, wanted))
        admit_upload(context, new)
        upload = await context.rows.create(new, actor=identity.actor)
        context.meter.created()
        plan = await self._begun(store, upload, length, proven=proven)
        context.announcements.created(context.callbacks, upload)
        return Direct(upload=upload, plan=plan)

    async def _begun(self, store: DirectStore, upload: Upload, length: int, *, proven: bool) -> DirectPlan:
        context = self.context
        try:
            async with context.leases.acquire(upload.id, patience=context.rules.acquire_patience) as lease:
                ledger = context.ledger_of(lease.upload)
                return await store.begin_direct(upload.ref, length, ledger, proven=proven)
        except StorageError:
            # Its client never learns of it.
            await context.rows.end(upload.id, Step.TERMINATE, actor=SYSTEM)
            raise

    async def find(self, identity: Identity, upload_id: UploadId, action: Action = Action.ASSEMBLE) -> Upload:
        """Open, or complete already. Raises UploadGone."""
        admit(identity, action)
        seen = await self.context.rows.find(upload_id)
        if seen is None or seen.upload.dialect is not Dialect.DIRECT:
            raise UploadNotFound
        await permit(self.context, identity, action, seen.upload)
        if not visible(seen.upload, seen.now):
            raise UploadGone
        return seen.upload

    async def find_open(
        self, identity: Identity, upload_id: UploadId, action: Action = Action.ASSEMBLE
    ) -> Upload:
        """One that parts may still come for."""
        upload = await self.find(identity, upload_id, action)
        if upload.state not in OPEN:
            raise UploadNotFound
        return upload

    async def refuse_part(self, identity: Identity, upload_id: UploadId) -> None:
        """Raises DirectUpload: what comes by here is no part of it."""
        upload = await self.find_open(identity, upload_id)
        raise DirectUpload(f"the parts of this upload go to the store itself: POST /upload/{upload.id}/urls")

    async def show(self, identity: Identity, upload_id: UploadId) -> tuple[Direct, list[SentPart]]:
        """It, and what of it is in the store as it was planned, in order."""
        upload = await self.find_open(identity, upload_id)
        store = self._store()
        try:
            plan = await self._plan(store, upload)
            sent = await store.parts_sent(upload.ref, plan)
        except StorageMissing:
            # Or it was completed just now.
            await self.find_open(identity, upload_id)
            raise UploadGone from None
        return Direct(upload=upload, plan=plan), newest(plan, sent)

    async def sign(
        self, identity: Identity, upload_id: UploadId, wanted: Mapping[int, str | None]
    ) -> list[Signed]:
        """URLs for these numbers, to which a SHA-256 in base64 belongs where the upload was begun so.

        Whoever asks is at work, so it lives longer. Raises NoDirectUpload, InvalidPart.
        """
        store, expiry = self._offered(), self.expiry or 0
        upload = await self.find_open(identity, upload_id)
        plan = await self._plan(store, upload)
        _check_numbers(wanted, plan)
        if await self.rows.promise(upload, _promised(upload, plan, wanted)) is None:
            await self.find_open(identity, upload_id)
            raise Overtaken
        return [
            Signed(
                number=number,
                size=plan.size_of(number),
                to=await store.part_url(upload.ref, plan, number, digest=digest, expiry=expiry),
            )
            for number, digest in wanted.items()
        ]

    async def complete(
        self, identity: Identity, upload_id: UploadId, etags: Mapping[int, str] | None
    ) -> Upload:
        """The same upload, complete. Asked again, the same: an answer may have been lost.

        `etags` are those that the store gave for the parts; None takes what came last under each number.
        Raises InvalidPart, after which it is as it was while nothing was committed.
        """
        upload = await self.find(identity, upload_id)
        if upload.state in OPEN:
            upload = await self._completing(identity, upload, etags)
        return await finish_soon(self.context, upload)

    async def _completing(
        self, identity: Identity, upload: Upload, etags: Mapping[int, str] | None
    ) -> Upload:
        context = self.context
        try:
            async with context.leases.acquire(upload.id, patience=context.rules.acquire_patience) as lease:
                advance = await self._advance(lease.upload, etags)
                lease.upload = await move(context, advance, actor=identity.actor)
                return lease.upload
        except NotOpen as complete:
            return complete.upload

    async def _advance(self, upload: Upload, etags: Mapping[int, str] | None) -> Advance:
        """Over all of it, once the store says that all of it is there. Raises InvalidPart, UploadGone."""
        store = self._store()
        try:
            plan = await self._plan(store, upload)
            sent = await store.parts_sent(upload.ref, plan)
        except StorageMissing as gone:
            log.warning("upload.parts_gone", upload=upload.id, error=str(gone))
            if await self.context.rows.end(upload.id, Step.REFUSE, actor=SYSTEM, seen=upload) is None:
                raise Overtaken from None
            raise UploadGone from None
        promised = await self.rows.promised(upload.id)
        digests = {part.part_no: part.digest for part in promised}
        parts = (
            replace(_part(upload, plan, one.number, digests.get(one.number)), etag=one.etag)
            for one in chosen(plan, sent, etags)
        )
        return Advance(
            upload=upload,
            offset=plan.length,
            synced=True,
            parts=tuple(parts),
            dropped=tuple(promised),
            release=True,
        )

    async def abort(self, identity: Identity, upload_id: UploadId) -> None:
        """Give it up, with what came of it. Raises TerminationRejected."""
        context = self.context
        while True:
            upload = await self.find_open(identity, upload_id, Action.CREATE)
            if context.callbacks.pre_terminate is not None:
                await context.callbacks.pre_terminate(identity, upload)
            # As it was seen: one that was completed meanwhile is a file.
            ended = await context.rows.end(upload_id, Step.TERMINATE, actor=identity.actor, seen=upload)
            if ended is not None:
                tell_terminated(context, ended)
                return

    def _store(self) -> DirectStore:
        """Raises NoDirectUpload."""
        if not isinstance(self.context.backend, DirectStore):
            raise NoDirectUpload("files are not kept in a bucket here, so parts cannot be sent to one")
        return self.context.backend

    def _offered(self) -> DirectStore:
        """Raises NoDirectUpload also where only those that were begun may end."""
        store = self._store()
        if self.expiry is None:
            raise NoDirectUpload("parts cannot be sent to the store itself here: s3.s3_direct is off")
        return store

    async def _plan(self, store: DirectStore, upload: Upload) -> DirectPlan:
        """Raises StorageMissing."""
        return await store.direct_plan(upload.length or 0, self.context.ledger_of(upload))


def _check_numbers(wanted: Mapping[int, str | None], plan: DirectPlan) -> None:
    """Raises InvalidPart."""
    for number, digest in wanted.items():
        if not 1 <= number <= plan.count:
            raise InvalidPart(f"the part number is {number}, wanted 1 to {plan.count}")
        if plan.is_proven and digest is None:
            raise InvalidPart(f"part {number} has no digest, and the upload was begun so: say digests")
        if digest is not None and not plan.is_proven:
            raise InvalidPart(f"part {number} has a digest, and the upload was begun without: say parts")


def _promised(upload: Upload, plan: DirectPlan, wanted: Mapping[int, str | None]) -> Sequence[Part]:
    return [_part(upload, plan, number, digest) for number, digest in _with_digest(wanted)]


def _with_digest(wanted: Mapping[int, str | None]) -> Iterable[tuple[int, str]]:
    return ((number, digest) for number, digest in wanted.items() if digest is not None)


def _part(upload: Upload, plan: DirectPlan, number: int, digest: str | None) -> Part:
    return Part(
        part_no=number,
        offset=plan.offset_of(number),
        length=plan.size_of(number),
        ref=upload.ref,
        digest=digest,
    )
