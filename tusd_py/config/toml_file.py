"""The layer of the configuration file.

Belongs here: reading TOML into entries, and complaints with line and column. Not here: values' meaning.
"""

import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tusd_py.masking import MASK, SECRET_NAME

from .entries import Entry, Heard
from .keys import FILE_SUFFIX, Key, keys, names_in, sections
from .locate import Found, Span, locate
from .locate import Path as TomlPath
from .problems import Layer, Mark, Origin, Problem, did_you_mean, listed

_AT = re.compile(r" \(at (?:line (?P<line>[0-9]+), column (?P<column>[0-9]+)|end of document)\)$", re.ASCII)
_DSN = re.compile(r"(postgres(?:ql)?://).*", re.IGNORECASE)
_TOML = 'lines such as `port = 8080` under a `[section]`, texts in "quotes"'
_SAYS = re.compile(r"(?P<key>[A-Za-z0-9_-]{1,100})[\"']?[ \t]*[=:][ \t]*(?=\S)", re.ASCII)
_OPENS_STRING = re.compile(r"[=\[,{]\s*(?P<quote>[\"'])(?:(?!(?P=quote)).)*$")


def read_file(path: Path) -> Heard:
    """What the file says. A file that cannot be read or parsed is one problem."""
    name = str(path)
    try:
        document = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as problem:
        return _unreadable(name, problem.strerror or str(problem))
    except UnicodeDecodeError as problem:
        return _unreadable(name, f"byte {problem.start} is not UTF-8")
    try:
        tables = tomllib.loads(document)
        reader = _Reader(name, document, tables)
    except tomllib.TOMLDecodeError as problem:
        return Heard(problems=[_syntax_error(name, document, str(problem))], complete=False)
    except ValueError:
        return _unparsed(name, "a number of thousands of digits")  # which Python makes no int of
    except RecursionError:
        return _unparsed(name, "brackets in brackets in brackets, too deep to be read")
    return reader.read()


def _unreadable(name: str, why: str) -> Heard:
    problem = Problem(
        what="the configuration file cannot be read",
        name=name,
        found=why,
        wanted="a readable TOML file in UTF-8",
    )
    return Heard(problems=[problem], complete=False)


def _unparsed(name: str, why: str) -> Heard:
    problem = Problem(what="the configuration file is not TOML", name=name, found=why, wanted=_TOML)
    return Heard(problems=[problem], complete=False)


def _syntax_error(name: str, document: str, message: str) -> Problem:
    lines = document.split("\n")
    at = _AT.search(message)
    if at is not None and at["line"]:
        line, column = int(at["line"]), int(at["column"])
    else:
        line = max((number for number, text in enumerate(lines, start=1) if text.strip()), default=1)
        column = len(lines[line - 1].rstrip()) + 1
    source = _without_secret(
        _DSN.sub(rf"\1{MASK}", lines[line - 1])
    )  # a password need not be whole to be one
    return Problem(
        what="the configuration file is not TOML",
        name=name,
        mark=Mark(line=line, column=column, width=1, source=source),
        found=_AT.sub("", message),
        wanted=_TOML,
        hint=_syntax_hint(lines[line - 1]),
    )


def _syntax_hint(source: str) -> str:
    if _OPENS_STRING.search(source.strip()):
        return "a closing quote seems to be missing"
    if re.fullmatch(r"\s*[\w.-]+\s*=\s*[^\"'\[{0-9\s][^\"']*", source):
        return "write texts in quotes"
    if re.fullmatch(r"\s*[\w.-]+\s*:.*", source):
        return "write `key = value`, not `key: value`"
    return ""


def _without_secret(source: str) -> str:
    """The line up to what may be a secret, for lines of which nobody knows what they say."""
    for said in _SAYS.finditer(source):
        if _may_be_secret(said["key"]):
            return source[: said.end()] + MASK
    return source


def _may_be_secret(name: str) -> bool:
    """By its name, or by the setting that was probably meant."""
    if name.endswith(FILE_SUFFIX):
        return False
    meant = did_you_mean(name, {key.name for key in keys().values()})
    return bool(SECRET_NAME.search(name)) or any(
        key.kind.is_secret for key in keys().values() if key.name == meant
    )


