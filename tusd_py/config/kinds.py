"""How the value of a setting is read from TOML and from text, and how it is written again.

Belongs here: one kind per type that a setting may have. Not here: what a value means (rules.py).
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
from functools import partial
from typing import Annotated, Any, Literal, get_args, get_origin

from .tables import has_secret, read_tables, read_tables_from_text, write_tables
from .units import (
    Unit,
    Unreadable,
    checked_seconds,
    format_duration,
    format_size,
    parse_duration,
    parse_mode,
    parse_size,
)

Value = Any
"""What a field of Settings holds: the door between typed settings and files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Readers raise Unreadable; `wanted` completes "wanted: ..."."""

    wanted: str
    from_toml: Callable[[object], Value]
    from_text: Callable[[str], Value]
    to_toml: Callable[[Value], str]
    allowed: tuple[str, ...] = ()
    is_secret: bool = False


_INTEGER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_TRUTHS = {
    "true": True,
    "1": True,
    "yes": True,
    "on": True,
    "false": False,
    "0": False,
    "no": False,
    "off": False,
}


def _text(raw: object) -> str:
    if isinstance(raw, str):
        return raw
    raise Unreadable(f'write it in quotes: "{raw}"' if isinstance(raw, int | float) else "")


def _secret(raw: object) -> str:
    try:
        return _text(raw)
    except Unreadable as unreadable:
        raise Unreadable("write it in quotes" if unreadable.hint else "") from None


def _toml_integer(raw: object) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    raise Unreadable(
        f"write it without quotes: {raw}" if isinstance(raw, str) and _INTEGER.fullmatch(raw) else ""
    )


def _text_integer(text: str) -> int:
    if _INTEGER.fullmatch(text.strip()) is None:
        raise Unreadable
    return int(text)


def _toml_boolean(raw: object) -> bool:
    if isinstance(raw, bool):
        return raw
    truth = _TRUTHS.get(str(raw).lower())
    raise Unreadable("" if truth is None else f"write it without quotes: {str(truth).lower()}")


def _text_boolean(text: str) -> bool:
    truth = _TRUTHS.get(text.strip().lower())
    if truth is None:
        raise Unreadable
    return truth


def _toml_size(raw: object) -> int:
    return parse_size(raw) if isinstance(raw, str) else _toml_integer(raw)


def _toml_duration(raw: object) -> float:
    if isinstance(raw, str):
        return parse_duration(raw)
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return checked_seconds(float(raw))
    raise Unreadable


def _toml_mode(raw: object) -> int:
    return parse_mode(raw) if isinstance(raw, str) else _toml_integer(raw)


def _toml_list(raw: object) -> tuple[str, ...]:
    if isinstance(raw, str):
        raise Unreadable(f"write it in brackets: [{json.dumps(raw)}]")
    if not isinstance(raw, list) or not all(isinstance(item, str) for item in raw):
        raise Unreadable
    return tuple(raw)


def _text_list(text: str) -> tuple[str, ...]:
    """By comma, or as JSON where it begins with a bracket."""
    if not text.strip().startswith("["):
        return tuple(item.strip() for item in text.split(",") if item.strip())
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):  # also for a number of thousands of digits
        raise Unreadable('as JSON it would be ["a", "b"]; as text a, b') from None
    return _toml_list(raw)


def _quoted(text: str) -> str:
    """A TOML basic string: JSON's escapes are a part of TOML's, except that TOML wants DEL escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


_TEXT = Kind(wanted="a text", from_toml=_text, from_text=str, to_toml=_quoted)
_SECRET = Kind(wanted="a text", from_toml=_secret, from_text=str, to_toml=_quoted, is_secret=True)
_INTEGERS = Kind(wanted="a whole number", from_toml=_toml_integer, from_text=_text_integer, to_toml=str)
_BOOLEAN = Kind(
    wanted="true or false",
    from_toml=_toml_boolean,
    from_text=_text_boolean,
    to_toml=lambda value: "true" if value else "false",
)
_SIZE = Kind(
    wanted='a size: a number of bytes, or a text such as "64MiB" or "5GB"',
    from_toml=_toml_size,
    from_text=parse_size,
    to_toml=lambda size: _quoted(format_size(size)) if format_size(size) != str(size) else str(size),
)
_DURATION = Kind(
    wanted='a duration: a number of seconds, or a text such as "30s", "1h30m" or "7d"',
    from_toml=_toml_duration,
    from_text=parse_duration,
    to_toml=lambda seconds: _quoted(format_duration(seconds)),
)
_MODE = Kind(
    wanted='an octal file mode such as 0o750 or "0750"',
    from_toml=_toml_mode,
    from_text=parse_mode,
    to_toml=lambda mode: f"0o{mode:03o}",
)
_LIST = Kind(
    wanted='a list of texts such as ["a", "b"]',
    from_toml=_toml_list,
    from_text=_text_list,
    to_toml=lambda items: "[" + ", ".join(map(_quoted, items)) + "]",
)
_BY_UNIT = {Unit.BYTES: _SIZE, Unit.SECONDS: _DURATION, Unit.MODE: _MODE, Unit.SECRET: _SECRET}
_BY_TYPE: dict[object, Kind] = {str: _TEXT, int: _INTEGERS, bool: _BOOLEAN, tuple[str, ...]: _LIST}


def kind_of(annotation: object) -> Kind:
    """The kind of a field's annotation. KeyError for a type that no setting has had yet."""
    if get_origin(annotation) is Annotated:
        return _BY_UNIT[get_args(annotation)[1]]
    if get_origin(annotation) is Literal:
        return _choice(get_args(annotation))
    if get_origin(annotation) is tuple and get_origin(get_args(annotation)[0]) is Literal:
        return _choices(get_args(get_args(annotation)[0]))
    if get_origin(annotation) is tuple and is_dataclass(get_args(annotation)[0]):
        return _tables(get_args(annotation)[0])
    return _BY_TYPE[annotation]


def _tables(made_by: type) -> Kind:
    return Kind(
        wanted="a list of tables",
        from_toml=partial(read_tables, made_by),
        from_text=partial(read_tables_from_text, made_by),
        to_toml=write_tables,
        is_secret=has_secret(made_by),
    )


def _choice(allowed: tuple[str, ...]) -> Kind:
    def among(raw: object) -> str:
        if isinstance(raw, str) and raw in allowed:
            return raw
        raise Unreadable

    names = [_quoted(name) for name in allowed]
    wanted = f"{', '.join(names[:-1])} or {names[-1]}"
    return Kind(wanted=wanted, from_toml=among, from_text=among, to_toml=_quoted, allowed=allowed)


def _choices(allowed: tuple[str, ...]) -> Kind:
    """Several of a few words; a single one needs no brackets."""

    def among(items: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(items)) == len(items) and set(items) <= set(allowed):
            return items
        raise Unreadable

    wanted = (
        f"a list of {', '.join(map(_quoted, allowed[:-1]))} and {_quoted(allowed[-1])}, each at most once"
    )
    return Kind(
        wanted=wanted,
        from_toml=lambda raw: among(_text_list(raw) if isinstance(raw, str) else _toml_list(raw)),
        from_text=lambda text: among(_text_list(text)),
        to_toml=lambda items: "[" + ", ".join(map(_quoted, items)) + "]",
        allowed=allowed,
    )
