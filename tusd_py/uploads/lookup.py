"""Finding an upload for somebody.

Belongs here: the order of the questions (may they at all, is there one, is it theirs, is it still there), the
same for every verb. Not here: what is done with it.
"""

from protocol.errors import DirectUpload, UploadGone, UploadNotFound, WrongDialect
from protocol.upload import Dialect, Upload, UploadId, visible
from tusd_py.access.authorize import Action, admit
from tusd_py.access.identity import Identity

from .context import Context
from .permit import permit

_NAMES = {Dialect.TUS: "tus", Dialect.IETF: "the IETF draft", Dialect.DIRECT: "neither protocol"}


async def find_upload(
    context: Context,
    identity: Identity,
    action: Action,
    upload_id: UploadId,
    *,
    dialect: Dialect | None = None,
) -> Upload:
    """The row. Raises UploadNotFound (also for strangers), Unauthorized, Forbidden, UploadGone, WrongDialect,
    DirectUpload.

    `dialect` is the one that the request speaks, where that matters.
    """
    # First, so that no refusal says whether there is one.
    admit(identity, action)
    seen = await context.rows.find(upload_id)
    if seen is None:
        raise UploadNotFound
    await permit(context, identity, action, seen.upload)
    if dialect is not None and seen.upload.dialect is not dialect:
        _refuse_astray(seen.upload, action, dialect)
    if not visible(seen.upload, seen.now):
        raise UploadGone
    return seen.upload


def _refuse_astray(upload: Upload, action: Action, spoken: Dialect) -> None:
    """An upload goes on as it began: what completes it differs."""
    if upload.dialect is Dialect.DIRECT and action is Action.APPEND:
        raise DirectUpload(f"the parts of this upload go to the store itself: POST /upload/{upload.id}/urls")
    # What may be asked of any upload may be asked of this one in the words of tus.
    if upload.dialect is not Dialect.DIRECT or spoken is not Dialect.TUS:
        raise WrongDialect(f"the upload was made by {_NAMES[upload.dialect]}, not by {_NAMES[spoken]}")
