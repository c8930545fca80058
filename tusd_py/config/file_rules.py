"""Types, extensions and sizes of types, as settings write them.

Belongs here: reading an item. Not here: what is refused by it (access/admission.py).
"""

import re
from collections.abc import Sequence

from .complaint import Complaint
from .units import Unreadable, parse_size

_PART = r"[!#$&^_.+a-z0-9-]{1,127}"
_TYPE = re.compile(rf"({_PART})/({_PART}|\*)", re.ASCII)
"""RFC 6838, 4.2, in lower case; the subtype may be a star."""
_EXTENSION = re.compile(r"[^./\\\s]{1,32}")


def complain_about_types(types: Sequence[str]) -> Complaint | None:
    """Of a list of types."""
    for item, text in enumerate(types):
        if _TYPE.fullmatch(text.lower()) is None:
            wanted = 'types such as "image/png" or "image/*"'
            return Complaint(what="is no media type", found=repr(text), wanted=wanted, item=item)
    return None


def complain_about_extensions(extensions: Sequence[str]) -> Complaint | None:
    """Of a list of extensions."""
    for item, text in enumerate(extensions):
        if _EXTENSION.fullmatch(text.removeprefix(".")) is None:
            wanted = 'the end of a file name, such as "pdf"'
            return Complaint(what="is no extension", found=repr(text), wanted=wanted, item=item)
    return None


def complain_about_type_sizes(lines: Sequence[str]) -> Complaint | None:
    """Of a list of "type=size"."""
    for item, line in enumerate(lines):
        try:
            parse_type_size(line)
        except Unreadable as wrong:
            wanted = 'lines such as "video/*=5GB"'
            return Complaint(what=f"cannot be read: {wrong}", found=repr(line), wanted=wanted, item=item)
    return None


def parse_type_size(line: str) -> tuple[str, int]:
    """A type, and bytes. Raises Unreadable."""
    name, _, size = line.partition("=")
    found = name.strip().lower()
    if _TYPE.fullmatch(found) is None:
        raise Unreadable(f"{name.strip()!r} is no media type")
    try:
        return found, parse_size(size)
    except Unreadable:
        raise Unreadable(f"{size.strip()!r} is no size") from None
