"""The options of `tusd-py upload`.

Belongs here: their grammar, and what they ask for. Not here: uploading (upload.py), which is heavy to import.
"""

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from protocol.checksum import DIGEST_SIZES
from tusd_py.config.problems import ConfigErrors, Problem
from tusd_py.config.units import Unreadable, parse_duration, parse_size

_T = TypeVar("_T")

EPILOG = """\
An upload that stopped goes on when the same command is given again: what is under way is remembered in
$XDG_STATE_HOME/tusd-py/uploads.json (~/.local/state). The URL of each file is printed on standard output.

exit codes:
  0 all is done             2 bad usage               65 a file changed, or was refused
 66 a file cannot be read  69 no tus server there, or it does not offer what is asked for
 75 something is unfinished: the same command goes on
 76 the server breaks the protocol                    77 not allowed (401, 403)
130 interrupted by ^C: the same command goes on

examples:
  tusd-py upload https://example.org/files/ photo.jpg
  tusd-py upload https://example.org/files/ --parallel 4 --header @token.txt *.iso
  tar c folder | tusd-py upload https://example.org/files/ --metadata filename=folder.tar -
"""


def add_upload_options(parser: argparse.ArgumentParser) -> None:
    """The whole grammar of the command."""
    parser.add_argument(
        "url", metavar="URL", help="where uploads are created, such as https://example.org/files/"
    )
    parser.add_argument("files", metavar="FILE", nargs="+", help="what to send; - is standard input")
    how = parser.add_argument_group("how to send")
    how.add_argument(
        "--protocol",
        choices=("tus", "ietf"),
        default="tus",
        help="tus 1.0.0, or the IETF's draft of resumable uploads [tus]",
    )
    how.add_argument(
        "--parallel", metavar="N", type=_whole, default=1, help="send N parts of a file side by side [1]"
    )
    how.add_argument(
        "--checksum",
        metavar="NAME",
        choices=tuple(DIGEST_SIZES),
        help=f"prove every chunk: {', '.join(DIGEST_SIZES)}",
    )
    how.add_argument(
        "--digest",
        action="store_true",
        help="say beforehand what all of a file hashes to; it is read twice",
    )
    how.add_argument(
        "--chunk-size",
        metavar="SIZE",
        type=_of_unit(parse_size, "a size such as 8MiB"),
        default=0,
        help="most bytes of a request [all; 8MiB with --checksum; 16MiB of standard input]",
    )
    what = parser.add_argument_group("what to say")
    what.add_argument(
        "--metadata", metavar="KEY=VALUE", action="append", default=[], help="besides filename and filetype"
    )
    what.add_argument(
        "--header",
        metavar="'NAME: VALUE'",
        action="append",
        default=[],
        help="for the server of URL only; @FILE reads lines, as other users can see flags",
    )
    when = parser.add_argument_group("when it fails")
    when.add_argument("--no-resume", action="store_true", help="neither go on with an upload nor remember it")
    when.add_argument(
        "--retries",
        metavar="N",
        type=_whole,
        help="attempts that bring nothing [10; no limit with --retry-for]",
    )
    when.add_argument(
        "--retry-for",
        metavar="TIME",
        type=_of_unit(parse_duration, "a time such as 90s or 2h"),
        help="time that brings nothing",
    )
    when.add_argument(
        "--timeout",
        metavar="TIME",
        type=_of_unit(parse_duration, "a time such as 90s"),
        default=60.0,
        help="give up a connection on which nothing moves [60s]",
    )
    shown = parser.add_argument_group("what to show")
    shown.add_argument("--quiet", action="store_true", help="no progress, only URLs, warnings and errors")
    shown.add_argument("--json", action="store_true", help="one JSON object for each file")


def headers_of(given: Iterable[str]) -> dict[str, str]:
    """`Name: value`, or `@file` with such lines. Raises ConfigErrors."""
    return dict(_header(line) for text in given for line in _lines(text))


def metadata_of(given: Iterable[str]) -> dict[str, str]:
    """`key=value`. Raises ConfigErrors."""
    pairs = [text.partition("=") for text in given]
    if wrong := [key for key, equals, _ in pairs if not (key and equals)]:
        raise _misused("--metadata", found=wrong[0], wanted="key=value")
    return {key: value for key, _, value in pairs}


def _lines(text: str) -> list[str]:
    if not text.startswith("@"):
        return [text]
    try:
        read = Path(text[1:]).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as failed:
        raise _misused("--header", found=text, wanted=f"a file that can be read: {failed}") from None
    return [line for line in read.splitlines() if line.strip()]


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon:
        # It may be a secret that lost its name.
        raise _misused("--header", found=f"{len(line)} characters without a colon", wanted="Name: value")
    return name.strip(), value.strip()


def _misused(flag: str, *, found: str, wanted: str) -> ConfigErrors:
    return ConfigErrors([Problem(what=f"{flag} cannot be understood", name="", found=found, wanted=wanted)])


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):  # noqa: PLR2004  # below a milliard
        raise argparse.ArgumentTypeError(f"found {text!r}, wanted a whole number")
    return int(text)


def _of_unit(parse: Callable[[str], _T], wanted: str) -> Callable[[str], _T]:
    def parsed(text: str) -> _T:
        try:
            return parse(text)
        except Unreadable as wrong:
            hint = f"; {wrong.hint}" if wrong.hint else ""
            raise argparse.ArgumentTypeError(f"found {text!r}, wanted {wanted}{hint}") from None

    return parsed
