"""What a check found.

Belongs here: the value. Not here: printing it (assemble/doctor.py).
"""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    WELL = "ok"
    ADVICE = "advice"
    """Nothing is lost by it."""
    WRONG = "wrong"
    SKIPPED = "skipped"
    """Could not be looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line."""

    check: str
    level: Level
    what: str
    fix: str = ""
    """What to do; never empty where something is wrong."""


def well(check: str, what: str) -> Finding:
    return Finding(check=check, level=Level.WELL, what=what)


def wrong(check: str, what: str, fix: str) -> Finding:
    return Finding(check=check, level=Level.WRONG, what=what, fix=fix)


def advice(check: str, what: str, fix: str) -> Finding:
    return Finding(check=check, level=Level.ADVICE, what=what, fix=fix)


def skipped(check: str, what: str) -> Finding:
    return Finding(check=check, level=Level.SKIPPED, what=what)
