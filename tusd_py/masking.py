"""What must not be shown: secrets, and characters that would let a value draw on a terminal or forge a line.

Belongs here: recognising them in text. Not here: log lines (log.py) and settings (config).
"""

import re

MASK = "***"

SECRET_NAME = re.compile(
    r"(^|[-_.])(authorization|cookies?|password|passwd|passphrase|secret|token|ticket|signature|sig|jwt"
    r"|credentials?"
    r"|dsn|(api|access|secret|private|signing)[-_]?key)([-_.]|$)",
    re.IGNORECASE | re.ASCII,
)
"""Names under which secrets travel, as a whole word of a key such as `access_token` or `Set-Cookie`."""

# Every repetition is bounded or cannot be entered twice: hostile text must not cost more than its length.
_IN_TEXT = (
    # A URL's password; also where the password itself holds an unescaped "@" or "/".
    (
        re.compile(r"(\b[a-z][a-z0-9+.-]{0,20}://[^\s/?#:@\"']{0,200}:)[^\s\"']{0,500}(?=@)", re.IGNORECASE),
        rf"\1{MASK}",
    ),
    # A token that stands where others have a user.
    (re.compile(r"(\bnats://)[^\s/?#:@\"']{1,500}(?=@)", re.IGNORECASE), rf"\1{MASK}"),
    # A link's signature, ours or a presigned one of S3, GCS or Azure.
    (
        re.compile(
            r"([?&;](?:sig|signature|token|ticket|access_token|id_token|refresh_token|jwt|key|api_?key|secret|password"
            r"|code|x-(?:amz|goog)-(?:signature|credential|security-token)|awsaccesskeyid)=)[^&;\s#\"'<>]*",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
    # What a share link, or a signed URL, of ours ends with.
    (re.compile(r"(/s/)[\w.-]{43,4096}+", re.ASCII), rf"\1{MASK}"),
    # Whole header lines, as libraries print requests.
    (
        re.compile(r"((?:authorization|cookie|x-api-key)[\"']?\s*[:=,]\s*)[^\r\n]+", re.IGNORECASE),
        rf"\1{MASK}",
    ),
    (re.compile(r"\b(bearer|basic)(\s+)[a-z0-9._~+/=-]{6,}", re.IGNORECASE), rf"\1\2{MASK}"),
    (
        re.compile(r"(?<![\w-])eyJ[\w-]{6,}+\.[\w-]++\.[\w-]*+"),
        MASK,
    ),  # a JWT: its header always begins with {"
    # An API key of ours, whose id may be seen, and passes that we signed (access/).
    (re.compile(r"(?<![A-Za-z0-9])(tpk_[0-9a-f]{16}_|tup_|ttk_)[\w.-]++"), rf"\1{MASK}"),
    # key=value of libpq and of configuration dumps.
    (
        re.compile(
            r"((?<![a-z0-9])(?:password|passwd|secret|(?:api|private|signing|secret|secret[-_]access)[-_]?key|token)"
            r"[\"']?\s*[=:]\s*)"
            r"(?:b?\"[^\"]*\"|b?'[^']*'|[^\s,;&\"']+)",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
)

_MAY_HOLD_ONE = re.compile(r"[=:,\s]|eyJ|/s/|t(?:pk|up|tk)_")
"""What every pattern above needs; most values of a log line are ids, names and paths without it."""

_PLAIN = re.compile(r"[A-Za-z0-9/._-]*", re.ASCII)
_OF_OURS = re.compile(r"t(?:pk|up|tk)_")

_DRAWING = re.compile(
    # C0, DEL, C1; line and paragraph separators; zero-width and direction marks; lone surrogates.
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def is_plain(text: str) -> bool:
    """Most texts: nothing in it could be a secret or draw, which is seen faster than looked for."""
    # As `_MAY_HOLD_ONE` without what is not plain; this is asked of every value that is logged.
    return (
        _PLAIN.fullmatch(text) is not None
        and "eyJ" not in text
        and "/s/" not in text
        and ("_" not in text or _OF_OURS.search(text) is None)
    )


def mask_text(text: str) -> str:
    """The text with every secret that can be recognised in it replaced by `***`."""
    if _MAY_HOLD_ONE.search(text) is None:
        return text
    for pattern, replacement in _IN_TEXT:
        text = pattern.sub(replacement, text)
    return text


def escape_controls(text: str, *, keep: str = "") -> str:
    """The text on one line, with nothing that a terminal would obey; characters in `keep` stay."""
    if text.isascii() and text.isprintable():
        return text
    return _DRAWING.sub(lambda found: found[0] if found[0] in keep else _spelled(found[0]), text)


def _spelled(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"  # noqa: PLR2004  # one byte
