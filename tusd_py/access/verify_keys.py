"""Keys that others sign tokens with: from files, and from JWK sets.

A key knows the algorithms it may be used with, so a token cannot choose: neither another family (an RSA key
as an HMAC secret, CVE-2022-29217) nor another curve.

Belongs here: reading keys. Not here: fetching them (key_set.py), verifying with them (json_web_tokens.py).
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from tusd_py.errors import Refused

SHORTEST_RSA = 2048
"""Bits (NIST SP 800-131A)."""
SHORTEST_SECRET = 32
"""Bytes: as long as the digest of HS256 (RFC 7518, 3.2)."""
MOST_KEYS = 100
"""Of one set; more are left out."""

_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_BY_CURVE = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_HMAC_BY_LENGTH = {"HS256": 32, "HS384": 48, "HS512": 64}


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyKey:
    """A key, and the algorithms that it is for."""

    kid: str
    """Empty where nobody gave it an id."""
    algorithms: frozenset[str]
    key: Any = field(repr=False)
    """As PyJWT takes it."""


def from_secret(secret: str) -> VerifyKey:
    """For HMAC. Raises ValueError for a short one."""
    raw = secret.encode()
    if len(raw) < SHORTEST_SECRET:
        raise ValueError(f"{len(raw)} bytes, wanted at least {SHORTEST_SECRET}")
    fitting = frozenset(name for name, length in _HMAC_BY_LENGTH.items() if len(raw) >= length)
    return VerifyKey(kid="", algorithms=fitting, key=raw)


def from_files(paths: Iterable[str]) -> list[VerifyKey]:
    """All keys of these files. Raises Refused, naming the file."""
    found: list[VerifyKey] = []
    for path in paths:
        try:
            keys = _from_text(Path(path).read_bytes())
        except OSError as failed:
            raise Refused(f"access.jwt_keys: {path} cannot be read: {failed.strerror}") from failed
        except ValueError as bad:
            raise Refused(
                f"access.jwt_keys: {path} {bad}",
                hint="wanted a public key in PEM, a certificate in PEM, a JWK, or a JWK set",
            ) from bad
        found += keys
    return found


def from_set(said: object) -> list[VerifyKey]:
    """The usable keys of a JWK set (RFC 7517, 5); others are left out, as that section asks."""
    keys = said.get("keys") if isinstance(said, dict) else None
    if not isinstance(keys, list):
        return []
    usable = (_from_jwk(one) for one in keys[:MOST_KEYS] if isinstance(one, dict))
    return [key for key in usable if key is not None]


def _from_text(raw: bytes) -> Sequence[VerifyKey]:
    if raw.lstrip().startswith(b"{"):
        said = json.loads(raw)
        keys = from_set(said if "keys" in said else {"keys": [said]})
        if not keys:
            raise ValueError("holds no key that can be used")
        return keys
    if b"PRIVATE KEY" in raw:
        raise ValueError("holds a private key, which is nobody's business here")
    try:
        key = (
            x509.load_pem_x509_certificate(raw).public_key()
            if b"BEGIN CERTIFICATE" in raw
            else load_pem_public_key(raw)
        )
    except (ValueError, UnsupportedAlgorithm) as bad:
        raise ValueError(f"holds no key: {bad}") from bad
    algorithms = _algorithms_of(key)
    if not algorithms:
        raise ValueError("holds a key of a kind that is not used here, or one too short")
    return [VerifyKey(kid="", algorithms=algorithms, key=key)]


def _from_jwk(said: dict[str, Any]) -> VerifyKey | None:
    if said.get("kty") not in ("RSA", "EC", "OKP") or said.get("use", "sig") != "sig":
        return None  # a symmetric key that was published is no secret
    operations = said.get("key_ops")
    if operations is not None and (not isinstance(operations, list) or "verify" not in operations):
        return None
    kid, wanted = said.get("kid", ""), said.get("alg")
    if not isinstance(kid, str) or (wanted is not None and not isinstance(wanted, str)):
        return None
    try:
        key = PyJWK.from_dict({name: value for name, value in said.items() if name != "d"}).key
    except (PyJWTError, TypeError, ValueError, UnsupportedAlgorithm):
        return None
    algorithms = _algorithms_of(key)
    if wanted is not None:
        algorithms &= {"EdDSA" if wanted == "Ed25519" else wanted}
    return VerifyKey(kid=kid, algorithms=algorithms, key=key) if algorithms else None


def _algorithms_of(key: object) -> frozenset[str]:
    match key:
        case RSAPublicKey() if key.key_size >= SHORTEST_RSA:
            return frozenset(_RSA)
        case EllipticCurvePublicKey() if key.curve.name in _BY_CURVE:
            return frozenset({_BY_CURVE[key.curve.name]})
        case Ed25519PublicKey():
            return frozenset({"EdDSA"})
    return frozenset()
