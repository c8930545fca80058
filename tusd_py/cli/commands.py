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

from tusd_py.config.effective import in_force, sources_of
from tusd_py.config.load import Loaded, load
from tusd_py.config.settings import Settings
from tusd_py.errors import Refused
from tusd_py.masking import escape_controls
from tusd_py.version import version

from .doctor_options import endpoint
from .terminal import refuse, warn
from .upload_options import headers_of

UNUSABLE = 2
"""Exit status of check-config for settings that name what cannot be used, as for those that are wrong."""


def serve(options: argparse.Namespace) -> int:
    """Serve until told to stop."""
    loaded = _load(options)
    from tusd_py.assemble import serve as run  # noqa: PLC0415  # heavy

    return run(loaded.settings, sources_of(loaded))


def work(options: argparse.Namespace) -> int:
    """Do the jobs that nobody waits for, until told to stop."""
    settings = _settings(options)
    from tusd_py.assemble import work as run  # noqa: PLC0415  # heavy

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


def doctor(options: argparse.Namespace) -> int:
    """Say what is wrong with an installation."""
    settings = _settings_with_log(options)
    url = endpoint(options.url, settings.server.base_path) if options.url else ""
    headers = headers_of(options.header)
    from tusd_py.assemble import doctor as run  # noqa: PLC0415  # heavy

    return run(settings, url=url, headers=headers, as_json=options.json)


def ls(options: argparse.Namespace) -> int:
    """List files."""
    settings = _settings_with_log(options)
    from tusd_py.assemble import list_files  # noqa: PLC0415  # heavy

    return list_files(
        settings, options.files, tenant=options.tenant, owner=options.owner, as_json=options.json
    )


def show(options: argparse.Namespace) -> int:
    """Print what is known of files."""
    settings = _settings_with_log(options)
    from tusd_py.assemble import show_files  # noqa: PLC0415  # heavy

    return show_files(settings, options.files, as_json=options.json)


def rm(options: argparse.Namespace) -> int:
    """Delete files."""
    settings = _settings_with_log(options)
    from tusd_py.assemble import remove_files  # noqa: PLC0415  # heavy

    return remove_files(settings, options.files, as_json=options.json)


def quarantine(options: argparse.Namespace) -> int:
    """List what is in quarantine, release it, or delete it."""
    settings = _settings_with_log(options)
    if options.action == "list":
        from tusd_py.assemble import list_quarantine  # noqa: PLC0415  # heavy

        return list_quarantine(settings, as_json=options.json)
    from tusd_py.assemble import decide  # noqa: PLC0415  # heavy

    return decide(settings, options.action, options.files, shown=options.finding)


def rescan(options: argparse.Namespace) -> int:
    """Have files scanned again."""
    settings = _settings_with_log(options)
    from tusd_py.assemble import rescan as run  # noqa: PLC0415  # heavy

    return run(settings, options.files, which=options.which)


def key(options: argparse.Namespace) -> int:
    """Make API keys, list them, revoke them."""
    settings = _settings_with_log(options)
    if options.action == "list":
        from tusd_py.assemble import list_keys  # noqa: PLC0415  # heavy

        return list_keys(settings, as_json=options.json)
    if options.action == "revoke":
        from tusd_py.assemble import revoke_keys  # noqa: PLC0415  # heavy

        return revoke_keys(settings, options.keys)
    from tusd_py.assemble import create_key  # noqa: PLC0415  # heavy

    return create_key(
        settings,
        tenant=options.tenant,
        subject=options.subject,
        scopes=options.scopes,
        life=options.expires,
        note=options.note,
        as_json=options.json,
    )


def events(options: argparse.Namespace) -> int:
    """Print the log of events."""
    settings = _settings_with_log(options)
    from tusd_py.assemble import Looked, export_events, tail_events  # noqa: PLC0415  # heavy

    looked = Looked(
        actor=options.sought_actor,
        kind=options.sought_kind,
        subject=options.sought_subject,
        since=options.sought_from,
        until=options.sought_to,
    )
    if options.action == "export":
        return export_events(settings, looked)
    return tail_events(
        settings,
        looked,
        count=options.count,
        after=options.after,
        follow=options.follow,
        lines=options.json,
    )


def webhooks(options: argparse.Namespace) -> int:
    """List what was not delivered, or have it sent again."""
    settings = _settings_with_log(options)
    if options.action == "ls":
        from tusd_py.assemble import list_webhooks  # noqa: PLC0415  # heavy

        return list_webhooks(settings, lines=options.json)
    from tusd_py.assemble import redeliver  # noqa: PLC0415  # heavy

    return redeliver(settings, options.deliveries, everything=options.all)


def links(options: argparse.Namespace) -> int:
    """List share links, or revoke them."""
    settings = _settings_with_log(options)
    if options.action == "ls":
        from tusd_py.assemble import list_links  # noqa: PLC0415  # heavy

        return list_links(settings, options.names, as_json=options.json)
    from tusd_py.assemble import revoke_links  # noqa: PLC0415  # heavy

    return revoke_links(settings, options.names)


def signing_keys(options: argparse.Namespace) -> int:
    """List the keys that links are signed with, or make a new one."""
    settings = _settings_with_log(options)
    if options.action == "list":
        from tusd_py.assemble import list_signing_keys  # noqa: PLC0415  # heavy

        return list_signing_keys(settings, as_json=options.json)
    from tusd_py.assemble import rotate_signing_key  # noqa: PLC0415  # heavy

    return rotate_signing_key(settings, at_once=options.at_once)


def upload(options: argparse.Namespace) -> int:
    """Send files to a tus server."""
    from .upload import run  # noqa: PLC0415  # heavy

    return run(options)


def check_config(options: argparse.Namespace) -> int:
    """Print what is in force, as TOML with origins."""
    loaded = _load(options)
    from tusd_py.server.tls import tls_context  # noqa: PLC0415  # TLS is not needed to complain about a file

    try:
        tls_context(loaded.settings.server)
    except Refused as refused:
        refuse(refused.message, refused.hint)
        return UNUSABLE
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
    for one in in_force(loaded.settings, sources_of(loaded)):
        if one.section != section:
            section = one.section
            yield ""
            yield f"[{section}]"
        yield f"{one.name} = {one.shown}  # {one.source}"
