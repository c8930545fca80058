"""`python -m tusd_py.config.example` prints config.example.toml.

Belongs here: the text of the example. Not here: the settings it is made from.
"""

import sys
import textwrap
from collections.abc import Iterator

from .keys import Key, explanations, keys, sections

HEAD = """\
# tusd-py: every setting with its default. Written by `python -m tusd_py.config.example`.
#
# Looked for at --config, $TUSD_PY_CONFIG, ./tusd.toml, /etc/tusd-py/config.toml; the first one counts.
# Over it go environment variables (TUSD_PY_SERVER__PORT=8080) and over these flags (--set server.port=8080).
# Sizes are bytes or "64MiB", "5GB"; durations seconds or "30s", "1h30m", "7d".
# Try it with `tusd-py check-config --config FILE`.
"""
WIDTH = 100


def example() -> str:
    """The whole file."""
    return HEAD + "".join(_section(section) for section in sections())


def _section(section: str) -> str:
    lines = ["", *_comment(explanations().get(section, "")), f"[{section}]"]
    for key in keys().values():
        if key.section == section:
            lines += _setting(key)
    return "\n".join(lines) + "\n"


def _setting(key: Key) -> Iterator[str]:
    yield from _comment(explanations().get(key.dotted, ""))
    yield f"{key.name} = {key.kind.to_toml(key.default)}"


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, WIDTH - 2)]


if __name__ == "__main__":
    sys.stdout.write(example())
