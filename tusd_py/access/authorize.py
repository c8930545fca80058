"""The one place that says who may do what to an upload or a file.

Strangers get 404, as for an id that never was. Belongs here: the rules. Not here: who somebody is
(identity.py), what a scanner's verdict allows (may_read.py), which route is which action (server/routes.py).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from protocol.errors import Forbidden, Unauthorized, UploadNotFound

from .identity import ANONYMOUS, Identity, Scope


class Action(StrEnum):
    """What is asked for."""

    CREATE = "create"
    PLACE = "name a path or a file"
    """In an upload's metadata, which then becomes the next version of what is there."""
    CONCATENATE = "concatenate"
    """Of a partial: name it in a final upload."""
    OFFSET = "offset"
    APPEND = "append"
    ASSEMBLE = "assemble"
    """Of a multipart upload that was begun: see its parts, put some, and complete it."""
    TERMINATE = "terminate"
    DELEGATE = "delegate"
    """Give somebody a token for this one upload."""
    DOWNLOAD = "download"
    SHARE = "share"
    """Make a link that opens a file to whoever has it, or take it back."""
    LIST_LINKS = "list links"
    LIST = "list"
    SEE = "see"
    """What is known of one file."""
    CHANGE = "change"
    """What a file is called, and which of its versions is the current one."""
    DELETE = "delete"
    """A file, with all its versions."""
    PROGRESS = "progress"
    """See how far an upload is."""
    IDENTIFY = "identify"
    LISTEN = "listen"
    """Hear what happens to files and uploads."""
    OPERATE = "operate"
    """See what anybody did, and how other systems are told."""
    OVERSEE = "oversee"
    """See how the whole installation is, and how it is set up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Who may."""

    needs: Scope | None
    """None lets in whoever is known."""
    resumes: bool = False
    """Goes on with an upload that was begun: also with a token that has just expired."""
    of_token: bool = False
    """Also with a token for this one upload."""
    to_admin: bool = True
    """The admin may do it to what others own."""
    of_all_tenants: bool = False
    """It is about everybody's: for the admin of all tenants. Without tenants that is the admin."""
    by_name: bool = False
    """Not for anonymous visitors: they all have one name, and each would have what the others have."""


RULES: dict[Action, Rule] = {
    Action.CREATE: Rule(needs=Scope.UPLOAD),
    Action.PLACE: Rule(needs=Scope.UPLOAD, by_name=True),
    Action.CONCATENATE: Rule(needs=Scope.UPLOAD, to_admin=False),
    Action.OFFSET: Rule(needs=Scope.UPLOAD, resumes=True, of_token=True),
    Action.APPEND: Rule(needs=Scope.UPLOAD, resumes=True, of_token=True),
    Action.ASSEMBLE: Rule(needs=Scope.UPLOAD, resumes=True),
    Action.TERMINATE: Rule(needs=Scope.UPLOAD, of_token=True),
    Action.DELEGATE: Rule(needs=Scope.UPLOAD),
    Action.DOWNLOAD: Rule(needs=Scope.READ),
    # It changes something, so who may only read may not.
    Action.SHARE: Rule(needs=Scope.UPLOAD),
    Action.LIST_LINKS: Rule(needs=Scope.READ),
    Action.LIST: Rule(needs=Scope.READ, by_name=True),
    # Like a download: whoever has the id was told.
    Action.SEE: Rule(needs=Scope.READ),
    Action.CHANGE: Rule(needs=Scope.UPLOAD, by_name=True),
    Action.DELETE: Rule(needs=Scope.UPLOAD, by_name=True),
    Action.PROGRESS: Rule(needs=Scope.UPLOAD, of_token=True),
    # Whoever is let in may know as whom.
    Action.IDENTIFY: Rule(needs=None, of_token=True),
    Action.LISTEN: Rule(needs=Scope.READ),
    Action.OPERATE: Rule(needs=Scope.ADMIN),
    Action.OVERSEE: Rule(needs=Scope.ADMIN, of_all_tenants=True),
}
"""Every action has its rule; a test says so."""


class Owned(Protocol):
    """An upload, or a version."""

    @property
    def tenant(self) -> str: ...
    @property
    def owner(self) -> str: ...


def admit(identity: Identity, action: Action) -> None:
    """What can be said before anything is looked up, and so tells nobody what there is.

    Raises Unauthorized for what has expired, Forbidden without the scope.
    """
    rule = RULES[action]
    if identity.has_expired and not rule.resumes:
        raise Unauthorized
    if identity.only_upload and not _token_may(identity, action):
        raise Forbidden(f"a token for one upload is not good to {action.value}")
    if rule.needs is not None and rule.needs not in identity.scopes and not identity.is_admin:
        raise Forbidden(f"the scope {rule.needs.value!r} is needed to {action.value}")
    if rule.of_all_tenants and not oversees(identity):
        raise Forbidden(f"only the admin of all tenants may {action.value}")
    if rule.by_name and identity == ANONYMOUS:
        raise Forbidden(f"anonymous visitors, who all have one name, cannot {action.value}")


def oversees(identity: Identity) -> bool:
    """What is about the whole installation may be said to this admin; see `Rule.of_all_tenants`."""
    return identity.is_super or not identity.tenant


def authorize(identity: Identity, action: Action, owned: Owned | None) -> None:
    """Raise UploadNotFound for somebody else's, and what `admit` raises."""
    admit(identity, action)
    if owned is not None and not _may_touch(identity, action, owned):
        raise UploadNotFound


def may_touch(identity: Identity, action: Action, owned: Owned) -> bool:
    """The same for one of many, where what may not be touched is left out; `admit` comes before it."""
    return _may_touch(identity, action, owned)


def _token_may(identity: Identity, action: Action) -> bool:
    return RULES[action].of_token and (identity.may_terminate or action is not Action.TERMINATE)


def _may_touch(identity: Identity, action: Action, owned: Owned) -> bool:
    if identity.only_upload and identity.only_upload != getattr(owned, "id", None):
        return False
    if (owned.tenant, owned.owner) == (identity.tenant, identity.subject):
        return True
    # A token that has expired proves nothing but whose uploads may be finished.
    if not RULES[action].to_admin or not identity.is_admin or identity.has_expired:
        return False
    return identity.is_super or owned.tenant == identity.tenant
