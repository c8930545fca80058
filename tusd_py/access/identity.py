"""Who is asking.

Belongs here: the Identity, and the anonymous rules. Not here: what an identity may do (authorize.py).
"""

import ipaddress
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

LONGEST_NAME = 80
"""Characters of a tenant's or a subject's name."""
_LONGEST_ELEMENT = 240
"""Bytes of a name as it is escaped in keys; file systems take 255."""


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
    is_super: bool = False
    """Its admin scope counts in every tenant. Only the configuration says so."""
    only_upload: str = ""
    """Good for this one upload and nothing else; what was given to a browser."""
    may_terminate: bool = True
    """Of `only_upload`: may delete it, too."""
    has_expired: bool = False
    """What proved it has, within the grace: it may go on with its own uploads and nothing else."""
    expires_at: float | None = None
    """Seconds since the epoch at which what proved it expires; for connections that outlive it."""

    @property
    def is_admin(self) -> bool:
        return Scope.ADMIN in self.scopes

    @property
    def is_reserved(self) -> bool:
        """It would own what anonymous visitors sent, or stand in the log for this service."""
        return not self.tenant and self.subject in RESERVED

    @property
    def actor(self) -> str:
        """How events name it."""
        return f"{self.tenant}/{self.subject}" if self.tenant else self.subject


ANONYMOUS = Identity(tenant="", subject="anonymous", scopes=frozenset({Scope.UPLOAD, Scope.READ}))
LOCAL_ADMIN = Identity(
    tenant="", subject="anonymous", scopes=frozenset({Scope.UPLOAD, Scope.READ, Scope.ADMIN})
)
"""The visitor of a server that only this machine can reach."""

RESERVED = frozenset({"anonymous", "system"})
"""Subjects without a tenant whom nobody may prove to be: all without a name, and this service itself."""
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


def is_name(text: str) -> bool:
    """What a subject may be called: it becomes a part of keys, rows and log lines."""
    return (
        0 < len(text) <= LONGEST_NAME
        and text.isprintable()
        and len(quote(text, safe="", errors="replace")) <= _LONGEST_ELEMENT
    )


def is_tenant(text: str) -> bool:
    """The same for tenants: a slash stands between tenant and subject where both are named at once."""
    return is_name(text) and "/" not in text


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
