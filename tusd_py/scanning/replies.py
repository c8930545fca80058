"""What clamd says, read exactly.

clamd ends every answer with the byte that ended the command, so an answer without it was cut. Sources:
clamd(8), "COMMANDS"; clamd/session.c and clamd/scanner.c for the texts.

Belongs here: from bytes to an Answer. Not here: sockets (clamd.py).
"""

import re
from datetime import UTC, datetime

from protocol.upload import Verdict

from .scanner import Answer, NoVerdict

END = b"\0"
LONGEST = 4096
"""Bytes of an answer; names of signatures are far shorter."""

_FOUND = re.compile(r"stream: (?P<name>[^\x00-\x1f\x7f]+) FOUND")
_NOT_LOOKED_AT = ("Heuristics.Limits.Exceeded", "Heuristics.Encrypted.")
"""Said instead of OK with AlertExceedsMax and AlertEncrypted: nothing was found, as not all was looked at."""
_TOO_LONG = "INSTREAM size limit exceeded. ERROR"
_VERSION = re.compile(r"ClamAV [0-9][^/\s]*(/(?P<signatures>[0-9]+)/(?P<date>[^/]+))?")
_SHOWN = 200
"""Characters of an odd answer that are told."""


def judge(reply: bytes, *, is_whole: bool) -> Answer:
    """The answer to INSTREAM; `is_whole` says that the stream was sent to its end. Raises NoVerdict."""
    text = text_of(reply)
    if text == _TOO_LONG:
        return Answer(verdict=Verdict.UNSCANNABLE, name="StreamMaxLength")
    if not is_whole:
        raise NoVerdict(f"clamd answered before the end: {text[:_SHOWN]!r}")
    if text == "stream: OK":
        return Answer(verdict=Verdict.CLEAN)
    found = _FOUND.fullmatch(text)
    if found is None:
        raise NoVerdict(f"clamd gave no verdict: {text[:_SHOWN]!r}")
    is_unscannable = found["name"].startswith(_NOT_LOOKED_AT)
    return Answer(verdict=Verdict.UNSCANNABLE if is_unscannable else Verdict.INFECTED, name=found["name"])


def text_of(reply: bytes) -> str:
    """An answer without its end. Raises NoVerdict for none, for a part of one, and for more than one."""
    if not reply:
        raise NoVerdict("clamd hung up without an answer")
    text, end, rest = reply.partition(END)
    if not end or rest:
        raise NoVerdict(f"clamd's answer is {'cut' if not end else 'more than one'}: {reply[:_SHOWN]!r}")
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        raise NoVerdict(f"clamd's answer is no text: {reply[:_SHOWN]!r}") from None


def checked_version(text: str) -> str:
    """The answer to VERSION, such as "ClamAV 1.4.6/27800/Tue Nov 24 09:31:00 2026". Raises NoVerdict."""
    if _VERSION.fullmatch(text) is None:
        raise NoVerdict(f"clamd said an odd version: {text[:_SHOWN]!r}")
    return text


def signatures_age(version: str, now: float) -> float | None:
    """Seconds since the signatures were made; None where the version names no date.

    clamd writes its local time, so this may be off by hours.
    """
    parts = _VERSION.fullmatch(version)
    if parts is None or parts["date"] is None:
        return None
    try:
        made = datetime.strptime(parts["date"], "%a %b %d %H:%M:%S %Y").replace(tzinfo=UTC)
    except ValueError:
        return None
    return now - made.timestamp()
