"""The console script: parse, run, and turn every ending into an exit code.

0 well; 1 a run-time failure; 2 bad usage or configuration; 130 interrupted by ^C. `upload` has more.

Belongs here: the ending of a command. Not here: the commands (commands.py).
"""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence

from tusd_py.config.problems import ConfigErrors
from tusd_py.errors import Mistyped, Refused

from . import commands
from .arguments import normalised
from .event_options import check_deliveries
from .file_options import check_named
from .key_options import check_key_options
from .link_options import check_link_options
from .parser import UsageError, make_parser
from .positionals import joined
from .scan_options import check_files
from .terminal import complain, refuse, warn
from .usage import check_texts, complain_about, explain

FAILED = 1
BAD_USAGE = 2
INTERRUPTED = 130

COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "serve": commands.serve,
    "work": commands.work,
    "check-config": commands.check_config,
    "migrate": commands.migrate,
    "fsck": commands.fsck,
    "ls": commands.ls,
    "show": commands.show,
    "rm": commands.rm,
    "doctor": commands.doctor,
    "quarantine": commands.quarantine,
    "rescan": commands.rescan,
    "key": commands.key,
    "events": commands.events,
    "webhooks": commands.webhooks,
    "links": commands.links,
    "signing-keys": commands.signing_keys,
    "upload": commands.upload,
    "version": commands.print_version,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command of `argv` (without the program's name) and return the exit code.

    Raises SystemExit(0) after --help.
    """
    arguments = normalised(sys.argv[1:] if argv is None else argv)
    if "--version" in arguments:  # wherever it stands, as with tusd
        return commands.print_version(argparse.Namespace(json=False))
    try:
        options = _parse(arguments)
    except ConfigErrors as wrong:
        complain(wrong.render())
        return BAD_USAGE
    return _run(options)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Raises ConfigErrors with everything that is wrong with the command line."""
    try:
        options, leftover = make_parser().parse_known_args(arguments)
    except UsageError as wrong:
        raise ConfigErrors([explain(str(wrong), arguments)]) from None
    leftover = joined(options, leftover)
    if problems := list(complain_about(leftover, options.command)):
        raise ConfigErrors(problems)
    check_texts(options)
    check_files(options)
    check_named(options)
    check_key_options(options)
    check_deliveries(options)
    check_link_options(options)
    return options


def _run(options: argparse.Namespace) -> int:
    try:
        return COMMANDS[options.command](options)
    except ConfigErrors as wrong:
        for warning in wrong.warnings:
            warn(warning)
        complain(wrong.render())
        return BAD_USAGE
    except Refused as refused:
        refuse(refused.message, refused.hint)
        return BAD_USAGE if isinstance(refused, Mistyped) else FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away; keep the interpreter from complaining when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as failure:  # the outermost edge: no traceback reaches a user who did not ask for it
        if options.debug:
            raise
        refuse(f"unexpected failure: {type(failure).__name__}: {failure}", "--debug shows where it happened")
        return FAILED
