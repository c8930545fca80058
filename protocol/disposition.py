"""Content-Disposition of downloads (RFC 6266, RFC 8187)."""

import re
from urllib.parse import quote

from .filenames import safe_filename

# "%" too, because some browsers decode %41 in the plain parameter (RFC 6266, Appendix D).
_NOT_PLAIN = re.compile(r'[^ -~]|["\\%]', re.ASCII)

# RFC 8187, 3.2.1: attr-char besides letters and digits.
_ATTR_CHAR = "!#$&+-.^_`|~"


def attachment(filename: str | None) -> str:
    """The header's value: always one header, always a save-as, whatever `filename` holds.

    A name that plain ASCII cannot carry is sent twice, the second time as `filename*`, which wins.
    """
    name = None if filename is None else safe_filename(filename)
    if name is None:
        return "attachment"
    plain = _NOT_PLAIN.sub("_", name)
    if plain == name:
        return f'attachment; filename="{plain}"'
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe=_ATTR_CHAR)}"
