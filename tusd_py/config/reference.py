"""`python -m tusd_py.config.reference` prints docs/configuration.md.

Belongs here: the text of that page. Not here: the settings it is made from.
"""

import sys
from collections.abc import Iterator

from .keys import FILE_SUFFIX, Key, explanations, keys, sections

HEAD = """\
# Configuration

Written by `python -m tusd_py.config.reference`; `config.example.toml` holds the same as a file to start from.

## Where settings come from

Each layer overrides the ones before it:

1. the defaults below;
2. one TOML file: `--config FILE`, else `$TUSD_PY_CONFIG`, `./tusd.toml` or `/etc/tusd-py/config.toml`;
3. environment variables: `TUSD_PY_<SECTION>__<KEY>`, for example `TUSD_PY_SERVER__PORT=8080`.
   Lists are separated by commas, or written as JSON.
   `TUSD_PY_<SECTION>__<KEY>_FILE` names a file that holds the value.
   Unknown `TUSD_PY_*` variables are warned about;
4. flags: tusd's names (`--port 8080`, also with one dash, also `-port=8080`), and `--set section.key=value`
   for every setting.

A secret can be kept out of the TOML file with the key `<key>_file`, the path of a file that holds it.

`tusd-py check-config` says `ok`, what is in force, and where each value came from, or lists everything that
is wrong with line and column; it exits with 0 or 2.

## How values are written

| kind | in TOML | as text (environment, flags) |
| --- | --- | --- |
| size | bytes, or `"64MiB"` (1024), `"5GB"` (1000) | the same without quotes |
| duration | seconds, or `"30s"`, `"1h30m"`, `"7d"`, `"500ms"`, `"2w"` | the same without quotes |
| file mode | `0o750` or `"0750"` | `0750` |
| list | `["a", "b"]` | `a,b` or `["a", "b"]` |
| yes or no | `true`, `false` | also `1`, `0`, `yes`, `no`, `on`, `off` |
"""


def reference() -> str:
    """The whole page."""
    return HEAD + "".join(_section(section) for section in sections())


def _section(section: str) -> str:
    rows = [_row(key) for key in keys().values() if key.section == section]
    return "\n".join(
        [
            "",
            f"## [{section}]",
            "",
            *_intro(section),
            "| key | default | meaning |",
            "| --- | --- | --- |",
            *rows,
            "",
        ]
    )


def _intro(section: str) -> Iterator[str]:
    if text := explanations().get(section):
        yield text
        yield ""


def _row(key: Key) -> str:
    also = f", `{key.name}{FILE_SUFFIX}`" if key.kind.is_secret else ""
    cells = (f"`{key.name}`{also}", f"`{key.kind.to_toml(key.default)}`", explanations().get(key.dotted, ""))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    sys.stdout.write(reference())
