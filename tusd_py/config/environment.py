"""The layer of environment variables: TUSD_PY_SECTION__KEY, or TUSD_PY_SECTION__KEY_FILE with a path.

Belongs here: names of variables. Not here: values' meaning.
"""

from collections.abc import Mapping

from .entries import Entry, Heard
from .keys import Key, keys
from .problems import Layer, Origin, Problem, did_you_mean

PREFIX = "TUSD_PY_"
CONFIG = "TUSD_PY_CONFIG"
"""The path of the configuration file; the only variable that is not a setting."""
FILE_SUFFIX = "_FILE"


def read_environment(environ: Mapping[str, str]) -> Heard:
    """What the variables say. Unknown ones are warnings, as other programs may share the prefix."""
    known = {key.variable: key for key in keys().values()}
    entries: list[Entry] = []
    problems: list[Problem] = []
    warnings: list[str] = []
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name == CONFIG:
            continue
        if name in known:
            entries.append(_entry(known[name], name, environ[name], via_file=False))
        elif name.removesuffix(FILE_SUFFIX) not in known:
            warnings.append(_unknown(name, known))
        elif name.removesuffix(FILE_SUFFIX) in environ:
            problems.append(_said_twice(name))
        else:
            entries.append(_entry(known[name.removesuffix(FILE_SUFFIX)], name, environ[name], via_file=True))
    return Heard(entries=entries, problems=problems, warnings=warnings)


def _entry(key: Key, name: str, text: str, *, via_file: bool) -> Entry:
    origin = Origin(layer=Layer.ENVIRONMENT, name=f"environment variable {name}")
    return Entry(key=key, raw=text, origin=origin, is_text=True, via_file=via_file)


def _unknown(name: str, known: Mapping[str, Key]) -> str:
    names = [*known, *(variable + FILE_SUFFIX for variable in known), CONFIG]
    # Without the prefix, which would make all names look alike.
    close = did_you_mean(name.removeprefix(PREFIX), [known_name.removeprefix(PREFIX) for known_name in names])
    hint = f", did you mean {PREFIX}{close}?" if close else ""
    return f"environment variable {name} is no setting of ours{hint}"


def _said_twice(name: str) -> Problem:
    return Problem(
        what=f"{name} and {name.removesuffix(FILE_SUFFIX)} are both set",
        name=f"environment variable {name}",
        found="both",
        wanted="one of them",
    )
