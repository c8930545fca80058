"""Finding an upload for somebody.

Belongs here: the order of the questions (may they at all, is there one, is it theirs, is it still there), the
same for every verb. Not here: what is done with it.
"""

from protocol.errors import UploadGone, UploadNotFound
from protocol.upload import Upload, UploadId, visible
from tusd_py.access.authorize import Action, admit
from tusd_py.access.identity import Identity

from .context import Context
from .permit import permit


async def find_upload(context: Context, identity: Identity, action: Action, upload_id: UploadId) -> Upload:
    """The row. Raises UploadNotFound (also for strangers), Unauthorized, Forbidden, UploadGone."""
    # First, so that no refusal says whether there is one.
    admit(identity, action)
    seen = await context.rows.find(upload_id)
    if seen is None:
        raise UploadNotFound
    await permit(context, identity, action, seen.upload)
    if not visible(seen.upload, seen.now):
        raise UploadGone
    return seen.upload
