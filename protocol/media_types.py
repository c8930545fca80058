"""Media types (RFC 9110, 8.3.1).

Belongs here: their syntax. Not here: which of them are wanted or served.
"""

import re

_TCHARS = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = r'"(?:[\t !#-\[\]-~]|\\[\t -~])*"'
# Whitespace between two semicolons can match in one way only, so that hostile headers cost linear time.
_MEDIA_TYPE = re.compile(
    rf"(?P<essence>{_TCHARS}/{_TCHARS})(?:[ \t]*;(?:[ \t]*{_TCHARS}=(?:{_TCHARS}|{_QUOTED}))?)*", re.ASCII
)


def essence_of(text: str) -> str | None:
    """Type and subtype in lower case, without parameters; None if `text` is no media type."""
    found = _MEDIA_TYPE.fullmatch(text)
    return None if found is None else found["essence"].lower()
