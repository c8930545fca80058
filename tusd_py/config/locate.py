"""Where the keys and values of a TOML document stand; tomllib parses, but does not say.

The document is known to be valid TOML, because tomllib has read it: this scanner only finds borders, and
would run past the faults of an invalid one.

Belongs here: positions. Not here: values (tomllib) and their meaning.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

Path = tuple[str | int, ...]
"""Keys from the top; an int is a place in an array."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A piece of the document; `start` and `end` are indexes of characters."""

    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One key and its value. A table that came from a header has the header's name as its value, too."""

    key: Span
    value: Span


_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5}'
    r"|'''(?:[^']|'{1,2}(?!'))*'{3,5}"
    r'|"(?:[^"\\]|\\.)*"'
    r"|'[^']*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\r\n]+")
"""Numbers, dates and booleans end where something else begins; blanks before that are stripped."""


def locate(document: str) -> Mapping[Path, Found]:
    """Every key of a valid TOML document (with "\\n" or "\\r\\n" line ends) and the places of array items."""
    return dict(_Scanner(document).scan())


class _Scanner:
    def __init__(self, document: str) -> None:
        self._document = document
        self._at = 0
        self._tables: dict[Path, int] = {}
        """How many `[[header]]`s of a name there were."""

    def scan(self) -> Iterator[tuple[Path, Found]]:
        prefix: Path = ()
        while self._skip_blank():
            if self._document[self._at] == "[":
                prefix, found = self._header()
                yield prefix, found
            else:
                yield from self._pair(prefix)

    def _skip_blank(self) -> bool:
        """False at the end of the document."""
        blank = _BLANK.match(self._document, self._at)
        self._at = blank.end() if blank else self._at
        return self._at < len(self._document)

    def _next_is(self, character: str) -> bool:
        """Step over it if it comes next."""
        self._skip_blank()
        if not self._document.startswith(character, self._at):
            return False
        self._at += len(character)
        return True

    def _header(self) -> tuple[Path, Found]:
        is_array = self._document.startswith("[[", self._at)
        self._at += 2 if is_array else 1
        names, span = self._key()
        self._at = self._document.index("]", self._at) + (2 if is_array else 1)
        path = self._inside_arrays(names[:-1]) + names[-1:]
        if is_array:
            self._tables[path] = self._tables.get(path, -1) + 1
            path = (*path, self._tables[path])
        return path, Found(key=span, value=span)

    def _inside_arrays(self, names: Path) -> Path:
        """The path of a table, with the index of the newest item of each array of tables on the way."""
        path: Path = ()
        for name in names:
            path = (*path, name)
            if path in self._tables:
                path = (*path, self._tables[path])
        return path

    def _key(self) -> tuple[Path, Span]:
        """A possibly dotted key; the span is that of the whole."""
        names: list[str] = []
        start = end = self._at
        while True:
            self._skip_blank()
            start = self._at if not names else start
            names.append(self._simple_key())
            end = self._at
            if not self._next_is("."):
                return tuple(names), Span(start=start, end=end)

    def _simple_key(self) -> str:
        if bare := _BARE_KEY.match(self._document, self._at):
            self._at = bare.end()
            return bare[0]
        quoted = self._string()
        (name,) = tomllib.loads(f"{quoted} = 0")
        return name

    def _string(self) -> str:
        string = _STRING.match(self._document, self._at)
        if string is None:
            raise ValueError(f"not TOML at character {self._at}")
        self._at = string.end()
        return string[0]

    def _pair(self, prefix: Path) -> Iterator[tuple[Path, Found]]:
        names, key = self._key()
        self._next_is("=")
        yield from self._value(prefix + names, key)

    def _value(self, path: Path, key: Span | None) -> Iterator[tuple[Path, Found]]:
        """The value that comes next, and what is inside it. Items of arrays have no key of their own."""
        self._skip_blank()
        start = self._at
        inside: list[tuple[Path, Found]] = []
        if self._next_is("["):
            inside += self._items(path)
        elif self._next_is("{"):
            inside += self._inline(path)
        elif self._document[self._at] in "\"'":
            self._string()
        else:
            self._scalar()
        value = Span(start=start, end=self._at)
        yield path, Found(key=key or value, value=value)
        yield from inside

    def _scalar(self) -> None:
        scalar = _SCALAR.match(self._document, self._at)
        if scalar is None:
            raise ValueError(f"not TOML at character {self._at}")
        self._at += len(scalar[0].rstrip())

    def _items(self, path: Path) -> Iterator[tuple[Path, Found]]:
        place = 0
        while not self._next_is("]"):
            yield from self._value((*path, place), None)
            self._next_is(",")
            place += 1

    def _inline(self, path: Path) -> Iterator[tuple[Path, Found]]:
        while not self._next_is("}"):
            yield from self._pair(path)
            self._next_is(",")
