"""Settings that are lists of tables, such as `[[webhooks.endpoints]]`.

Each table becomes one frozen dataclass, of texts and lists of texts. A text that is a secret may be kept in a
file: `secret_file` beside `secret`. As text (environment, flags) such a list is a JSON array of objects.

Belongs here: reading and writing them. Not here: which there are (settings.py), what is in them (rules.py).
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from .units import Unit, Unreadable

FILE_SUFFIX = "_file"
_MOST_BYTES = 64 * 1024


def read_tables(made_by: type, raw: object) -> tuple[Any, ...]:
    """What TOML has. Raises Unreadable that names the table and what is wrong with it."""
    if not isinstance(raw, list) or not all(isinstance(table, dict) for table in raw):
        raise Unreadable("each is a table of its own, under [[section.name]]")
    return tuple(_one(made_by, table, place) for place, table in enumerate(raw, 1))


def read_tables_from_text(made_by: type, text: str) -> tuple[Any, ...]:
    """The same from JSON."""
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):  # also for a number of thousands of digits
        raise Unreadable('as JSON it would be [{"name": "...", ...}]') from None
    return read_tables(made_by, raw)


def write_tables(tables: tuple[Any, ...]) -> str:
    """As TOML."""
    return "[" + ", ".join("{" + ", ".join(_pairs(table)) + "}" for table in tables) + "]"


def has_secret(made_by: type) -> bool:
    """One of its fields is a secret, so the list must not be shown."""
    return any(_is_secret(field) for field in fields(made_by))


def _one(made_by: type, table: Mapping[str, object], place: int) -> Any:
    known = {field.name: field for field in fields(made_by)}
    values: dict[str, object] = {}
    for name, value in table.items():
        plain = name.removesuffix(FILE_SUFFIX)
        if name in known:
            values[name] = _checked(known[name], value, place)
        elif plain in known and _is_secret(known[plain]) and plain not in table:
            values[plain] = _content(name, value, place)
        else:
            raise Unreadable(f"table {place}: {name!r} is not among {', '.join(known)}")
    for name, field in known.items():
        if name not in values and field.default is MISSING:
            raise Unreadable(f"table {place}: {name!r} is missing")
    return made_by(**values)


def _checked(field: "Field[Any]", value: object, place: int) -> object:
    if field.type == tuple[str, ...]:
        if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
            return tuple(value)
        raise Unreadable(f'table {place}: {field.name} wants a list of texts such as ["a", "b"]')
    if isinstance(value, str):
        return value
    raise Unreadable(f"table {place}: {field.name} wants a text")


def _content(name: str, path: object, place: int) -> str:
    if not isinstance(path, str):
        raise Unreadable(f"table {place}: {name} wants the path of a file")
    try:
        with Path(path).open("rb") as file:
            text = file.read(_MOST_BYTES).decode("utf-8-sig").strip()
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or "not a text"
        raise Unreadable(f"table {place}: {name}: {path}: {why}") from None
    if not text:
        raise Unreadable(f"table {place}: {name}: {path} is empty")
    return text


def _is_secret(field: "Field[Any]") -> bool:
    return get_origin(field.type) is Annotated and get_args(field.type)[1] is Unit.SECRET


def _pairs(table: Any) -> Iterator[str]:
    for field in fields(table):
        value = getattr(table, field.name)
        yield f"{field.name} = {json.dumps(list(value) if isinstance(value, tuple) else value)}"
