"""GET: the bytes of a finished file, where they may be read.

Belongs here: which version, and whether. Not here: ranges and headers (server/files.py).
"""

from protocol.errors import LinkGone, NotFound, ProtocolError, UploadGone, UploadNotFinished, UploadNotFound
from protocol.upload import ALL_BYTES_DURABLE, UNFINISHED, Kind, UploadId, visible
from tusd_py.access.authorize import Action, admit
from tusd_py.access.identity import Identity
from tusd_py.access.may_read import may_read, why_not
from tusd_py.access.signing import Ticket
from tusd_py.metadata.files import Version

from .context import Context
from .permit import permit


async def version_of_upload(context: Context, identity: Identity, upload_id: UploadId) -> Version:
    """What an upload became. Raises UploadNotFound (also for strangers), UploadNotFinished, UploadGone."""
    # First, so that no refusal says whether there is one.
    admit(identity, Action.DOWNLOAD)
    version = await context.files.of_upload(upload_id)
    if version is None:
        raise await _why_not(context, identity, upload_id)
    return await _readable(context, identity, version)


async def version_of_file(context: Context, identity: Identity, file_id: str, n: int | None) -> Version:
    """Version `n` of a file; None is the current one. Raises NotFound, also for strangers."""
    files = context.files
    version = await (files.current(file_id) if n is None else files.numbered(file_id, n))
    if version is None:
        raise NotFound
    try:
        return await _readable(context, identity, version)
    except UploadNotFound:
        raise NotFound from None


async def version_of_ticket(context: Context, ticket: Ticket) -> Version:
    """What a ticket for a download opens, if it still may be read by whom it was given to.

    Raises LinkGone, NotScannedYet, Quarantined.
    """
    version = await context.files.numbered(ticket.file_id, ticket.version)
    if version is None or version.is_lost:
        raise LinkGone
    if not may_read(version, context.rules.read_policy, bearer_of(ticket)):
        raise why_not(version)
    return version


def bearer_of(ticket: Ticket) -> Identity:
    """Who asked for it; whoever comes with it now may do no more than that."""
    tenant, subject = ticket.bearer
    return Identity(tenant=tenant, subject=subject, scopes=frozenset())


async def _readable(context: Context, identity: Identity, version: Version) -> Version:
    await permit(context, identity, Action.DOWNLOAD, version)
    if version.is_lost:
        raise UploadGone
    if not may_read(version, context.rules.read_policy, identity):
        raise why_not(version)
    return version


async def _why_not(context: Context, identity: Identity, upload_id: UploadId) -> ProtocolError:
    seen = await context.rows.find(upload_id)
    if seen is None:
        return UploadNotFound()
    await permit(context, identity, Action.DOWNLOAD, seen.upload)
    if not visible(seen.upload, seen.now):
        return UploadGone()
    if seen.upload.kind is Kind.PARTIAL:
        return UploadNotFound()  # it is a piece of a file, never one
    if seen.upload.state in UNFINISHED | ALL_BYTES_DURABLE:
        return UploadNotFinished()
    return UploadNotFound()
