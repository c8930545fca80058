"""Content-Disposition: of downloads, and as an upload names its file (RFC 6266, RFC 8187)."""

import re
from urllib.parse import quote, unquote_to_bytes

from .filenames import safe_filename

# "%" too, because some browsers decode %41 in the plain parameter (RFC 6266, Appendix D).
_NOT_PLAIN = re.compile(r'[^ -~]|["\\%]', re.ASCII)

# RFC 8187, 3.2.1: attr-char besides letters and digits.
_ATTR_CHAR = "!#$&+-.^_`|~"

# RFC 9110, 5.6.6: a token, or a quoted string with escapes.
_PARAMETER = re.compile(
    r""";[ \t]*([A-Za-z0-9!#$%&'*+.^_`|~-]+)[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^;"\s]*)""", re.ASCII
)
_ESCAPED = re.compile(r"\\(.)", re.ASCII | re.DOTALL)


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


def filename_of(disposition: str) -> str | None:
    """The name in a header that somebody else wrote; `filename*` wins (RFC 6266, 4.3). None without one.

    An empty one is none: it hides no other.

    Takes time in proportion to the header, whatever is in it.
    """
    found: dict[str, str] = {}
    position = disposition.find(";")
    while position >= 0:
        parameter = _PARAMETER.match(disposition, position)
        if parameter is not None:
            found.setdefault(parameter[1].lower(), parameter[2])
            position = parameter.end()
        position = disposition.find(";", position + (parameter is None))
    extended = _extended(found["filename*"]) if "filename*" in found else None
    return extended or _unquoted(found.get("filename")) or None


def _extended(value: str) -> str | None:
    """RFC 8187, 3.2: only UTF-8 is to be written, and only that is read."""
    charset, _, rest = value.partition("'")
    _, quoted, encoded = rest.partition("'")
    if charset.lower() != "utf-8" or not quoted:
        return None
    try:
        return unquote_to_bytes(encoded).decode()
    except UnicodeError:
        return None


def _unquoted(value: str | None) -> str | None:
    if value is None or not value.startswith('"'):
        return value
    return _ESCAPED.sub(r"\1", value[1:-1])
