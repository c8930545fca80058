"""Paths that people give their files: "reports/2026/May.pdf".

They are names in a catalogue. No path on any disk, and no key in any store, is ever made from one.

Belongs here: which texts are paths. Not here: who has one (tusd_py/metadata/files.py).
"""

import unicodedata

from .integers import shown

LONGEST_PATH = 1024
"""Bytes of a path in UTF-8."""

_NOT_PRINTED = frozenset({"Cc", "Cs", "Zl", "Zp"})


class NoPath(ValueError):
    """The text is no path; says what was found and what was wanted."""


def parse_path(text: str) -> str:
    """The path in its one spelling: NFC, without slashes at its ends. Raises NoPath.

    Two texts become one path only when they look the same: another upload to it is the next version.
    """
    path = unicodedata.normalize("NFC", text).strip("/")
    if not path:
        raise NoPath(f"the path {shown(text)}, wanted one with a name in it")
    if len(path.encode("utf-8", "replace")) > LONGEST_PATH:
        raise NoPath(f"a path of {len(path)} characters, wanted at most {LONGEST_PATH} bytes")
    if any(unicodedata.category(character) in _NOT_PRINTED for character in path):
        raise NoPath(f"the path {shown(text)}, wanted one without control characters")
    parts = path.split("/")
    if any(part.strip() in {"", ".", ".."} for part in parts):
        raise NoPath(f"the path {shown(text)}, wanted names between its slashes, neither empty nor . or ..")
    return path


def last_part(path: str) -> str:
    """What a file at this path is called where nothing else says so."""
    return path.rpartition("/")[2]
