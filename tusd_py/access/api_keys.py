"""API keys: `tpk_<id>_<secret>`.

The id finds the row, the secret proves the key. A secret is 256 random bits, so one SHA-256 hides it as well
as a slow hash would, and costs a request nothing (OWASP ASVS 5.0, 11.4.2 is about passwords, which people
choose). The prefix lets scanners of source code find keys that somebody committed.

Belongs here: how a key is written, made and proven. Not here: rows (metadata/api_keys.py).
"""

import re
import secrets
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest

from tusd_py.metadata.api_keys import ApiKey, NewKey
from tusd_py.randomness import random_hex

from .identity import Identity, Scope

PREFIX = "tpk_"
_KEY = re.compile(r"tpk_([0-9a-f]{16})_([A-Za-z0-9_-]{43})", re.ASCII)
_SECRET_BYTES = 32
_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeKey:
    """A new key, and the only moment in which it can be shown."""

    row: NewKey
    text: str


def make_key(
    *, tenant: str, subject: str, scopes: frozenset[Scope], note: str = "", life: float | None = None
) -> MadeKey:
    """`life` in seconds; None is for ever."""
    key_id, secret = random_hex(8), secrets.token_urlsafe(_SECRET_BYTES)
    row = NewKey(
        id=key_id,
        tenant=tenant,
        subject=subject,
        scopes=tuple(sorted(scopes)),
        note=note,
        digest=_digest(secret),
        life=None if life is None else int(life * _MICROSECONDS),
    )
    return MadeKey(row=row, text=f"{PREFIX}{key_id}_{secret}")


def split_key(text: str) -> tuple[str, str] | None:
    """(id, secret); None for what is no key."""
    found = _KEY.fullmatch(text)
    return None if found is None else (found[1], found[2])


def identity_of(key: ApiKey, secret: str, *, grace: float) -> Identity | None:
    """Who has this key; None when it is not this one, revoked, or expired for longer than `grace` seconds."""
    if not compare_digest(key.digest, _digest(secret)) or key.is_revoked:
        return None
    has_expired = key.expires_at is not None and key.now >= key.expires_at
    if key.expires_at is not None and key.now >= key.expires_at + int(grace * _MICROSECONDS):
        return None
    known = frozenset(Scope)
    return Identity(
        tenant=key.tenant,
        subject=key.subject,
        scopes=frozenset(Scope(name) for name in key.scopes if name in known),
        has_expired=has_expired,
        expires_at=None if key.expires_at is None else key.expires_at / _MICROSECONDS,
    )


def _digest(secret: str) -> str:
    return sha256(secret.encode("ascii")).hexdigest()
