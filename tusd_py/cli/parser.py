"""The grammar of the command line.

Belongs here: options and their help. Not here: checking values (config) and running commands (commands.py).
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from tusd_py.config.keys import explanations, keys
from tusd_py.config.load import Given

from .arguments import COMMANDS
from .doctor_options import EPILOG as DOCTOR_EPILOG
from .doctor_options import add_doctor_options
from .event_options import EVENTS_EPILOG, WEBHOOKS_EPILOG, add_events_options, add_webhooks_options
from .file_options import (
    LS_EPILOG,
    RM_EPILOG,
    SHOW_EPILOG,
    add_ls_options,
    add_rm_options,
    add_show_options,
)
from .key_options import EPILOG as KEY_EPILOG
from .key_options import add_key_options
from .link_options import (
    LINKS_EPILOG,
    SIGNING_KEYS_EPILOG,
    add_link_options,
    add_signing_key_options,
)
from .scan_options import QUARANTINE_EPILOG, RESCAN_EPILOG, add_quarantine_options, add_rescan_options
from .tusd_flags import GROUPS, LOCAL_PROXIES, MEANING, WITHOUT_EFFECT
from .upload_options import EPILOG as UPLOAD_EPILOG
from .upload_options import add_upload_options

EPILOG = """\
Every setting can also be given in a TOML file (--config), as an environment variable
(TUSD_PY_SERVER__PORT=8080) or with --set server.port=8080; flags win. Flags may be written as tusd's are,
with one dash: -port 8080, -port=8080, -disable-download=false.

examples:
  tusd-py --upload-dir /srv/uploads
  tusd-py serve --host 0.0.0.0 --auth none --max-size 5GB
  tusd-py check-config --config /etc/tusd-py/config.toml
"""
ARGUMENTS = {
    "ls": " [WORD...]",
    "show": " FILE...",
    "rm": " FILE...",
    "quarantine": " list|release|delete [FILE...]",
    "rescan": " [FILE...]",
    "key": " create|list|revoke [ID...]",
    "events": " tail|export",
    "webhooks": " ls|redeliver [DELIVERY...]",
    "links": " ls|revoke [ID...]",
    "signing-keys": " list|rotate",
    "upload": " URL FILE...",
}
EPILOGS = {
    "serve": EPILOG,
    "doctor": DOCTOR_EPILOG,
    "ls": LS_EPILOG,
    "show": SHOW_EPILOG,
    "rm": RM_EPILOG,
    "quarantine": QUARANTINE_EPILOG,
    "rescan": RESCAN_EPILOG,
    "key": KEY_EPILOG,
    "events": EVENTS_EPILOG,
    "webhooks": WEBHOOKS_EPILOG,
    "links": LINKS_EPILOG,
    "signing-keys": SIGNING_KEYS_EPILOG,
    "upload": UPLOAD_EPILOG,
}
SUMMARIES = {
    "serve": "serve uploads (also without naming a command)",
    "doctor": "say what is wrong with an installation, and how to put it right",
    "work": "scan files and do other jobs beside the server, without serving",
    "check-config": "say what is in force and where it came from, or everything that is wrong",
    "migrate": "bring the database's schema up to date",
    "fsck": "compare rows and bytes; a copy of a file, as after a restore, counts as changed",
    "ls": "list files, all or those that words find",
    "show": "print what is known of files, with their versions",
    "rm": "delete files for good, with all their versions",
    "quarantine": "list files that a scanner closed, release them, or delete them",
    "rescan": "have files scanned for viruses again",
    "key": "make API keys, list them, or revoke them",
    "events": "print the log of events, or follow it",
    "webhooks": "say how far other systems are with the events, and send again what they did not take",
    "links": "list share links, or revoke them",
    "signing-keys": "list the keys that links and tickets are signed with, or make a new one",
    "upload": "send files to a tus server, going on where an earlier command stopped",
    "version": "print the version",
}


class UsageError(Exception):
    """The command line cannot be understood; `message` is argparse's, without its prefix."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)

    def flags(self) -> list[str]:
        """All of them, without dashes."""
        return [flag.lstrip("-") for action in self._actions for flag in action.option_strings]


