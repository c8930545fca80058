"""DELETE, and the end of uploads whose date passed."""

from protocol.errors import UploadGone
from protocol.upload import Dialect, Step, Upload, UploadId
from tusd_py.access.authorize import Action
from tusd_py.access.identity import Identity

from .context import Context
from .finish import SYSTEM
from .lookup import find_upload


async def terminate(context: Context, identity: Identity, upload_id: UploadId, dialect: Dialect) -> None:
    """End it for good. One commit fences whoever writes; the purge job removes the bytes.

    Raises UploadNotFound, UploadGone, WrongDialect, TerminationRejected.
    """
    upload = await find_upload(context, identity, Action.TERMINATE, upload_id, dialect=dialect)
    if context.callbacks.pre_terminate is not None:
        await context.callbacks.pre_terminate(identity, upload)
    ended = await context.rows.end(upload_id, Step.TERMINATE, actor=identity.actor)
    if ended is None:
        raise UploadGone
    tell_terminated(context, ended)


def tell_terminated(context: Context, ended: Upload) -> None:
    """After the commit, never before it."""
    context.leases.end(ended)
    context.meter.terminated()
    context.announcements.terminated(context.callbacks, ended)


async def stop(context: Context, upload_id: UploadId) -> None:
    """End an upload that somebody in charge wants no more bytes of, also under a request that brings some."""
    ended = await context.rows.end(upload_id, Step.TERMINATE, actor=SYSTEM)
    if ended is not None:
        tell_terminated(context, ended)


async def expire(context: Context, upload_id: UploadId) -> None:
    """End it if its date passed; a request that writes to it renewed the date with its last checkpoint."""
    ended = await context.rows.end(upload_id, Step.EXPIRE, actor=SYSTEM, only_due=True)
    if ended is not None:
        context.leases.end(ended)
