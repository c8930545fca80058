"""HEAD: the offset that the next PATCH will be accepted at."""

from dataclasses import replace

from protocol.errors import DigestPending
from protocol.upload import OPEN, Dialect, Kind, Transfer, Upload, UploadId
from tusd_py.access.authorize import Action
from tusd_py.access.identity import Identity

from .context import Context
from .lookup import find_upload


async def current_offset(
    context: Context, identity: Identity, upload_id: UploadId, dialect: Dialect
) -> Upload:
    """The upload, after whoever writes to it has saved and let go.

    Raises UploadLocked if that takes long, DigestPending, and like `find_upload`.
    """
    upload = await find_upload(context, identity, Action.OFFSET, upload_id, dialect=dialect)
    if upload.state is Transfer.WAITING:
        # "as soon as the length can be easily calculated", which is when every partial has one.
        return replace(upload, length=await context.rows.planned_length(upload_id))
    if upload.awaits_proof and upload.kind is not Kind.FINAL and dialect is Dialect.TUS:
        # To clients of tus all bytes are the upload. Those of the draft hear that it is not complete.
        raise DigestPending
    if upload.holder is None or upload.state not in OPEN:
        return upload
    await context.leases.settle(upload, patience=context.rules.head_patience)
    return await find_upload(context, identity, Action.OFFSET, upload_id)
