"""The options of `tusd-py quarantine` and `tusd-py rescan`.

Belongs here: their grammar. Not here: what is done (assemble/quarantine.py).
"""

import argparse

from tusd_py.config.problems import ConfigErrors, Problem

from .actions import add_action

QUARANTINE_EPILOG = """\
A FILE is a file id, with :N behind it for version N; without, its current version. `delete` removes files
that are in quarantine and no others. Both tell the events table who did it. The server may run meanwhile.

examples:
  tusd-py quarantine list
  tusd-py quarantine release 0f343b0931126a20f133d67c2b018a3b
  tusd-py quarantine delete 0f343b0931126a20f133d67c2b018a3b:2
"""
RESCAN_EPILOG = """\
They are scanned by the running server, after what is uploaded meanwhile; the old verdict holds until the new
one is there.

examples:
  tusd-py rescan 0f343b0931126a20f133d67c2b018a3b
  tusd-py rescan --failed
"""
_ACTIONS = ("list", "release", "delete")


def add_quarantine_options(parser: argparse.ArgumentParser) -> None:
    """The whole grammar of the command, beside settings."""
    add_action(parser, _ACTIONS)
    parser.add_argument("files", metavar="FILE", nargs="*", help="which, for release and delete")
    parser.add_argument("--json", action="store_true", help="one JSON object for each file")
    parser.add_argument(
        "--finding", metavar="NAME", help="release or delete only where this is what was found"
    )


def add_rescan_options(parser: argparse.ArgumentParser) -> None:
    """The whole grammar of the command, beside settings."""
    parser.add_argument("files", metavar="FILE", nargs="*", help="file ids, with :N for version N")
    which = parser.add_mutually_exclusive_group()
    for name, text in (
        ("all", "every file"),
        ("quarantined", "every file in quarantine"),
        ("failed", "every file whose scan failed"),
    ):
        which.add_argument(f"--{name}", action="store_const", dest="which", const=name, help=text)


def check_files(options: argparse.Namespace) -> None:
    """Raises ConfigErrors where FILEs are missing, or something is one too many."""
    if options.command == "quarantine":
        if options.action == "list" and options.finding is not None:
            raise _wrong("quarantine list", "takes no --finding")
        _check(
            wanted=options.action != "list", given=bool(options.files), command=f"quarantine {options.action}"
        )
    elif options.command == "rescan":
        _check(wanted=options.which is None, given=bool(options.files), command="rescan")


def _check(*, wanted: bool, given: bool, command: str) -> None:
    if wanted == given:
        return
    raise _wrong(command, "needs a FILE" if wanted else "takes no FILE here")


def _wrong(command: str, what: str) -> ConfigErrors:
    hint = f"tusd-py {command.partition(' ')[0]} --help"
    return ConfigErrors([Problem(what=f"{command} {what}", name="", hint=hint)])
