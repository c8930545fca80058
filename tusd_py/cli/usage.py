"""What is said about arguments that nobody knows.

Belongs here: turning leftovers into errors with a hint. Not here: the grammar (parser.py).
"""

import argparse
from collections.abc import Iterable, Iterator, Sequence

from tusd_py.config.problems import ConfigErrors, Problem, did_you_mean

from .arguments import COMMANDS
from .parser import flags_of
from .positionals import LISTS
from .tusd_flags import why_unsupported

_OFF = ("false", "0", "no", "off")


def complain_about(leftover: Sequence[str], command: str) -> Iterator[Problem]:
    """One problem for each argument that was not understood; values of unknown flags are passed over.

    So is what a command takes any number of: it is left over only because of a flag.
    """
    after_flag = False
    for argument in leftover:
        if argument.startswith("-"):
            after_flag = "=" not in argument
            if not _is_off(argument):
                yield _unknown_flag(argument.partition("=")[0], command)
        elif not after_flag and command not in LISTS:
            yield _unexpected(argument)
        else:
            after_flag = False


def _is_off(argument: str) -> bool:
    """A switch of tusd that we do not have, switched off: what is asked for is what happens."""
    name, _, value = argument.lstrip("-").partition("=")
    return value.lower() in _OFF and bool(why_unsupported(name))


def _unknown_flag(flag: str, command: str) -> Problem:
    name = flag.lstrip("-")
    if why := why_unsupported(name):
        return Problem(what=f"tusd's -{name} is not supported: {why}", name="")
    close = did_you_mean(name, flags_of(command))
    return Problem(
        what=f"{flag} is no option of tusd-py {command}",
        name="",
        hint=f"did you mean --{close}?" if close else f"tusd-py {command} --help lists them",
    )


def _unexpected(argument: str) -> Problem:
    if argument in COMMANDS:
        return Problem(
            what=f"{argument} stands behind an option",
            name="",
            hint=f"write tusd-py {argument} first",
        )
    return Problem(what="an argument too many", name="", found=argument, wanted="options only")


def explain(message: str, arguments: Iterable[str]) -> Problem:
    """argparse's message, with a hint where the command is misspelt."""
    first = next(iter(arguments), "")
    if first in COMMANDS:
        return Problem(what=message.removeprefix("argument "), name="", hint=f"tusd-py {first} --help")
    if first.startswith("-"):
        return Problem(what=message.removeprefix("argument "), name="")
    close = did_you_mean(first, COMMANDS)
    return Problem(
        what=f"{first or repr(first)} is no command of tusd-py",
        name="",
        found=first,
        wanted=f"one of {', '.join(COMMANDS)}",
        hint=f"did you mean {close}?" if close else "",
    )


def check_texts(options: argparse.Namespace) -> None:
    """Raises ConfigErrors for what is no text: databases take none. Names of files may be such."""
    if options.command == "upload":
        return
    for name, value in vars(options).items():
        given = value if isinstance(value, (list, tuple)) else [value]
        for text in given if name != "config" else ():
            if isinstance(text, str) and not _is_text(text):
                raise ConfigErrors(
                    [Problem(what="an argument is no text", name="", found=ascii(text), wanted="UTF-8")]
                )


def _is_text(argument: str) -> bool:
    try:
        argument.encode()
    except UnicodeEncodeError:
        return False
    return True
