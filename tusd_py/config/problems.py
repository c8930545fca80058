"""What is wrong with a configuration, said so that it can be put right without the manual.

Belongs here: origins of values and the text of complaints. Not here: finding faults.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from tusd_py.masking import MASK, escape_controls, mask_text

WIDEST_LINE = 100
"""Longer source lines are shown in part."""


class Layer(IntEnum):
    """Where a value came from; a higher layer wins."""

    DEFAULT = 0
    FILE = 1
    ENVIRONMENT = 2
    FLAG = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A piece of one line of a file. `line` and `column` count from 1; `source` is the line's text."""

    line: int
    column: int
    width: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who said so: a file, a variable, a flag, or nobody."""

    layer: Layer
    name: str
    key: Mark | None = None
    value: Mark | None = None
    items: tuple[Mark, ...] = ()
    """Of a list's items."""

    def __str__(self) -> str:
        return self.name if self.key is None else f"{self.name}:{self.key.line}"


DEFAULT = Origin(layer=Layer.DEFAULT, name="default")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One fault. `what` is the headline; `name` is of its file, variable or flag. Texts may be empty."""

    what: str
    name: str
    mark: Mark | None = None
    found: str = ""
    wanted: str = ""
    hint: str = ""
    is_secret: bool = False
    """Show neither the line nor the value."""

    def render(self) -> str:
        """Several lines, without a newline at the end and without anything that a terminal would obey."""
        lines = [f"error: {mask_text(self.what)}", *self._place()]
        found = MASK if self.is_secret and self.found else self.found
        for label, text in (("found", found), ("wanted", self.wanted), ("hint", self.hint)):
            if text:
                lines.append(f"{label}: {mask_text(text)}")
        return "\n".join(escape_controls(line) for line in lines)

    def _place(self) -> Iterable[str]:
        if self.mark is None:
            return [f" --> {self.name}"] if self.name else []
        gutter = " " * len(str(self.mark.line))
        source, caret = _shown(self.mark, is_secret=self.is_secret)
        return [
            f"{gutter}--> {self.name}:{self.mark.line}:{self.mark.column}",
            f"{gutter} |",
            f"{self.mark.line} | {source}".rstrip(),
            f"{gutter} | {caret}",
        ]


def _shown(mark: Mark, *, is_secret: bool) -> tuple[str, str]:
    """The source line and the line of carets below it, of the same widths, cut around the mark if long."""
    before, marked, after = _split(mark)
    if is_secret:
        marked, after = MASK, ""
    elif mask_text(mark.source) != mark.source:
        before, marked, after = "", mark.source, ""  # a secret may lie across the borders of the pieces
    before, marked, after = (_one_column_each(mask_text(text)) for text in (before, marked, after))
    if len(before) > WIDEST_LINE // 2:
        before = "..." + before[-WIDEST_LINE // 2 :]
    room = max(WIDEST_LINE - len(before), 8)
    source = before + marked + after
    if len(source) > len(before) + room:
        source = source[: len(before) + room] + "..."
    return source, " " * len(before) + "^" * max(1, min(len(marked), room))


def _split(mark: Mark) -> tuple[str, str, str]:
    start = mark.column - 1
    end = start + mark.width
    return mark.source[:start], mark.source[start:end], mark.source[end:]


def _one_column_each(text: str) -> str:
    return escape_controls(text.replace("\t", " "))


class ConfigErrors(Exception):  # it carries several, and its name says so
    """Every fault of a configuration that could be found in one go."""

    def __init__(self, problems: Sequence[Problem], warnings: Sequence[str] = ()) -> None:
        super().__init__(problems, warnings)
        self.problems = tuple(problems)
        self.warnings = tuple(warnings)

    def render(self) -> str:
        """All of them, a blank line between each two."""
        return "\n\n".join(problem.render() for problem in self.problems)

    def __str__(self) -> str:
        return self.render()


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The known word that was probably meant, or nothing. Dashes and underscores are one."""
    from difflib import get_close_matches  # noqa: PLC0415  # only needed once something is wrong

    plain = {name.replace("-", "_").lower(): name for name in known}
    close = get_close_matches(word.replace("-", "_").lower(), plain, n=1, cutoff=0.6)
    return plain[close[0]] if close else ""


def listed(names: Iterable[str], *, most: int = 12) -> str:
    """ "`a`, `b`, `c`", cut off before it bores."""
    quoted = [f"`{name}`" for name in names]
    return ", ".join(quoted[:most]) + (f" and {len(quoted) - most} more" if len(quoted) > most else "")
