"""Multipart uploads: begin, put parts in any order and side by side, complete.

Belongs here: the operations. Not here: rows (metadata/multiparts.py), HTTP (server/multipart_face.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from protocol.body import Body
from protocol.checksum import Checksum
from protocol.creation import Concat, Creation
from protocol.errors import InvalidPart, UploadNotFound
from protocol.lengths import check_size
from protocol.metadata import Metadata, parse_metadata
from protocol.upload import Kind, PartOf, Step, Upload, UploadId
from tusd_py.access.authorize import Action, admit
from tusd_py.access.identity import Identity
from tusd_py.metadata.multiparts import Multipart, MultipartPart, MultipartRows
from tusd_py.metadata.plans import check_sum

from .admit import admit as admit_upload
from .admit import least_of, most_of
from .append import Appended, finish_soon
from .callbacks import ask_to_create
from .context import Context
from .create import create_agreed, new_upload, permit_creation
from .finish import SYSTEM
from .lookup import find_upload
from .permit import permit
from .receive import Ending, Source

MOST_PARTS = 1000
"""Of one upload: what is planned and put together by one commit."""

_NOTHING = Body(expected=0, present=False)
_UNNAMED = parse_metadata(None, limit=0)
_PARTIAL = Concat(raw="partial", urls=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Multiparts:
    """The operations. All raise UploadNotFound for what is not there or somebody else's."""

    context: Context
    rows: MultipartRows

    async def begin(self, identity: Identity, metadata: Metadata, length: int | None) -> Multipart:
        """`length` in bytes, where it is known. Raises what the creation of an upload raises."""
        context = self.context
        wanted = Creation(length=length, metadata=metadata, body=_NOTHING, room=None)
        await permit_creation(context, identity, wanted)
        if length is not None:
            check_size(length, context.rules.features)
        await context.backend.ensure_room(length or 0)
        asked = replace(new_upload(context, identity, wanted), kind=Kind.FINAL)
        new = await ask_to_create(context.callbacks, identity, asked)
        admit_upload(context, new)
        return await self.rows.create(new)

    async def find(
        self, identity: Identity, multipart_id: UploadId, action: Action = Action.ASSEMBLE
    ) -> Multipart:
        """One that is still open."""
        admit(identity, action)
        found = await self.rows.find(multipart_id)
        if found is None:
            raise UploadNotFound
        await permit(self.context, identity, action, found)
        return found

    async def look(self, identity: Identity, multipart_id: UploadId) -> None:
        """It is there and theirs, be it open or complete already: asked before a body is read."""
        try:
            await self.find(identity, multipart_id)
        except UploadNotFound:
            await self._became(identity, multipart_id)

    async def parts(self, multipart: Multipart, *, after: int, limit: int) -> list[MultipartPart]:
        """Those with numbers above `after`, in order."""
        return await self.rows.parts(multipart.id, after=after, limit=limit)

    async def put(
        self,
        identity: Identity,
        multipart: Multipart,
        number: int,
        source: Source,
        *,
        body: Body,
        checksums: tuple[Checksum, ...],
    ) -> Appended:
        """A part is all there or not at all: what came of a broken one is dropped.

        It takes the place of what had its number before, once it is durable.
        """
        most = most_of(self.context, multipart.as_new_upload())
        check_sum(body.least, limit=most)
        if multipart.length is not None and body.least > multipart.length:
            raise InvalidPart(f"part {number} has {body.least} bytes, and file_size was {multipart.length}")
        wanted = Creation(
            length=body.expected,
            metadata=_UNNAMED,
            body=body,
            room=least_of(multipart.length, most or None) if body.expected is None else body.expected,
            checksums=checksums,
            concat=_PARTIAL,
            complete=True,
        )
        await self.rows.renew(multipart.id)
        owner = replace(identity, tenant=multipart.tenant, subject=multipart.owner)
        new = replace(new_upload(self.context, owner, wanted), part_of=PartOf(multipart.id, number))
        part = await create_agreed(self.context, identity, new, wanted, source)
        if part.ending is not Ending.COMPLETE:
            await self._end(part.upload.id)
            return part
        taken = await self.rows.put(multipart.id, number, part.upload.id)
        if taken is None:
            await self._end(part.upload.id)
            raise UploadNotFound
        if taken.replaced is not None:
            await self._end(taken.replaced)
        return part

    async def complete(
        self, identity: Identity, multipart_id: UploadId, wanted: Mapping[int, UploadId] | None
    ) -> Upload:
        """The upload that it became. Asked again, the same: an answer may have been lost.

        `wanted` are the entity tags of the parts that make it; None is all that there are. Raises
        InvalidPart, MaxSizeExceeded, QuotaExceeded, TooManyOpen, StorageFull.
        """
        context = self.context
        final = await self._plan(identity, multipart_id, wanted)
        if final is None:
            return await self._became(identity, multipart_id)
        context.meter.created()
        context.announcements.created(context.callbacks, final)
        return await finish_soon(context, final)

    async def _plan(
        self, identity: Identity, multipart_id: UploadId, wanted: Mapping[int, UploadId] | None
    ) -> Upload | None:
        """None when it is complete already, or was never there."""
        try:
            multipart = await self.find(identity, multipart_id)
        except UploadNotFound:
            return None
        # A plan pins its parts: later, nobody could make room by giving them up.
        await self.context.backend.ensure_room(await self.rows.size(multipart.id))
        return await self.rows.complete(
            multipart.id,
            wanted,
            most=MOST_PARTS,
            limit=most_of(self.context, multipart.as_new_upload()),
            actor=identity.actor,
        )

    async def abort(self, identity: Identity, multipart_id: UploadId) -> None:
        """Give it up, with its parts."""
        multipart = await self.find(identity, multipart_id, Action.CREATE)
        if not await self.rows.drop(multipart.id):
            raise UploadNotFound

    async def _became(self, identity: Identity, multipart_id: UploadId) -> Upload:
        """What a complete one is now; nothing else has been one."""
        upload = await find_upload(self.context, identity, Action.ASSEMBLE, multipart_id)
        if upload.kind is not Kind.FINAL or upload.concat:
            raise UploadNotFound
        return upload

    async def _end(self, partial: UploadId) -> None:
        ended = await self.context.rows.end(partial, Step.TERMINATE, actor=SYSTEM)
        if ended is not None:
            self.context.leases.end(ended)
