"""The one place that says who may do what to an upload or a file.

Strangers get 404, as for an id that never was. Belongs here: the rules. Not here: who somebody is
(identity.py), what a scanner's verdict allows (may_read.py).
"""

from enum import StrEnum
from typing import Protocol

from protocol.errors import Forbidden, UploadNotFound

from .identity import Identity, Scope


class Action(StrEnum):
    """What is asked for."""

    CREATE = "create"
    OFFSET = "offset"
    APPEND = "append"
    TERMINATE = "terminate"
    DOWNLOAD = "download"


_NEEDS = {
    Action.CREATE: Scope.UPLOAD,
    Action.OFFSET: Scope.UPLOAD,
    Action.APPEND: Scope.UPLOAD,
    Action.TERMINATE: Scope.UPLOAD,
    Action.DOWNLOAD: Scope.READ,
}


class Owned(Protocol):
    """An upload, or a version."""

    @property
    def tenant(self) -> str: ...
    @property
    def owner(self) -> str: ...


def authorize(identity: Identity, action: Action, owned: Owned | None) -> None:
    """Raise UploadNotFound for somebody else's, Forbidden for one's own without the scope."""
    if owned is not None and not _owns(identity, owned):
        raise UploadNotFound
    if identity.is_admin or _NEEDS[action] in identity.scopes:
        return
    raise Forbidden(f"the scope {_NEEDS[action].value!r} is needed to {action.value}")


def _owns(identity: Identity, owned: Owned) -> bool:
    if owned.tenant != identity.tenant:
        return False
    return identity.is_admin or owned.owner == identity.subject