class _Reader:
    """One file's walk. The places of all keys are known from the start."""

    def __init__(self, name: str, document: str, tables: Mapping[str, Any]) -> None:
        self._name = name
        self._document = document
        self._tables = tables
        self._found: Mapping[TomlPath, Found] = locate(document)
        self._line_starts = [0, *(match.end() for match in re.finditer("\n", document))]
        self._entries: list[Entry] = []
        self._problems: list[Problem] = []

    def read(self) -> Heard:
        for section, table in self._tables.items():
            if section not in sections():
                self._problems.append(self._unknown_section(section, table))
            elif isinstance(table, dict):
                self._read_section(section, table)
            else:
                self._problems.append(self._not_a_section(section))
        return Heard(entries=self._entries, problems=self._problems)

    def _read_section(self, section: str, table: Mapping[str, object]) -> None:
        for name, raw in table.items():
            key, via_file = self._known(section, name)
            if key is None:
                self._problems.append(self._unknown_key(section, name))
            elif via_file and key.name in table:
                self._problems.append(self._said_twice(section, name, key))
            else:
                origin = self._origin((section, name))
                self._entries.append(Entry(key=key, raw=raw, origin=origin, via_file=via_file))

    @staticmethod
    def _known(section: str, name: str) -> tuple[Key | None, bool]:
        """The key, and whether the name is the spelling that reads it from a file."""
        if key := keys().get(f"{section}.{name}"):
            return key, False
        key = keys().get(f"{section}.{name.removesuffix(FILE_SUFFIX)}")
        is_file = key is not None and key.kind.is_secret and name.endswith(FILE_SUFFIX)
        return (key, True) if is_file else (None, False)

    def _origin(self, path: TomlPath) -> Origin:
        # A table need not have a place of its own: what is first in it has, or the first of a list of them.
        found = self._found.get(path) or self._first_in(path)
        return Origin(
            layer=Layer.FILE,
            name=self._name,
            key=self._mark(found.key),
            value=self._mark(found.value),
            items=tuple(self._mark(item) for item in self._items(path)),
        )

    def _items(self, path: TomlPath) -> Iterator[Span]:
        place = 0
        while (item := self._found.get((*path, place))) is not None:
            yield item.value
            place += 1

    def _mark(self, span: Span) -> Mark:
        """The part of a span that lies on its first line."""
        line = bisect_right(self._line_starts, span.start)
        start = self._line_starts[line - 1]
        source = self._document[start:].split("\n", 1)[0]
        width = min(span.end, start + len(source)) - span.start
        return Mark(line=line, column=span.start - start + 1, width=max(width, 1), source=source)

    def _key_mark(self, path: TomlPath) -> Mark:
        """Of the key, or of the first thing that implies it (`[a.b]` implies `a`)."""
        mark = self._mark(self._first_in(path).key)
        return replace(mark, source=_without_secret(mark.source))

    def _first_in(self, path: TomlPath) -> Found:
        inside = (found for where, found in self._found.items() if where[: len(path)] == path)
        return min(inside, key=lambda found: found.key.start)

    def _unknown_section(self, section: str, table: object) -> Problem:
        what = (
            f"[{section}] is not a section"
            if isinstance(table, dict)
            else f"{section} stands outside any section"
        )
        return Problem(
            what=what,
            name=self._name,
            mark=self._key_mark((section,)),
            found=section,
            wanted=f"one of {listed(sections())}",
            hint=_section_hint(section, table),
        )

    def _not_a_section(self, section: str) -> Problem:
        return Problem(
            what=f"{section} is a section, not a key",
            name=self._name,
            mark=self._key_mark((section,)),
            found=f"{section} = ...",
            wanted=f"[{section}] with keys such as {listed(names_in(section)[:3])} under it",
        )

    def _unknown_key(self, section: str, name: str) -> Problem:
        return Problem(
            what=f"{section}.{name} is not a setting",
            name=self._name,
            mark=self._key_mark((section, name)),
            found=name,
            wanted=f"one of {listed(names_in(section), most=20)}",
            hint=_key_hint(section, name),
        )

    def _said_twice(self, section: str, name: str, key: Key) -> Problem:
        return Problem(
            what=f"{key.dotted} is given twice",
            name=self._name,
            mark=self._key_mark((section, name)),
            found=f"both {key.name} and {name}",
            wanted="one of them",
        )


def _section_hint(section: str, table: object) -> str:
    if not isinstance(table, dict):
        homes = [key.section for key in keys().values() if key.name == section.replace("-", "_")]
        return f"did you mean `{section}` under [{homes[0]}]?" if homes else ""
    close = did_you_mean(section, sections())
    return f"did you mean [{close}]?" if close else ""


def _key_hint(section: str, name: str) -> str:
    homes = [key.section for key in keys().values() if key.name == name]
    if homes:
        return f"`{name}` belongs under [{homes[0]}]"
    close = did_you_mean(name, names_in(section))
    return f"did you mean `{close}`?" if close else ""
