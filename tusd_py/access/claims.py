"""What somebody else's words about a visitor mean to us: claims of a token, headers of a forward-auth answer.

Belongs here: the mapping that is configured. Not here: whether the words are true (json_web_tokens.py).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .identity import Identity, Scope, is_name, is_tenant
from .refused import NotGood, Reason

_BETWEEN = re.compile(r"[ ,]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """Which word is what."""

    subject: str
    tenant: str
    scopes: str
    prefix: str
    default_scopes: frozenset[Scope]


def identity_of(
    claims: Mapping[str, Any], mapped: Mapped, *, expires_at: float, has_expired: bool
) -> Identity:
    """Raises NotGood where the subject or the tenant is missing or cannot be one."""
    return Identity(
        tenant=_named(claims, mapped.tenant, is_tenant) if mapped.tenant else "",
        subject=_named(claims, mapped.subject, is_name),
        scopes=_scopes(claims, mapped),
        has_expired=has_expired,
        expires_at=expires_at,
    )


def scopes_in(text: str, default: frozenset[Scope], *, prefix: str = "") -> frozenset[Scope]:
    """Of a list by spaces or commas; what is none of ours is somebody else's business."""
    words = [word for word in _BETWEEN.split(text.strip()) if word]
    return _ours(words, prefix) if words else default


def found_in(claims: Mapping[str, Any], name: str) -> Any:
    """By its whole name, which may be a URL, or else down a path of objects; None where there is none."""
    if name in claims:
        return claims[name]
    value: Any = claims
    for step in name.split("."):
        if not isinstance(value, Mapping) or step not in value:
            return None
        value = value[step]
    return value


def _named(claims: Mapping[str, Any], name: str, may_be: Callable[[str], bool]) -> str:
    value = found_in(claims, name)
    if not isinstance(value, str) or not may_be(value):
        raise NotGood(Reason.CLAIMS)
    return value


def _scopes(claims: Mapping[str, Any], mapped: Mapped) -> frozenset[Scope]:
    said = found_in(claims, mapped.scopes)
    if said is None:
        return mapped.default_scopes
    words = said.split() if isinstance(said, str) else said
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise NotGood(Reason.CLAIMS)
    return _ours(words, mapped.prefix)


def _ours(words: list[str], prefix: str) -> frozenset[Scope]:
    known = {prefix + scope.value: scope for scope in Scope}
    return frozenset(known[word] for word in words if word in known)
