"""What a check may say, and how it says so.

Belongs here: levels, verdicts, the three exceptions that end a check early. Not here: printing.
"""

from dataclasses import dataclass
from enum import StrEnum

from .exchange import Exchange, Response


class Level(StrEnum):
    """How much a requirement binds a server."""

    MUST = "must"
    SHOULD = "should"
    HABIT = "habit"
    """Nobody wrote it down, but real clients stumble without it."""


class Verdict(StrEnum):
    PASS = "pass"  # noqa: S105 -- a verdict, not a password
    FAIL = "fail"
    NOT_OFFERED = "not offered"
    UNCLEAR = "unclear"


class Failed(Exception):
    """The server did something else than what is wanted; the message says what."""

    def __init__(self, message: str, about: Response | None = None) -> None:
        """`about` is the response that is wrong, where it is not the last one."""
        super().__init__(message)
        self.about = about


class Silent(Failed):
    """No answer came; another question tells whether to this request only, or to any."""


class NotOffered(Exception):
    """The server does not claim to do what the check is about."""


class Unclear(Exception):
    """The check could not find out; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found on one server."""

    verdict: Verdict
    reason: str = ""
    """Empty for a pass."""
    exchanges: tuple[Exchange, ...] = ()
    """What was sent and what came, in order, as far as it was kept."""
    seconds: float = 0.0
