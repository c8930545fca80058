"""Who is asking.

Belongs here: the Identity, and the anonymous rules. Not here: what an identity may do (authorize.py).
"""

import ipaddress
from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What an identity was given."""

    UPLOAD = "upload"
    READ = "read"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A tenant's subject and its scopes."""

    tenant: str
    subject: str
    scopes: frozenset[Scope]

    @property
    def is_admin(self) -> bool:
        return Scope.ADMIN in self.scopes

    @property
    def actor(self) -> str:
        """How events name it."""
        return f"{self.tenant}/{self.subject}" if self.tenant else self.subject


ANONYMOUS = Identity(tenant="", subject="anonymous", scopes=frozenset({Scope.UPLOAD, Scope.READ}))
LOCAL_ADMIN = Identity(
    tenant="", subject="anonymous", scopes=frozenset({Scope.UPLOAD, Scope.READ, Scope.ADMIN})
)
"""The visitor of a server that only this machine can reach."""

_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


def is_loopback(host: str) -> bool:
    """A name or address that only this machine can reach."""
    if host in _LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def anonymous(*, listens_locally: bool, host_is_ours: bool, was_forwarded: bool) -> Identity:
    """The visitor of a server without authentication.

    Admin only where the listener is a loopback address or a Unix socket, the Host is a name of ours (a page
    elsewhere may point its own name at 127.0.0.1) and no proxy spoke for somebody else.
    """
    if listens_locally and host_is_ours and not was_forwarded:
        return LOCAL_ADMIN
    return ANONYMOUS
