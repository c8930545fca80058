"""The options of `tusd-py key`.

Belongs here: their grammar. Not here: keys (assemble/keys.py).
"""

import argparse
from collections.abc import Sequence

from tusd_py.config.problems import ConfigErrors, Problem
from tusd_py.config.units import Unreadable, parse_duration

from .actions import add_action

EPILOG = """\
`create` prints the key once; only its digest is kept. A key belongs to a subject, who owns what is uploaded
with it; several keys may have the same one. `revoke` wants the id, which is the middle of the key. The server
may run meanwhile: it lets a revoked key in for access.cache seconds more (5 by default), and for no longer.

examples:
  tusd-py key create --subject ann
  tusd-py key create --subject backup --scopes upload --expires 90d --note "nightly job on db1"
  tusd-py key create --subject ops --tenant acme --scopes upload,read,admin
  tusd-py key list
  tusd-py key revoke 3f9c1b6d2a7e4850
"""
_SCOPES = ("upload", "read", "admin")
_ACTIONS = ("create", "list", "revoke")


def add_key_options(parser: argparse.ArgumentParser) -> None:
    """The whole grammar of the command, beside settings."""
    add_action(parser, _ACTIONS)
    parser.add_argument("keys", metavar="ID", nargs="*", help="which, for revoke")
    parser.add_argument("--json", action="store_true", help="one JSON object for each key")
    new = parser.add_argument_group("a new key")
    new.add_argument("--subject", metavar="NAME", help="whose it is")
    new.add_argument("--tenant", metavar="NAME", default="", help="the tenant of the subject [none]")
    new.add_argument(
        "--scopes",
        metavar="LIST",
        type=_scopes,
        default=("upload", "read"),
        help=f"what it may do, of {', '.join(_SCOPES)} [upload,read]",
    )
    new.add_argument(
        "--expires", metavar="DURATION", type=_duration, help='how long it lives, such as "90d" [for ever]'
    )
    new.add_argument("--note", metavar="TEXT", default="", help="what it is for, for the list")


def check_key_options(options: argparse.Namespace) -> None:
    """Raises ConfigErrors where something is missing, or one too many."""
    if options.command != "key":
        return
    action = options.action
    if (action == "revoke") != bool(options.keys):
        what = "needs the ID of a key" if action == "revoke" else "takes no ID"
        raise ConfigErrors([_problem(f"key {action} {what}")])
    if action == "create" and not options.subject:
        raise ConfigErrors([_problem("key create needs --subject: whose key it is")])


def _problem(what: str) -> Problem:
    return Problem(what=what, name="", hint="tusd-py key --help")


def _scopes(text: str) -> Sequence[str]:
    wanted = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    unknown = [word for word in wanted if word not in _SCOPES]
    if unknown or not wanted:
        raise argparse.ArgumentTypeError(f"found {text!r}, wanted some of {','.join(_SCOPES)}")
    return wanted


def _duration(text: str) -> float:
    try:
        seconds = parse_duration(text)
    except Unreadable as bad:
        raise argparse.ArgumentTypeError(f"found {text!r}, wanted a duration such as 90d: {bad}") from None
    if not seconds:
        raise argparse.ArgumentTypeError("a key that lives for no time is none")
    return seconds
