"""POST of a final upload: one made of others (tus 1.0.0, Concatenation).

Belongs here: making it. Not here: the plan's rows (metadata/plans.py), copying bytes (finish.py).
"""

from collections.abc import Sequence
from dataclasses import replace

from protocol.creation import Creation, about_partial
from protocol.errors import UploadGone, UploadNotFound
from protocol.upload import Upload, UploadId
from tusd_py.access.authorize import Action
from tusd_py.access.identity import Identity

from .admit import admit, most_of
from .append import Appended, finish_soon
from .callbacks import ask_to_create
from .context import Context
from .create import new_upload, permit_creation
from .lookup import find_upload
from .receive import Ending


async def concatenate(
    context: Context, identity: Identity, creation: Creation, partials: Sequence[UploadId]
) -> Appended:
    """The plan is committed with the upload; then it is assembled, at once if that is quick.

    Raises UploadNotFound and UploadGone for a partial, InvalidConcat for what is none, and says for which;
    MaxSizeExceeded, UploadRejected, StorageFull.
    """
    await permit_creation(context, identity, creation)
    names = partials if creation.concat is None else creation.concat.urls or partials
    found = await _found(context, identity, partials, names)
    lengths = [found[partial].length for partial in partials]
    known = sum(length or 0 for length in lengths)
    await context.backend.ensure_room(known)
    new = new_upload(context, identity, creation)
    told = replace(new, length=None if None in lengths else known)
    # The length that counts is what the transaction adds up.
    new = replace(await ask_to_create(context.callbacks, identity, told), length=None)
    admit(context, new)
    limit = most_of(context, new)
    final = await context.rows.create_final(new, partials, limit=limit, actor=identity.actor)
    context.meter.created()
    context.announcements.created(context.callbacks, final)
    return Appended(upload=await finish_soon(context, final), ending=Ending.COMPLETE)


async def _found(
    context: Context, identity: Identity, partials: Sequence[UploadId], names: Sequence[str]
) -> dict[UploadId, Upload]:
    """`names` are what the client calls them: no more is said of one that it may not know of."""
    found: dict[UploadId, Upload] = {}
    for seq, partial in enumerate(partials):
        if partial in found:
            continue
        try:
            found[partial] = await find_upload(context, identity, Action.CONCATENATE, partial)
        except (UploadNotFound, UploadGone) as refusal:
            raise about_partial(refusal, names, seq) from None
    return found
