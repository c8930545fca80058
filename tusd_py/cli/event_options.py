"""The options of `tusd-py events` and `tusd-py webhooks`.

Belongs here: their grammar. Not here: what is done (assemble/event_tools.py).
"""

import argparse

from tusd_py.config.problems import ConfigErrors, Problem

from .actions import add_action

EVENTS_EPILOG = """\
`tail` prints the last events, and with --follow those that come; `export` prints all of them, one JSON object
a line. Times are as in RFC 3339; without a zone they are UTC. The server may run meanwhile.

examples:
  tusd-py events tail --follow
  tusd-py events tail -n 50 --actor ann --kind 'link.*'
  tusd-py events export --from 2026-01-01 --to 2026-02-01 > january.jsonl
"""
WEBHOOKS_EPILOG = """\
`ls` says of each way out how many events were refused and are tried again (WAITING) or were given up
(DEAD), and lists them. What was not tried yet is in the log, and not counted. `redeliver` has those sent
once more that were given up, by the running server.

examples:
  tusd-py webhooks ls
  tusd-py webhooks redeliver 17 18
  tusd-py webhooks redeliver --all
"""
_EVENTS = ("tail", "export")
_WEBHOOKS = ("ls", "redeliver")
LAST = 20
"""Events that `tail` prints without being told how many."""
_MOST = 1_000_000
"""They are read before the first is printed."""


def add_events_options(parser: argparse.ArgumentParser) -> None:
    """The whole grammar of the command, beside settings."""
    add_action(parser, _EVENTS)
    parser.add_argument(
        "-n", metavar="COUNT", type=_count, dest="count", default=LAST, help=f"tail: how many [{LAST}]"
    )
    parser.add_argument("--follow", action="store_true", help="tail: go on with what comes, until ^C")
    parser.add_argument("--after", metavar="CURSOR", help="tail: what came behind this event")
    parser.add_argument("--json", action="store_true", help="one JSON object for each event")
    for name, placeholder, text in (
        ("actor", "NAME", "who did it"),
        ("kind", "KIND", "what; * stands for anything"),
        ("subject", "ID", "of an upload, or of a link"),
        ("from", "TIME", "not before this time"),
        ("to", "TIME", "before this time"),
    ):
        parser.add_argument(f"--{name}", metavar=placeholder, dest=f"sought_{name}", default="", help=text)


def add_webhooks_options(parser: argparse.ArgumentParser) -> None:
    """The whole grammar of the command, beside settings."""
    add_action(parser, _WEBHOOKS)
    parser.add_argument("deliveries", metavar="DELIVERY", nargs="*", help="which, for redeliver")
    parser.add_argument("--all", action="store_true", help="redeliver: all that were given up")
    parser.add_argument("--json", action="store_true", help="ls: one JSON object")


def check_deliveries(options: argparse.Namespace) -> None:
    """Raises ConfigErrors where DELIVERYs are missing, or one too many."""
    if options.command != "webhooks":
        return
    wanted = options.action == "redeliver" and not options.all
    if wanted == bool(options.deliveries):
        return
    what = "needs a DELIVERY, or --all" if wanted else "takes no DELIVERY here"
    raise ConfigErrors(
        [Problem(what=f"webhooks {options.action} {what}", name="", hint="tusd-py webhooks --help")]
    )


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(_MOST)) and int(text) <= _MOST):
        raise argparse.ArgumentTypeError(f"found {text!r}, wanted a number from 0 to {_MOST}")
    return int(text)
