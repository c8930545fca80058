"""A value as one layer gave it, before anybody knows whether it is good.

Belongs here: the entry, and reading its value. Not here: the layers themselves.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .keys import FILE_SUFFIX, Key
from .kinds import Value
from .problems import Origin, Problem, did_you_mean
from .units import Unreadable

MOST_SECRET_BYTES = 64 * 1024
"""A file that is longer is not a password."""

MOST_BITS = 63
"""Of a whole number in TOML and in databases, without its sign."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """`raw` is a TOML value, or text where `is_text`; with `via_file` the path of a file with the text."""

    key: Key
    raw: object
    origin: Origin
    is_text: bool = False
    via_file: bool = False

    @property
    def written(self) -> str:
        """The name as it was written, without its layer: `server.port`, `database.url_file`."""
        return self.key.dotted + (FILE_SUFFIX if self.via_file else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What one layer said. A layer that could not be read at all is not `complete`."""

    entries: Sequence[Entry] = ()
    problems: Sequence[Problem] = ()
    warnings: Sequence[str] = ()
    complete: bool = field(default=True)


class Faulty(Exception):  # carries a Problem, which is what is raised in spirit
    """One fault, on its way to the list of all."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem


def read_entry(entry: Entry) -> Value:
    """The value, of the type that its field has. Raises Faulty."""
    kind = entry.key.kind
    if isinstance(entry.raw, int) and entry.raw.bit_length() > MOST_BITS:
        raise Faulty(_too_large(entry, entry.raw))
    try:
        if entry.via_file:
            return kind.from_text(_file_text(entry))
        if entry.is_text:
            return kind.from_text(str(entry.raw))
        return kind.from_toml(entry.raw)
    except Unreadable as unreadable:
        raise Faulty(_misread(entry, unreadable)) from None


def _too_large(entry: Entry, number: int) -> Problem:
    """Without the number: Python writes none of thousands of digits."""
    return Problem(
        what=f"{entry.written} is a number that is too large",
        name=entry.origin.name,
        mark=entry.origin.value,
        found=f"a number of {number.bit_length()} bits",
        wanted=entry.key.kind.wanted,
        is_secret=entry.key.kind.is_secret,
    )


def _misread(entry: Entry, unreadable: Unreadable) -> Problem:
    close = did_you_mean(str(entry.raw), entry.key.kind.allowed) if entry.key.kind.allowed else ""
    return Problem(
        what=f"{entry.written} has a value that cannot be read",
        name=entry.origin.name,
        mark=entry.origin.value,
        found=describe(entry),
        wanted=entry.key.kind.wanted,
        hint=f'did you mean "{close}"?' if close else unreadable.hint or _empty_hint(entry),
        is_secret=entry.key.kind.is_secret,
    )


def _empty_hint(entry: Entry) -> str:
    return "leave it out to keep the default" if entry.is_text and entry.raw == "" else ""


def describe(entry: Entry) -> str:
    """The value with the name of its TOML type, so that 80 and "80" look different."""
    if entry.is_text:
        return f'"{entry.raw}"'
    match entry.raw:
        case bool(truth):
            return f"the boolean {str(truth).lower()}"
        case str(text):
            return f'the text "{text}"'
        case int(number):
            return f"the number {number}"
        case float(number):
            return f"the number {number}"
        case list():
            return "a list"
        case dict():
            return "a table"
        case other:
            return f"{type(other).__name__} {other}"


def _file_text(entry: Entry) -> str:
    """The file's content without the newline that editors put at its end."""
    if not isinstance(entry.raw, str) or not entry.raw:
        raise Faulty(_bad_file(entry, describe(entry), "the path of a file"))
    try:
        with Path(entry.raw).open("rb") as file:
            content = file.read(MOST_SECRET_BYTES + 1)
        text = content.decode("utf-8-sig").rstrip("\r\n")
    except (OSError, ValueError) as problem:  # ValueError: not UTF-8, or a NUL in the path
        why = getattr(problem, "strerror", None) or str(problem)
        raise Faulty(_bad_file(entry, f"{entry.raw}: {why}", "a readable text file")) from None
    if not text.strip() or len(content) > MOST_SECRET_BYTES:
        size = f"{entry.raw}: {'too long' if text.strip() else 'empty'}"
        raise Faulty(_bad_file(entry, size, f"a file that holds {entry.key.dotted} and nothing else"))
    return text


def _bad_file(entry: Entry, found: str, wanted: str) -> Problem:
    return Problem(
        what=f"{entry.written} names a file that cannot be used",
        name=entry.origin.name,
        mark=entry.origin.value,
        found=found,
        wanted=wanted,
    )
