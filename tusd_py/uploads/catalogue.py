"""Files as people ask for them: finding one, and what may be done to it.

Belongs here: who may, and what a refusal is called. Not here: rows (metadata/catalogue.py), HTTP.
"""

from protocol.errors import (
    NotFound,
    PathTaken,
    PreconditionFailed,
    ProtocolError,
    Quarantined,
    UploadNotFound,
)
from protocol.upload import Status, Verdict
from storage_backends.base import StorageError
from tusd_py.access.authorize import Action
from tusd_py.access.identity import Identity
from tusd_py.log import get_logger
from tusd_py.metadata.catalogue import CatalogueRows, Change, Deleted, File, Refusal

from .admit import admit_name
from .context import Context
from .permit import permit

log = get_logger("tusd_py.uploads")

_REFUSALS: dict[Refusal, type[ProtocolError]] = {
    Refusal.GONE: NotFound,
    Refusal.CHANGED: PreconditionFailed,
    Refusal.PATH_TAKEN: PathTaken,
    Refusal.NO_VERSION: NotFound,
}


async def find_file(
    context: Context, catalogue: CatalogueRows, identity: Identity, action: Action, file_id: str
) -> File:
    """With its current version. Raises NotFound, the same for what is somebody else's, and Forbidden."""
    file = await catalogue.find(file_id)
    if file is None:
        raise NotFound
    try:
        await permit(context, identity, action, file)
    except UploadNotFound:
        raise NotFound from None
    return file


def is_served(context: Context, identity: Identity, file: File) -> bool:
    """The policy lets this reader have what has such a verdict."""
    policy = context.rules.read_policy
    if file.verdict in policy.served:
        return True
    is_owner = (identity.tenant, identity.subject) == (file.tenant, file.owner)
    return is_owner and file.verdict in policy.served_to_owner


def status_for(context: Context, identity: Identity, file: File) -> Status:
    """What this reader sees."""
    return file.status(is_served=is_served(context, identity, file))


async def change_file(
    context: Context,
    catalogue: CatalogueRows,
    identity: Identity,
    seen: File,
    wanted: Change,
    *,
    strictly: bool,
) -> File:
    """Call it something else. Raises FilenameRefused, PathTaken, PreconditionFailed, NotFound."""
    # A name from before the rules stays.
    if "filename" in wanted and wanted["filename"] != seen.filename:
        admit_name(context, wanted["filename"])
    return _done(await catalogue.change(seen, wanted, strictly=strictly, actor=identity.actor))


async def restore_version(
    context: Context, catalogue: CatalogueRows, identity: Identity, seen: File, n: int, *, strictly: bool
) -> File:
    """Make one of its versions the current one. Raises Quarantined, PreconditionFailed, NotFound."""
    version = await catalogue.version(seen.file_id, n)
    if version is None:
        raise NotFound(f"there is no version {n}")
    closed = version.verdict in (Verdict.INFECTED, Verdict.UNSCANNABLE) and version.released_by is None
    if closed and not is_served(context, identity, version):
        # It would hide a version that can be read behind one that cannot.
        raise Quarantined
    return _done(await catalogue.restore(seen, n, strictly=strictly, actor=identity.actor))


async def delete_file(
    context: Context, catalogue: CatalogueRows, identity: Identity, seen: File, *, strictly: bool
) -> None:
    """For good, with all versions. Purge jobs remove the bytes. Raises PreconditionFailed, NotFound."""
    deleted = await catalogue.delete(
        seen.file_id, actor=identity.actor, revision=seen.revision if strictly else None
    )
    if isinstance(deleted, Refusal):
        raise _REFUSALS[deleted]
    await forget_bytes(context, deleted)


async def forget_bytes(context: Context, deleted: Deleted) -> None:
    """Those of uploads that nobody remembers, for which there is no purge job."""
    if not deleted.refs:
        return
    try:
        await context.backend.delete(deleted.refs)
    except StorageError as failed:
        # No row names them any more, so the sweep finds them.
        log.warning("catalogue.bytes_left_to_the_sweep", count=len(deleted.refs), error=str(failed))


def _done(answer: File | Refusal) -> File:
    if isinstance(answer, Refusal):
        raise _REFUSALS[answer]
    return answer
