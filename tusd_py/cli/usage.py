"""What is said about arguments that nobody knows.

Belongs here: turning leftovers into errors with a hint. Not here: the grammar (parser.py).
"""

from collections.abc import Iterable, Iterator, Sequence

from tusd_py.config.problems import Problem, did_you_mean

from .arguments import COMMANDS
from .file_options import FLAGS as LS_FLAGS
from .key_options import FLAGS as KEY_FLAGS
from .link_options import FLAGS as SIGNING_KEY_FLAGS
from .tusd_flags import GROUPS, MEANING, WITHOUT_EFFECT, why_unsupported
from .upload_options import FLAGS as UPLOAD_FLAGS

_OFF = ("false", "0", "no", "off")
_EVERYWHERE = ("help", "version", "debug", "json")
_OTHERS = ("config", "set", "repair", "all", "quarantined", "failed")


def known_flags(command: str) -> Iterator[str]:
    """Every flag that a command has, without dashes."""
    yield from _EVERYWHERE
    if command == "upload":
        yield from UPLOAD_FLAGS
        return
    if command == "ls":
        yield from LS_FLAGS
    if command == "key":
        yield from KEY_FLAGS
    if command == "signing-keys":
        yield from SIGNING_KEY_FLAGS
    yield from _OTHERS
    for group in GROUPS:
        yield from group.flags
    yield from MEANING
    yield from WITHOUT_EFFECT


def complain_about(leftover: Sequence[str], command: str) -> Iterator[Problem]:
    """One problem for each argument that was not understood; values of unknown flags are passed over."""
    after_flag = False
    for argument in leftover:
        if argument.startswith("-"):
            after_flag = "=" not in argument
            if not _is_off(argument):
                yield _unknown_flag(argument.partition("=")[0], command)
        elif not after_flag:
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
    close = did_you_mean(name, known_flags(command))
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
    if first in COMMANDS or first.startswith("-"):
        return Problem(what=message.removeprefix("argument "), name="")
    close = did_you_mean(first, COMMANDS)
    return Problem(
        what=f"{first} is no command of tusd-py",
        name="",
        found=first,
        wanted=f"one of {', '.join(COMMANDS)}",
        hint=f"did you mean {close}?" if close else "",
    )
