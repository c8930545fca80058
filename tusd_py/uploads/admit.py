"""Whether an upload may be made, or become so long: asked wherever a client says something of it.

Belongs here: when to ask. Not here: the rules (access/admission.py), quotas (metadata/usage.py).
"""

from protocol.upload import Kind, Upload
from tusd_py.metadata.upload_row import NewUpload

from .context import Context


def admit(context: Context, new: NewUpload) -> None:
    """Raises TypeRefused, FilenameRefused, MaxSizeExceeded."""
    rules = context.admission
    if rules is None:
        return
    if new.kind is not Kind.PARTIAL:  # a piece of a file has no name and no type
        rules.check(filename=new.filename, filetype=new.filetype)
    admit_length(context, new, new.length)


def admit_name(context: Context, filename: str | None) -> None:
    """Of a file that is to be called so. Raises FilenameRefused."""
    if context.admission is not None:
        context.admission.check_name(filename)


def admit_length(context: Context, upload: Upload | NewUpload, length: int | None) -> None:
    """Raises MaxSizeExceeded."""
    if context.admission is not None and length is not None:
        context.admission.check_length(
            length, tenant=upload.tenant, owner=upload.owner, filetype=upload.filetype
        )


def room_of(context: Context, upload: Upload, room: int | None) -> int | None:
    """How many bytes may come for an upload of unknown length; `room` is what the protocol allows."""
    if context.admission is None or not upload.is_deferred:
        return room
    most = context.admission.most(upload.tenant, upload.owner, upload.filetype)
    left = None if most is None else max(0, most - upload.offset)
    return least_of(left, room)


def most_of(context: Context, upload: Upload | NewUpload) -> int:
    """How long one may become whose length nobody knew at its creation; 0 for any."""
    return most_for(context, upload.tenant, upload.owner, upload.filetype)


def most_for(context: Context, tenant: str, owner: str, filetype: str | None = None) -> int:
    """The same of what somebody may upload."""
    if context.admission is None:
        return context.rules.features.max_size
    of_user = context.admission.most(tenant, owner, filetype)
    return least_of(of_user, context.rules.features.max_size or None) or 0


def least_of(*limits: int | None) -> int | None:
    """The strictest; None where there is none."""
    return min((limit for limit in limits if limit is not None), default=None)
