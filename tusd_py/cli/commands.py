"""What each command does. Heavy imports happen here, when a command runs.

Belongs here: loading settings and calling assemble. Not here: exit codes of failures (entry.py).
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

from tusd_py.config.keys import keys
from tusd_py.config.load import Loaded, load
from tusd_py.config.settings import Settings
from tusd_py.config.validate import value_of
from tusd_py.masking import MASK, escape_controls
from tusd_py.version import version

from .terminal import warn


def serve(options: argparse.Namespace) -> int:
    """Serve until told to stop."""
    settings = _settings(options)
    from tusd_py.assemble import serve as run  # noqa: PLC0415  # heavy

    return run(settings)


def migrate(options: argparse.Namespace) -> int:
    """Bring the schema up to date."""
    settings = _settings_with_log(options)
    from tusd_py.assemble import migrate as run  # noqa: PLC0415  # heavy

    return run(settings)


def fsck(options: argparse.Namespace) -> int:
    """Compare rows and bytes."""
    settings = _settings_with_log(options)
    from tusd_py.assemble import fsck as run  # noqa: PLC0415  # heavy

    return run(settings, repair=options.repair, as_json=options.json)


def quarantine(options: argparse.Namespace) -> int:
    """List what is in quarantine, release it, or delete it."""
    settings = _settings_with_log(options)
    if options.action == "list":
        from tusd_py.assemble import list_quarantine  # noqa: PLC0415  # heavy

        return list_quarantine(settings, as_json=options.json)
    from tusd_py.assemble import decide  # noqa: PLC0415  # heavy

    return decide(settings, options.action, options.files)


def rescan(options: argparse.Namespace) -> int:
    """Have files scanned again."""
    settings = _settings_with_log(options)
    from tusd_py.assemble import rescan as run  # noqa: PLC0415  # heavy

    return run(settings, options.files, which=options.which)


def upload(options: argparse.Namespace) -> int:
    """Send files to a tus server."""
    from .upload import run  # noqa: PLC0415  # heavy

    return run(options)


def check_config(options: argparse.Namespace) -> int:
    """Print what is in force, as TOML with origins."""
    loaded = _load(options)
    print("\n".join(escape_controls(line) for line in _report(loaded)))  # noqa: T201  # a command's answer
    return 0


def print_version(options: argparse.Namespace) -> int:
    """Print what runs here."""
    versions = {"tusd-py": version(), "python": platform.python_version(), "aiohttp": _version_of("aiohttp")}
    as_text = f"tusd-py {versions['tusd-py']} (Python {versions['python']}, aiohttp {versions['aiohttp']})"
    print(json.dumps(versions) if getattr(options, "json", False) else as_text)  # noqa: T201  # a command's answer
    return 0


def _version_of(distribution: str) -> str:
    from importlib import metadata  # noqa: PLC0415  # slow

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "not installed"


def _load(options: argparse.Namespace) -> Loaded:
    for warning in options.forgotten:
        warn(warning)
    config_path = None if options.config is None else Path(options.config)
    loaded = load(config_path=config_path, environ=os.environ, flags=options.flags)
    for warning in loaded.warnings:
        warn(warning)
    return loaded


def _settings(options: argparse.Namespace) -> Settings:
    return _load(options).settings


def _settings_with_log(options: argparse.Namespace) -> Settings:
    settings = _settings(options)
    from tusd_py.log import configure  # noqa: PLC0415  # structlog is not needed to complain about a file

    configure(settings.log, stream=sys.stderr)
    return settings


def _report(loaded: Loaded) -> Iterator[str]:
    yield f"ok: {loaded.path}" if loaded.path else "ok: no configuration file"
    section = ""
    for key in keys().values():
        if key.section != section:
            section = key.section
            yield ""
            yield f"[{section}]"
        value = value_of(loaded.settings, key)
        shown = f'"{MASK}"' if key.kind.is_secret and value else key.kind.to_toml(value)
        yield f"{key.name} = {shown}  # {loaded.sources[key.dotted]}"
