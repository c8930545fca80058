"""The list of all settings, made from the dataclasses once.

Belongs here: names, kinds, defaults and explanations of settings. Not here: values.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

from . import settings as _settings
from .kinds import Kind, Value, kind_of
from .settings import Settings

FILE_SUFFIX = "_file"
"""What a secret's name gets when the value is the path of a file that holds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One setting."""

    section: str
    name: str
    kind: Kind
    default: Value

    @property
    def dotted(self) -> str:
        """As people name it: `server.port`."""
        return f"{self.section}.{self.name}"

    @property
    def variable(self) -> str:
        """As the environment names it: `TUSD_PY_SERVER__PORT`."""
        return f"TUSD_PY_{self.section}__{self.name}".upper()


@cache
def sections() -> Mapping[str, type]:
    """Each section's class by its name, in the order of the file."""
    return {section.name: _class_of(section.type) for section in fields(Settings)}


def _class_of(annotation: object) -> type:
    if not isinstance(annotation, type):
        raise TypeError(f"a section must be a dataclass, found {annotation!r}")
    return annotation


@cache
def keys() -> Mapping[str, Key]:
    """Each setting by its dotted name, in the order of the file."""
    return {key.dotted: key for key in _walk()}


def _walk() -> Iterator[Key]:
    defaults = Settings()
    for section in sections():
        values = getattr(defaults, section)
        for field in fields(values):
            yield Key(
                section=section,
                name=field.name,
                kind=kind_of(field.type),
                default=getattr(values, field.name),
            )


def names_in(section: str) -> tuple[str, ...]:
    """What may be written under `[section]`, the `_file` spelling of secrets included."""
    own = [key for key in keys().values() if key.section == section]
    return tuple(key.name for key in own) + tuple(key.name + FILE_SUFFIX for key in own if key.kind.is_secret)


@cache
def explanations() -> Mapping[str, str]:
    """The docstring under each field, and of each section's class, by dotted name.

    Read from the source, because Python keeps no docstrings of fields; empty where only byte code is there.
    """
    source = Path(_settings.__file__)
    if source.suffix != ".py" or not source.exists():
        return {}
    classes = {
        node.name: node
        for node in ast.parse(source.read_text("utf-8")).body
        if isinstance(node, ast.ClassDef)
    }
    found: dict[str, str] = {}
    for section, made_by in sections().items():
        body = classes[made_by.__name__]
        found[section] = ast.get_docstring(body) or ""
        found |= {f"{section}.{name}": text for name, text in _field_docstrings(body)}
    return found


def _field_docstrings(body: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, below in zip(body.body, body.body[1:], strict=False):
        if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
            continue
        match below:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield field.target.id, " ".join(text.split())
