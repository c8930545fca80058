"""Passes: what we sign ourselves for somebody who cannot, or should not, show a key or a token.

`tup_` is good for one upload (a backend creates it and gives the pass to a browser), `ttk_` is a ticket for a
WebSocket or an event stream, which browsers open without headers. Both say for whom and until when.

A pass is the prefix and what is sealed; the signature is of both.

Belongs here: making and reading them. Not here: the form (sealed.py), the keys (metadata), what one may do
(authorize.py).
"""

import hmac
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from .identity import Identity, Scope
from .sealed import read, signature, written


class Kind(StrEnum):
    """What it begins with."""

    UPLOAD = "tup_"
    TICKET = "ttk_"


_DOMAIN = b"tusd-py pass 1\n"
"""Whatever else is signed with these keys is not mistaken for a pass."""
LONGEST = 2048
_FORM = re.compile(r"(tup_|ttk_)([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{43})", re.ASCII)


class Key(Protocol):
    """One of the installation's keys."""

    @property
    def id(self) -> str: ...
    @property
    def secret(self) -> bytes: ...


KeyOf = Callable[[str], Awaitable[Key | None]]
"""The key with this id, where its signatures count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What is signed."""

    kind: Kind
    tenant: str
    subject: str
    scopes: frozenset[Scope]
    expires_at: int
    """Seconds since the epoch."""
    upload_id: str = ""
    may_terminate: bool = False

    def identity(self) -> Identity:
        """Whom it lets in."""
        return Identity(
            tenant=self.tenant,
            subject=self.subject,
            scopes=self.scopes,
            only_upload=self.upload_id,
            may_terminate=self.may_terminate,
            expires_at=float(self.expires_at),
        )


def sign(passed: Pass, key: Key) -> str:
    """As text that fits a header and a URL."""
    said = {
        "k": key.id,
        "t": passed.tenant,
        "s": passed.subject,
        "c": sorted(passed.scopes),
        "x": passed.expires_at,
        "u": passed.upload_id,
        "d": passed.may_terminate,
    }
    text = f"{passed.kind}{written(said)}"
    return f"{text}.{signature(text, domain=_DOMAIN, secret=key.secret)}"


async def verified(text: str, *, key_of: KeyOf) -> Pass | None:
    """What a pass says, whether or not it has expired; None where we did not sign it."""
    found = _FORM.fullmatch(text) if len(text) <= LONGEST else None
    said = None if found is None else read(found[2])
    if found is None or said is None:
        return None
    key = await key_of(said["k"])
    if key is None:
        return None
    if not hmac.compare_digest(found[3], signature(found[1] + found[2], domain=_DOMAIN, secret=key.secret)):
        return None
    return Pass(
        kind=Kind(found[1]),
        tenant=said["t"],
        subject=said["s"],
        scopes=frozenset(Scope(name) for name in said["c"]),
        expires_at=said["x"],
        upload_id=said["u"],
        may_terminate=said["d"],
    )
