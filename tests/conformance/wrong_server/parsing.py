"""How the wrong server reads headers, rightly or not.

Belongs here: parsing and refusals. Not here: what is done then.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Set as AbstractSet
from enum import StrEnum

from .bugs import Bug
from .http import Answer, Request

ALGORITHMS = {"sha1": (hashlib.sha1, 20), "sha256": (hashlib.sha256, 32), "md5": (hashlib.md5, 16)}

MAX_SIZE = 1 << 40

_DIGITS = 18


class Refused(Exception):
    def __init__(self, status: int, message: str = "", reason: str | None = None) -> None:
        super().__init__(message)
        self.answer = Answer(status=status, body=message.encode(), reason=reason)


def single(request: Request, name: str, bugs: AbstractSet[StrEnum]) -> str | None:
    found = request.every(name)
    if len(set(found)) > 1 and Bug.FIRST_HEADER_WINS not in bugs:
        raise Refused(400, f"{name} was sent twice")
    return found[0] if found else None


def number(text: str | None, *, kind: bool) -> int:
    """Strictly, unless it is to be `kind`."""
    if text is None:
        raise Refused(400, "a number is missing")
    if kind:
        return _kind_number(text)
    if not re.fullmatch(r"[0-9]+", text, re.ASCII) or len(text) > _DIGITS:
        raise Refused(400, "not a number")
    return int(text)


def checked_length(text: str, bugs: AbstractSet[StrEnum]) -> int:
    found = number(text, kind=Bug.KIND_LENGTHS in bugs)
    if Bug.FLOATING_LENGTHS in bugs:
        return int(float(found))
    if found > MAX_SIZE and Bug.TOO_LARGE_ACCEPTED not in bugs:
        raise Refused(413)
    if found == 0 and Bug.NO_EMPTY_UPLOAD in bugs:
        raise Refused(400, "empty")
    return found


def _kind_number(text: str) -> int:
    try:
        found = int(text)
    except ValueError:
        raise Refused(400, "not a number") from None
    if found < 0:
        raise Refused(400, "below zero")
    return found


def check_metadata(raw: str, bugs: AbstractSet[StrEnum]) -> None:
    if raw == "" and Bug.EMPTY_METADATA_REFUSED not in bugs:
        return
    keys = []
    for element in raw.split(","):
        key, space, value = element.strip(" ").partition(" ")
        if not key or not key.isascii():
            raise Refused(400, "not a key")
        if not space and Bug.BARE_KEYS_REFUSED in bugs:
            raise Refused(400, "no value")
        _check_base64(value, lenient=Bug.LENIENT_BASE64 in bugs)
        keys.append(key)
    if len(set(keys)) < len(keys) and Bug.KEYS_TWICE not in bugs:
        raise Refused(400, "a key came twice")


def _check_base64(value: str, *, lenient: bool) -> None:
    try:
        decoded = base64.b64decode(value, validate=not lenient)
    except binascii.Error:
        raise Refused(400, "not Base64") from None
    if not lenient and base64.b64encode(decoded).decode() != value:
        raise Refused(400, "not Base64")


def parse_checksum(raw: str, bugs: AbstractSet[StrEnum]) -> tuple[str, bytes] | None:
    """The algorithm and the digest; None where nothing is to be verified."""
    name, _, value = raw.partition(" ")
    if name not in ALGORITHMS:
        if Bug.UNKNOWN_ALGORITHM_IGNORED in bugs:
            return None
        raise Refused(400, "unknown algorithm")
    size = ALGORITHMS[name][1]
    if Bug.HEX_DIGESTS in bugs and re.fullmatch(rf"[0-9a-f]{{{2 * size}}}", value):
        return name, bytes.fromhex(value)
    try:
        digest = base64.b64decode(value, validate=True)
    except binascii.Error:
        raise Refused(400, "not Base64") from None
    if len(digest) != size:
        raise Refused(400, "not a digest")
    return name, digest
