"""One text, two dialects: what a statement says in SQLite and in Postgres.

In a statement, outside of strings, quoted names and comments,

    :name           is a parameter
    {now}           is the database's clock, integer microseconds since the epoch
    {for_update}    locks the rows read until the end of the transaction
    {for_share}     locks them against change, together with others who only want that
    {skip_locked}   locks those rows that nobody has locked and leaves out the rest
    {returning_at}  at the end of an INSERT or UPDATE that sets `updated_at` to the clock: one row for each
                    row changed, with nothing but that time, as `at`. SQLite's own RETURNING would cost as
                    much as the change itself

SQLite has one writer, so there the locks are nothing. asyncpg asks Postgres for the type of every parameter
and converts nothing: where the place does not tell (`:x IS NULL`, `{now} + :delay`, a column of a SELECT)
the statement says CAST(:x AS BIGINT). Strings with backslash escapes (E'...') are not understood.

Belongs here: translation and cutting a script into statements. Not here: running them (the drivers).
"""

import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any

NOW = "now_"
"""The parameter that carries the clock where the driver gives the time."""

_LEFT_ALONE = r"""
    '(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/ | (?P<dollar>\$[a-z_]*\$).*?(?P=dollar) | ::
"""
_TOKEN = re.compile(
    rf"(?P<verbatim>{_LEFT_ALONE}) | :(?P<name>[a-z_][a-z0-9_]*) | \{{(?P<word>[a-z_]+)\}}",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_END = re.compile(rf"{_LEFT_ALONE} | ;", re.VERBOSE | re.DOTALL | re.ASCII)
_COMMENT = re.compile(r"--[^\n]* | /\*.*?\*/", re.VERBOSE | re.DOTALL)

_RETURNING_AT = "returning_at"
# Said too often rather than too seldom.
_GIVES_ROWS = re.compile(r"\A\s*+(?!INSERT|UPDATE|DELETE)|\bRETURNING\b", re.IGNORECASE)
_SQLITE_WORDS = {
    "now": "?",
    "for_update": "",
    "for_share": "",
    "skip_locked": "",
    _RETURNING_AT: "",
}
_POSTGRES_WORDS = {
    # now() stands still in a transaction, and the hosts' clocks differ: only this one runs and is shared.
    "now": "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint",
    "for_update": "FOR UPDATE",
    "for_share": "FOR SHARE",
    "skip_locked": "FOR UPDATE SKIP LOCKED",
    _RETURNING_AT: "RETURNING updated_at AS at",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement as its database reads it."""

    text: str
    names: tuple[str, ...]
    """Its parameters; the n-th is $n on Postgres."""
    tells_at: bool
    """It promises the rows of `{returning_at}`, which SQLite's driver makes."""
    is_blind: bool
    """It gives no others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SqliteStatement(Statement):
    """And how it is run."""

    values: Callable[[Mapping[str, Any], int], tuple[Any, ...]]
    """What its question marks stand for, given its parameters and the clock. KeyError when one is missing."""


@lru_cache(maxsize=1024)
def for_sqlite(sql: str) -> SqliteStatement:
    """Parameters become bare question marks: looking names up costs more than binding values, and numbers are
    names to Python 3.12, which warns of each. ValueError as below.
    """
    said: list[str] = []
    words: set[str] = set()

    def replace(token: re.Match[str]) -> str:
        if token["verbatim"]:
            return token["verbatim"]
        if token["word"]:
            words.add(token["word"])
            if token["word"] == "now":
                said.append(NOW)
            return _word(token["word"], _SQLITE_WORDS)
        said.append(token["name"])
        return "?"

    text = _TOKEN.sub(replace, sql)
    names = tuple(dict.fromkeys(name for name in said if name != NOW))
    return SqliteStatement(
        text=text,
        names=names,
        values=_values_of(names, said),
        tells_at=_RETURNING_AT in words,
        is_blind=_GIVES_ROWS.search(sql) is None,
    )


def _values_of(
    names: Sequence[str], said: Sequence[str]
) -> Callable[[Mapping[str, Any], int], tuple[Any, ...]]:
    """`said` has names as often as the statement says them, and `NOW`."""
    once = _getter(names)
    places = [*names, NOW]
    as_said = _getter([places.index(name) for name in said])
    return lambda params, now: as_said((*once(params), now))


def _getter(keys: Sequence[Any]) -> Callable[[Any], tuple[Any, ...]]:
    """`itemgetter`, which gives no tuple where there is one key, and nothing where there is none."""
    match keys:
        case ():
            return lambda _: ()
        case (key,):
            return lambda held: (held[key],)
        case _:
            return itemgetter(*keys)


@lru_cache(maxsize=1024)
def for_postgres(sql: str, *, clock_is_given: bool) -> Statement:
    """Parameters become positional, one position for each name. ValueError on an unknown word."""
    names: dict[str, int] = {}
    words: set[str] = set()

    def position(name: str) -> str:
        return f"${names.setdefault(name, len(names) + 1)}"

    def replace(token: re.Match[str]) -> str:
        if token["verbatim"]:
            return token["verbatim"]
        if token["name"]:
            return position(token["name"])
        if token["word"] == "now" and clock_is_given:
            return f"CAST({position(NOW)} AS BIGINT)"
        words.add(token["word"])
        return _word(token["word"], _POSTGRES_WORDS)

    text = _TOKEN.sub(replace, sql)
    return Statement(
        text=text,
        names=tuple(names),
        tells_at=_RETURNING_AT in words,
        is_blind=_GIVES_ROWS.search(sql) is None,
    )


def _word(word: str, words: dict[str, str]) -> str:
    if word not in words:
        raise ValueError(f"a statement says {{{word}}}, but only {', '.join(sorted(words))} are known")
    return words[word]


def split_postgres(script: str) -> Iterator[str]:
    """The statements of a script, each with its semicolon. ValueError when the last one lacks it."""
    start = 0
    for token in _END.finditer(script):
        if token[0] == ";":
            yield script[start : token.end()].strip()
            start = token.end()
    rest = _COMMENT.sub("", script[start:]).strip()
    if rest:
        raise ValueError(f"a statement does not end with a semicolon: {rest}")


def split_sqlite(script: str) -> Iterator[str]:
    """The same; the semicolons inside of a trigger do not end it."""
    gathered = ""
    for piece in split_postgres(script):
        gathered = f"{gathered} {piece}".strip()
        if sqlite3.complete_statement(gathered):
            yield gathered
            gathered = ""
    if gathered:
        raise ValueError(f"a trigger does not end: {gathered}")
