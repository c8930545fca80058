"""From Go's way of writing flags to argparse's, before parsing.

Belongs here: rewriting the list of arguments. Not here: their meaning (parser.py).
"""

import re
from collections.abc import Iterator, Sequence

COMMANDS = (
    "serve",
    "work",
    "check-config",
    "doctor",
    "migrate",
    "fsck",
    "ls",
    "show",
    "rm",
    "links",
    "quarantine",
    "rescan",
    "signing-keys",
    "events",
    "webhooks",
    "key",
    "upload",
    "version",
)

_ONE_DASH = re.compile(r"-([A-Za-z][A-Za-z0-9]*[A-Za-z0-9-]+)(=.*)?", re.DOTALL)
"""A Go flag of two letters or more; single letters stay what they are."""
_ASKS_FOR_NO_COMMAND = ("-h", "--help", "--version")


def normalised(arguments: Sequence[str]) -> list[str]:
    """The arguments with two dashes everywhere and a command in front: `-port 80` is `serve --port 80`."""
    dashed = list(_two_dashes(arguments))
    if not dashed:
        return ["serve"]
    if dashed[0].startswith("-") and dashed[0] not in _ASKS_FOR_NO_COMMAND:
        return ["serve", *dashed]
    return dashed


def _two_dashes(arguments: Sequence[str]) -> Iterator[str]:
    is_over = False
    for argument in arguments:
        is_over = is_over or argument == "--"
        yield f"-{argument}" if not is_over and _ONE_DASH.fullmatch(argument) else argument
