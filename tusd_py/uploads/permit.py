"""Whether somebody may: our rule first, then the embedding program's.

Every verb asks here. Not here: our rule (access/authorize.py).
"""

from protocol.upload import Upload
from tusd_py.access.authorize import Action, authorize
from tusd_py.access.identity import Identity
from tusd_py.metadata.catalogue import File
from tusd_py.metadata.files import Version
from tusd_py.metadata.links import Link
from tusd_py.metadata.multiparts import Multipart

from .context import Context


async def permit(
    context: Context,
    identity: Identity,
    action: Action,
    owned: Upload | Version | File | Link | Multipart | None,
) -> None:
    """Raises UploadNotFound for strangers, Forbidden, and what the callback raises."""
    authorize(identity, action, owned)
    if context.callbacks.authorize is not None:
        await context.callbacks.authorize(identity, action, owned)
