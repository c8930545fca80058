"""Structured fields, as far as uploads need them (RFC 9651).

Whatever is not well-formed, or not of the wanted type, or sent twice, is as if it were absent: that is how
fields of this kind are read, and how the IETF draft wants its own to be (section 4.1).

Belongs here: the grammar. Not here: what a field means.
"""

import re
from base64 import b64decode
from collections.abc import Sequence

LARGEST_INTEGER = 10**15 - 1
"""RFC 9651, 3.3.1."""

_KEY = r"[a-z*][a-z0-9_.*-]*"
_INTEGER = r"-?[0-9]{1,15}"
_STRING = r'"(?:[ !#-\[\]-~]|\\["\\])*"'
_BYTES = r":[A-Za-z0-9+/=]*:"
_BARE = "|".join(
    (
        r"-?[0-9]{1,12}\.[0-9]{1,3}",
        _INTEGER,
        _STRING,
        r"[A-Za-z*][A-Za-z0-9!#$%&'*+.^_`|~:/-]*",
        _BYTES,
        r"\?[01]",
        rf"@{_INTEGER}",
        r'%"(?:[ !#$&-~]|%[0-9a-f]{2})*"',
    )
)
_PARAMETERS = rf"(?:; *{_KEY}(?:=(?:{_BARE}))?)*"
_INNER_LIST = rf"\( *(?:(?:{_BARE}){_PARAMETERS}(?: +(?:{_BARE}){_PARAMETERS})*)? *\)"
_MEMBER = rf"({_KEY})(?:=({_BARE}|{_INNER_LIST}))?{_PARAMETERS}"

_INTEGER_ITEM = re.compile(rf" *({_INTEGER}){_PARAMETERS} *", re.ASCII)
_BOOLEAN_ITEM = re.compile(rf" *\?([01]){_PARAMETERS} *", re.ASCII)
_ONE_MEMBER = re.compile(rf"[ \t]*{_MEMBER}[ \t]*(,|\Z)", re.ASCII)

_LONGEST = 2048
"""Characters; what is longer is no field that anybody sends."""


def integer_item(values: Sequence[str]) -> int | None:
    """The Integer that a field holds (RFC 9651, 3.3.1); `values` are its lines."""
    found = _only(values, _INTEGER_ITEM)
    return None if found is None else int(found)


def boolean_item(values: Sequence[str]) -> bool | None:
    """The Boolean that a field holds (RFC 9651, 3.3.6)."""
    found = _only(values, _BOOLEAN_ITEM)
    return None if found is None else found == "1"


def byte_sequences(values: Sequence[str]) -> dict[str, bytes]:
    """The members of a Dictionary that are Byte Sequences (RFC 9651, 3.2 and 3.3.5); of a key the last."""
    decoded = {key: _decoded(value) for key, value in _members(values).items()}
    return {key: value for key, value in decoded.items() if value is not None}


def integers(values: Sequence[str]) -> dict[str, int]:
    """The members of a Dictionary that are Integers (RFC 9651, 3.2 and 3.3.1); of a key the last."""
    members = _members(values)
    return {key: int(value) for key, value in members.items() if re.fullmatch(_INTEGER, value, re.ASCII)}


def _members(values: Sequence[str]) -> dict[str, str]:
    """Those of a Dictionary, as written, without parameters; none of one that is not well-formed."""
    text = ", ".join(values).strip(" \t")
    members: dict[str, str] = {}
    position = 0
    if not text or len(text) > _LONGEST:
        return {}
    while position < len(text):
        member = _ONE_MEMBER.match(text, position)
        if member is None or (member[3] and member.end() == len(text)):
            return {}
        members[member[1]] = member[2] or ""
        position = member.end()
    return members


def boolean(value: bool) -> str:
    """As a field says it."""
    return "?1" if value else "?0"


def _only(values: Sequence[str], grammar: re.Pattern[str]) -> str | None:
    if len(values) != 1 or len(values[0]) > _LONGEST:
        return None
    found = grammar.fullmatch(values[0])
    return None if found is None else found[1]


def _decoded(value: str) -> bytes | None:
    if not re.fullmatch(_BYTES, value, re.ASCII):
        return None
    encoded = value[1:-1].rstrip("=")
    try:
        # "synthesizing padding if necessary" (RFC 9651, 4.2.7)
        return b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        return None
