"""Passes: what we sign ourselves for somebody who cannot, or should not, show a key or a token.

`tup_` is good for one upload (a backend creates it and gives the pass to a browser), `ttk_` is a ticket for a
WebSocket or an event stream, which browsers open without headers. Both say for whom and until when.

A pass is `prefix payload.signature`, in unpadded base64url: a JSON object, and HMAC-SHA256 (RFC 2104) of the
prefix and the payload's text under one of the installation's keys.

Belongs here: making and reading them. Not here: the keys (metadata), what one may do (authorize.py).
"""

import binascii
import hmac
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from .identity import Identity, Scope


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
    payload = _encoded(json.dumps(said, separators=(",", ":")).encode())
    return f"{passed.kind}{payload}.{_signature(passed.kind, payload, key)}"


async def verified(text: str, *, key_of: KeyOf) -> Pass | None:
    """What a pass says, whether or not it has expired; None where we did not sign it."""
    found = _FORM.fullmatch(text) if len(text) <= LONGEST else None
    said = None if found is None else _read(found[2])
    if found is None or said is None:
        return None
    key = await key_of(said["k"])
    # The texts are compared, not what they decode to: base64 has several spellings of one value.
    if key is None or not hmac.compare_digest(found[3], _signature(found[1], found[2], key)):
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


def _signature(prefix: str, payload: str, key: Key) -> str:
    return _encoded(hmac.digest(key.secret, _DOMAIN + (prefix + payload).encode("ascii"), "sha256"))


def _encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode("ascii")


def _read(payload: str) -> dict[str, Any] | None:
    """None where it cannot be ours; only a right signature says that the rest is as it should be."""
    try:
        said = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    key_id = said.get("k") if isinstance(said, dict) else None
    # A database is asked for it, and takes neither NUL nor half of a character pair.
    return said if isinstance(key_id, str) and key_id.isprintable() else None
