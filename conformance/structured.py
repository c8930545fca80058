"""Structured fields of HTTP (RFC 9651), as far as answers of the draft carry them.

Belongs here: reading integers, booleans and dictionaries, strictly. Not here: what they mean (want_draft.py).
"""

import re
from collections.abc import Sequence

_KEY = r"[a-z*][a-z0-9_.*-]*"
_INTEGER = r"-?[0-9]{1,15}"
_BARE = "|".join(
    (
        r"-?[0-9]{1,12}\.[0-9]{1,3}",
        _INTEGER,
        r'"(?:[ !#-\[\]-~]|\\["\\])*"',
        r"[A-Za-z*][A-Za-z0-9!#$%&'*+.^_`|~:/-]*",
        r":[A-Za-z0-9+/=]*:",
        r"\?[01]",
        rf"@{_INTEGER}",
        r'%"[ !#-~]*"',
    )
)
_PARAMETERS = rf"(?:;[ ]*{_KEY}(?:=(?:{_BARE}))?)*"
_ITEM = rf"(?:{_BARE}){_PARAMETERS}"
_LIST = rf"\([ ]*(?:{_ITEM}(?:[ ]+{_ITEM})*)?[ ]*\){_PARAMETERS}"

_INTEGER_ITEM = re.compile(rf"({_INTEGER}){_PARAMETERS}")
_BOOLEAN_ITEM = re.compile(rf"\?([01]){_PARAMETERS}")
_MEMBER = re.compile(rf"({_KEY})(?:=({_ITEM}|{_LIST})|({_PARAMETERS}))[ \t]*(,[ \t]*(?!$)|$)")


def integer(lines: Sequence[str]) -> int:
    """The value of an item, over all header lines of its name. Raises ValueError."""
    found = _INTEGER_ITEM.fullmatch(_joined(lines))
    if found is None:
        raise ValueError(f"wanted a structured integer, found {_joined(lines)!r}")
    return int(found[1])


def boolean(lines: Sequence[str]) -> bool:
    """Raises ValueError."""
    found = _BOOLEAN_ITEM.fullmatch(_joined(lines))
    if found is None:
        raise ValueError(f"wanted ?0 or ?1, found {_joined(lines)!r}")
    return found[1] == "1"


def dictionary(lines: Sequence[str]) -> dict[str, list[str]]:
    """Each member's value, to be read further; the last of those with one key counts. Raises ValueError."""
    text, at = _joined(lines), 0
    members: dict[str, list[str]] = {}
    while at < len(text):
        member = _MEMBER.match(text, at)
        if member is None:
            raise ValueError(f"wanted a structured dictionary, found {text!r}")
        key, value, parameters, _ = member.groups()
        members[key] = [value if value is not None else f"?1{parameters}"]
        at = member.end()
    return members


def _joined(lines: Sequence[str]) -> str:
    return ", ".join(lines).strip(" ")
