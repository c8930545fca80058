"""Settings from all layers: defaults < file < environment < flags.

Belongs here: the order of the layers, and collecting every fault of all of them.
Not here: the reading of one layer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .combinations import doubts
from .entries import Entry, Faulty, Heard, read_entry
from .environment import CONFIG, read_environment
from .keys import FILE_SUFFIX, Key, keys, sections
from .kinds import Value
from .problems import DEFAULT, ConfigErrors, Layer, Origin, Problem, did_you_mean
from .settings import Settings
from .toml_file import read_file
from .validate import combination_faults, fault_of

SEARCHED = (Path("tusd.toml"), Path("/etc/tusd-py/config.toml"))
"""Where the file is looked for when nobody names one; the first that exists is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A value from the command line, as it was typed, and the flag that a complaint should name."""

    flag: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """Settings that passed every rule, where each came from, and what is worth a warning."""

    settings: Settings
    sources: Mapping[str, Origin]
    warnings: Sequence[str]
    path: Path | None
    """The file that was read."""


def load(*, config_path: Path | None, environ: Mapping[str, str], flags: Mapping[str, object]) -> Loaded:
    """Read all layers. `flags` maps dotted names (also `database.url_file`) to `Given`s or to plain values.

    Raises ConfigErrors with every fault that could be found.
    """
    return _load(_file_to_read(config_path, environ), environ, flags)


def load_settings(
    overrides: Mapping[str, object] | None = None, *, config_path: str | Path | None = None
) -> Settings:
    """For programs that embed us: a file if one is named, and values by their dotted names above it.

    `load_settings({"storage.upload_dir": "/srv/uploads", "uploads.max_size": "20GiB"})`. Neither the
    environment nor the usual places of a file are looked at. Raises ConfigErrors.
    """
    return _load(None if config_path is None else Path(config_path), {}, overrides or {}).settings


def _load(path: Path | None, environ: Mapping[str, str], flags: Mapping[str, object]) -> Loaded:
    layers = [read_file(path)] if path is not None else []
    layers += [read_environment(environ), _read_flags(flags)]
    problems = [problem for layer in layers for problem in layer.problems]
    values, origins, broken = _merge(layers, problems)
    settings = _settings(values)
    if all(layer.complete for layer in layers):
        problems += combination_faults(settings, origins, broken=broken)
    warnings = [warning for layer in layers for warning in layer.warnings]
    if problems:
        raise ConfigErrors(problems, warnings)
    return Loaded(
        settings=settings, sources=origins, warnings=[*warnings, *doubts(settings, origins)], path=path
    )


def _file_to_read(config_path: Path | None, environ: Mapping[str, str]) -> Path | None:
    if config_path is not None:
        return config_path
    if environ.get(CONFIG):
        return Path(environ[CONFIG])
    return next((path for path in SEARCHED if _stands_there(path)), None)


def _stands_there(path: Path) -> bool:
    """Also true for a file that we may not look at: passing it by in silence would drop its settings."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _read_flags(flags: Mapping[str, object]) -> Heard:
    entries: list[Entry] = []
    problems: list[Problem] = []
    for dotted, given in flags.items():
        name = f"flag {given.flag}" if isinstance(given, Given) else f"flag {dotted}"
        key = keys().get(dotted) or keys().get(dotted.removesuffix(FILE_SUFFIX))
        if key is None:
            problems.append(_unknown_flag(dotted, name))
        else:
            entries.append(_flag_entry(key, dotted, given, Origin(layer=Layer.FLAG, name=name)))
    return Heard(entries=entries, problems=problems)


def _flag_entry(key: Key, dotted: str, given: object, origin: Origin) -> Entry:
    is_text = isinstance(given, Given)
    raw = given.text if isinstance(given, Given) else list(given) if isinstance(given, tuple) else given
    return Entry(key=key, raw=raw, origin=origin, is_text=is_text, via_file=key.dotted != dotted)


def _unknown_flag(dotted: str, name: str) -> Problem:
    close = did_you_mean(dotted, keys())
    return Problem(
        what=f"{dotted} is not a setting",
        name=name,
        found=dotted,
        wanted="section.key as in the configuration file",
        hint=f"did you mean {close}?" if close else "",
    )


def _merge(
    layers: Sequence[Heard], problems: list[Problem]
) -> tuple[dict[str, Value], dict[str, Origin], set[str]]:
    """The winning values by dotted name, their origins, and the names that somewhere have a bad value.

    What is wrong is appended to `problems`, also where a higher layer overrides it: it is wrong all the same.
    """
    values = {dotted: key.default for dotted, key in keys().items()}
    origins = dict.fromkeys(keys(), DEFAULT)
    broken: set[str] = set()
    for entry in (entry for layer in layers for entry in layer.entries):
        dotted = entry.key.dotted
        try:
            values[dotted] = _good_value(entry)
            origins[dotted] = entry.origin
        except Faulty as faulty:
            problems.append(faulty.problem)
            broken.add(dotted)
    return values, origins, broken


def _good_value(entry: Entry) -> Value:
    value = _tidied(entry.key.dotted, read_entry(entry))
    if problem := fault_of(entry.key, value, entry.origin):
        raise Faulty(problem)
    return value


def _tidied(dotted: str, value: Value) -> Value:
    """Slashes at the end are forgotten and added so often that we do not bother people with them."""
    match dotted:
        case "server.base_path":
            return value if value.endswith("/") or not value.startswith("/") else f"{value}/"
        case "server.public_url":
            return value.rstrip("/")
        case _:
            return value


def _settings(values: Mapping[str, Value]) -> Settings:
    made = {
        section: make(**{key.name: values[key.dotted] for key in keys().values() if key.section == section})
        for section, make in sections().items()
    }
    return Settings(**made)
