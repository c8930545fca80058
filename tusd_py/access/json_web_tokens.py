"""JSON Web Tokens (RFC 7519) that somebody else signed.

PyJWT checks signatures. What may differ between readers of the same token is refused before it gets there:
names that occur twice, white space, header fields that bring a key along (RFC 8725, RFC 7515 section 10.13).

Belongs here: from a text to claims that are proven. Not here: keys (verify_keys.py, key_set.py), what claims
mean to us (claims.py).
"""

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from jwt import PyJWS
from jwt.exceptions import PyJWTError

from .refused import NotGood, Reason
from .verify_keys import VerifyKey

LONGEST = 8192
"""Characters of a token."""
LATEST = 253_402_300_800
"""Seconds since the epoch: the year 10000. No date of a token lies beyond."""

_FORM = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.ASCII)
_OTHER_KEYS = frozenset({"jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "enc"})
"""What a header may not say: a key of its own choice, and what changes how the rest is read."""
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt", "application/jwt"})
_LONGEST_KID = 256
MOST_TRIED = 8
"""Keys, for a token that does not say which."""

Claims = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unproven:
    """What a token says of itself."""

    text: str
    algorithm: str
    kid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What must be in it. Seconds."""

    issuer: str
    audience: frozenset[str]
    leeway: float
    grace: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """Whoever has the key said this."""

    claims: Claims
    expires_at: float
    """Seconds since the epoch, the leeway included."""
    has_expired: bool


_verifier = PyJWS()


def looks_like_one(text: str) -> bool:
    """Three pieces, the first of which is a JSON object."""
    return text.startswith("eyJ") and text.count(".") == 2  # noqa: PLR2004  # RFC 7515, 3.1


def read_header(text: str) -> Unproven:
    """Raises NotGood. Only the header is read: what is in the payload is nobody's word yet."""
    found = _FORM.fullmatch(text) if len(text) <= LONGEST else None
    if found is None:
        raise NotGood(Reason.MALFORMED)
    header = _object(found[1])
    if _OTHER_KEYS & header.keys():
        raise NotGood(Reason.MALFORMED)
    algorithm, kid, kind = header.get("alg"), header.get("kid", ""), header.get("typ", "JWT")
    if not isinstance(algorithm, str) or not isinstance(kid, str) or not isinstance(kind, str):
        raise NotGood(Reason.MALFORMED)
    if len(kid) > _LONGEST_KID or kind.lower() not in _TYPES:
        raise NotGood(Reason.MALFORMED)
    return Unproven(text=text, algorithm=algorithm, kid=kid)


def prove(token: Unproven, keys: Sequence[VerifyKey], expected: Expected, *, now: float) -> Proven:
    """The claims of a token that one of `keys` signed. Raises NotGood."""
    fitting = [key for key in keys if token.algorithm in key.algorithms][:MOST_TRIED]
    if not fitting:
        raise NotGood(Reason.ALGORITHM)
    if not any(_is_signed(token, key) for key in fitting):
        raise NotGood(Reason.SIGNATURE)
    return _checked(_object(token.text.split(".")[1]), expected, now)


def _is_signed(token: Unproven, key: VerifyKey) -> bool:
    try:
        _verifier.decode_complete(token.text, key.key, algorithms=[token.algorithm])
    except (PyJWTError, ValueError):
        return False
    return True


def _checked(claims: Claims, expected: Expected, now: float) -> Proven:
    if claims.get("iss") != expected.issuer:
        raise NotGood(Reason.ISSUER)
    if not _audience(claims) & expected.audience:
        raise NotGood(Reason.AUDIENCE)
    expires_at = _date(claims, "exp")
    if expires_at is None:
        raise NotGood(Reason.CLAIMS)
    for name in ("nbf", "iat"):
        begins_at = _date(claims, name)
        if begins_at is not None and begins_at > now + expected.leeway:
            raise NotGood(Reason.EARLY)
    expires_at += expected.leeway
    if now >= expires_at + expected.grace:
        raise NotGood(Reason.EXPIRED)
    return Proven(claims=claims, expires_at=expires_at, has_expired=now >= expires_at)


def _audience(claims: Claims) -> frozenset[str]:
    """One, or a list of them (RFC 7519, 4.1.3)."""
    said = claims.get("aud")
    named = [said] if isinstance(said, str) else said
    if not isinstance(named, list) or not all(isinstance(one, str) for one in named):
        raise NotGood(Reason.CLAIMS)
    return frozenset(named)


def _date(claims: Claims, name: str) -> float | None:
    if name not in claims:
        return None
    said = claims[name]
    if isinstance(said, bool) or not isinstance(said, int | float) or not 0 <= said < LATEST:
        raise NotGood(Reason.CLAIMS)  # NaN and infinity, too
    return float(said)


def _object(segment: str) -> Claims:
    """A JSON object, strictly: no name twice, no NaN."""
    padded = segment + "=" * (-len(segment) % 4)
    try:
        said = json.loads(
            urlsafe_b64decode(padded).decode("utf-8"),
            object_pairs_hook=_without_repeats,
            parse_constant=_no_constant,
        )
    except (ValueError, RecursionError):
        raise NotGood(Reason.MALFORMED) from None
    if not isinstance(said, dict):
        raise NotGood(Reason.MALFORMED)
    return said


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    said = dict(pairs)
    if len(said) != len(pairs):
        raise ValueError("a name occurs twice")
    return said


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