class _Keep(argparse.Action):
    """Note the value under its setting. The last of several wins, as with Go's flags."""

    def __init__(self, *, setting: str, **options: Any) -> None:
        super().__init__(**options)
        self._setting = setting

    def __call__(
        self,
        _parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        keep(namespace, self._setting, Given(flag=option_string or "", text=str(values)))


class _Set(argparse.Action):
    """--set section.key=value."""

    def __call__(
        self,
        _parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        dotted, equals, text = str(values).partition("=")
        if not equals:
            raise UsageError(f"{option_string} wants section.key=value, found {str(values)!r}")
        keep(namespace, dotted.strip(), Given(flag=f"{option_string} {dotted.strip()}", text=text))


class _Switch(argparse.Action):
    """A switch of tusd that stands for one of two values of a setting."""

    def __call__(
        self,
        _parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        setting, meaning = MEANING[self.dest]
        try:
            is_on = keys()["log.requests"].kind.from_text(str(values))
        except ValueError:
            raise UsageError(f"{option_string} wants true or false, found {str(values)!r}") from None
        keep(namespace, setting, Given(flag=option_string or "", text=meaning[is_on]))


class _Forget(argparse.Action):
    """Take a flag of tusd that changes nothing here, and say so."""

    def __call__(
        self,
        _parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        _values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        namespace.forgotten = [
            *namespace.forgotten,
            f"{option_string} has no effect: {WITHOUT_EFFECT[self.dest]}",
        ]


def keep(namespace: argparse.Namespace, setting: str, given: Given) -> None:
    """Note a value; what was noted for the setting before is dropped, so that order is kept."""
    namespace.flags = {name: old for name, old in namespace.flags.items() if name != setting} | {
        setting: given
    }


def make_parser() -> argparse.ArgumentParser:
    """The whole grammar."""
    parser = _Parser(
        prog="tusd-py",
        description="A resumable-upload server (tus 1.0.0, and the draft of the IETF).",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="command", parser_class=_Parser)
    for name in COMMANDS:
        _add_options(
            name,
            commands.add_parser(
                name,
                help=SUMMARIES[name],
                usage=f"tusd-py {name} [options]{ARGUMENTS.get(name, '')}",
                description=SUMMARIES[name],
                allow_abbrev=False,
                formatter_class=argparse.RawDescriptionHelpFormatter,
                epilog=EPILOGS.get(name),
            ),
        )
    return parser


def flags_of(command: str) -> list[str]:
    """Every flag that a command has, without dashes."""
    parser = _Parser(prog=command)
    _add_options(command, parser)
    return parser.flags()


def _add_options(command: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--debug", action="store_true", help="show tracebacks of unexpected failures")
    if command == "version":
        parser.add_argument("--json", action="store_true", help="as one JSON object")
        return
    if command == "upload":
        add_upload_options(parser)
        return
    if command in _ADDERS:
        _ADDERS[command](parser)
    parser.set_defaults(flags={}, forgotten=[])
    _add_settings(parser)


def _add_fsck_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repair", action="store_true", help="put right what can be put right")
    parser.add_argument("--json", action="store_true", help="one JSON object for each finding")


_ADDERS: Mapping[str, Callable[[argparse.ArgumentParser], None]] = {
    "doctor": add_doctor_options,
    "fsck": _add_fsck_options,
    "ls": add_ls_options,
    "show": add_show_options,
    "rm": add_rm_options,
    "quarantine": add_quarantine_options,
    "rescan": add_rescan_options,
    "key": add_key_options,
    "events": add_events_options,
    "webhooks": add_webhooks_options,
    "links": add_link_options,
    "signing-keys": add_signing_key_options,
}
"""What a command has beside settings."""


def _add_settings(parser: argparse.ArgumentParser) -> None:
    general = parser.add_argument_group("settings")
    general.add_argument("--config", metavar="FILE", help="TOML file to read instead of looking for one")
    general.add_argument(
        "--set", action=_Set, metavar="SECTION.KEY=VALUE", help="any setting, see config.example.toml"
    )
    for group in GROUPS:
        section = parser.add_argument_group(group.title)
        for flag, setting in group.flags.items():
            _add_setting(section, flag, setting)
    _add_switches(parser)
    for flag in WITHOUT_EFFECT:
        parser.add_argument(
            f"--{flag}", action=_Forget, dest=flag, nargs="?", const="true", help=argparse.SUPPRESS
        )


def _add_setting(section: argparse._ArgumentGroup, flag: str, setting: str) -> None:
    key = keys()[setting]
    is_switch = isinstance(key.default, bool)
    choices = "|".join(filter(None, key.kind.allowed))
    section.add_argument(
        f"--{flag}",
        action=_Keep,
        setting=setting,
        dest=flag,
        default=argparse.SUPPRESS,
        nargs="?" if is_switch else None,
        const="true" if is_switch else None,
        metavar="true|false" if is_switch else choices or flag.rpartition("-")[2].upper(),
        help=_help(setting),
    )


def _help(setting: str) -> str:
    key = keys()[setting]
    text = explanations().get(setting, "")
    if key.kind.is_secret:
        text += f" Other users see flags: prefer {key.variable} or a file."
    return f"{text} [{setting} = {key.kind.to_toml(key.default)}]".strip().replace("%", "%%")


def _add_switches(parser: argparse.ArgumentParser) -> None:
    helps = {
        "behind-proxy": f"believe X-Forwarded-* of proxies on this machine ({LOCAL_PROXIES}); "
        "name others with --trusted-proxies",
        "verbose": "log.level = debug; with =false, warning",
    }
    switches = parser.add_argument_group("switches of tusd")
    for flag, text in helps.items():
        switches.add_argument(
            f"--{flag}",
            action=_Switch,
            dest=flag,
            nargs="?",
            const="true",
            metavar="true|false",
            default=argparse.SUPPRESS,
            help=text,
        )
