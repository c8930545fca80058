"""Digests of content and representation (RFC 9530).

Belongs here: comparing. Not here: storing (writing.py).
"""

import base64
import hashlib
import re
from collections.abc import Set as AbstractSet
from enum import StrEnum

from .bugs import DraftBug
from .fields import problem

_KNOWN = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}


def claims(line: str, bugs: AbstractSet[StrEnum]) -> dict[str, bytes]:
    """The digests of a header that can be verified."""
    named = dict(re.findall(r"([a-z0-9-]+)=:([A-Za-z0-9+/=]*):", line))
    if named.keys() - _KNOWN.keys() and DraftBug.UNKNOWN_DIGEST_REFUSED in bugs:
        raise problem(400)
    return {name: base64.b64decode(value) for name, value in named.items() if name in _KNOWN}


def matches(content: bytes, claimed: dict[str, bytes], bugs: AbstractSet[StrEnum]) -> bool:
    found = [_KNOWN[name](content).digest() == digest for name, digest in claimed.items()]
    return any(found) if DraftBug.ONE_DIGEST_ENOUGH in bugs else all(found)
