"""Names that clients give their files, made safe to show and to put into headers.

They are for people: no path on any disk is ever made from one.

Belongs here: cleaning a name. Not here: where names come from or go to.
"""

import re
import unicodedata

LONGEST = 255
"""Characters kept of a name."""

# Bidirectional controls make "gpj.exe" read "exe.jpg" (Unicode TR 36, 3.3); U+2028 and U+2029 end lines.
_MISLEADING = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029\ufeff"
)

# Cc is NUL, C0, DEL and C1; Cs is half of a character, which no encoding can send.
_UNSENDABLE = frozenset({"Cc", "Cs"})

_SEPARATORS = re.compile(r"[/\\]")


def safe_filename(text: str) -> str | None:
    """The last path part of `text` without control and misleading characters; None if nothing is left."""
    visible = "".join(character for character in text if _may_stay(character))
    name = _SEPARATORS.split(visible)[-1].strip()[:LONGEST].strip()
    return None if name in {"", ".", ".."} else name


def _may_stay(character: str) -> bool:
    return character not in _MISLEADING and unicodedata.category(character) not in _UNSENDABLE
