"""POST of a final upload: one made of others (tus 1.0.0, Concatenation).

Belongs here: making it. Not here: the plan's rows (metadata/plans.py), copying bytes (finish.py).
"""

from collections.abc import Sequence

from protocol.tus.create import Creation
from protocol.upload import UploadId
from tusd_py.access.authorize import Action
from tusd_py.access.identity import Identity

from .append import Appended, finish_soon
from .callbacks import ask_to_create
from .context import Context
from .create import new_upload
from .lookup import find_upload
from .permit import permit
from .receive import Ending


async def concatenate(
    context: Context, identity: Identity, creation: Creation, partials: Sequence[UploadId]
) -> Appended:
    """The plan is committed with the upload; then it is assembled, at once if that is quick.

    Raises UploadNotFound and UploadGone for a partial, InvalidConcat for what is none, MaxSizeExceeded,
    UploadRejected, StorageFull.
    """
    await permit(context, identity, Action.CREATE, None)
    found = {
        partial: await find_upload(context, identity, Action.APPEND, partial)
        for partial in dict.fromkeys(partials)
    }
    await context.backend.ensure_room(sum(found[partial].length or 0 for partial in partials))
    new = await ask_to_create(context.callbacks, identity, new_upload(context, identity, creation))
    limit = context.rules.features.max_size
    final = await context.rows.create_final(new, partials, limit=limit, actor=identity.actor)
    context.meter.created()
    return Appended(upload=await finish_soon(context, final), ending=Ending.COMPLETE)
