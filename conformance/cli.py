"""The command line: `python -m conformance URL`.

Belongs here: arguments and the exit code. Not here: running (run.py), printing (report_*.py).
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from .catalogue import CHECKS, UnknownId, chosen
from .checks import Check
from .connection import Unreachable
from .probe import INTEROP_VERSION, Subject
from .report_json import json_of
from .report_text import coverage, lines_of, listing
from .resource import Resource
from .run import Report, examine
from .specification import Specification
from .verdict import Failed, Level, Verdict

OK, BROKEN, NOT_RUN = 0, 1, 2
"""No MUST failed; one did; nothing was found out."""

_FIRST_VERSION = 4

EPILOG = """\
exit code: 0 when no MUST failed, 1 when one did, 2 when the server could not be asked (to the end).

examples:
  python -m conformance http://127.0.0.1:8080/files/
  python -m conformance https://example.org/files/ --header 'Authorization: Bearer abc' --level must
  python -m conformance http://127.0.0.1:8080/files/ --only CORE-PATCH-3,META-4 --json
  python -m conformance http://127.0.0.1:8080/files/ --protocol ietf
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Ask, print, and return the exit code."""
    options = _parser().parse_args(argv)
    try:
        checks = chosen(options.only, options.level, options.protocol)
        if options.list:
            _print("\n".join(listing(checks)))
            return OK
        report = asyncio.run(_examine(options, checks))
    except (UnknownId, ValueError, Unreachable, Failed) as error:
        print(f"conformance: {error}", file=sys.stderr)  # noqa: T201 -- a command line
        return NOT_RUN
    _print(json_of(report) if options.json else "\n".join(lines_of(report)))
    return exit_code(report)


def exit_code(report: Report) -> int:
    broken = any(
        outcome.check.level is Level.MUST and outcome.finding.verdict is Verdict.FAIL
        for outcome in report.outcomes
    )
    if broken:
        return BROKEN
    return NOT_RUN if report.fell_during else OK


async def _examine(options: argparse.Namespace, checks: Sequence[Check]) -> Report:
    subject = Subject(
        base=Resource.parse(options.url or ""),
        extra=tuple(options.header),
        patience=options.timeout,
        origin=options.origin,
        interop=options.interop_version,
    )
    return await examine(subject, checks, jobs=options.jobs, within=options.within)


def _print(text: str) -> None:
    print(text)  # noqa: T201 -- a command line


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m conformance",
        description=f"Does a server speak {' or '.join(one.name_in_full for one in Specification)}? "
        + " ".join(coverage(CHECKS))
        + ".",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("url", nargs="?", help="where uploads are created")
    parser.add_argument("--only", type=_ids, default=(), metavar="ID[,ID]", help="only these requirements")
    parser.add_argument(
        "--level",
        type=Level,
        action="append",
        default=[],
        choices=list(Level),
        help="only this level; repeatable",
    )
    parser.add_argument(
        "--protocol",
        type=Specification,
        action="append",
        default=[],
        choices=list(Specification),
        help="only tus, or only the IETF draft",
    )
    parser.add_argument(
        "--interop-version",
        type=_interop_version,
        default=INTEROP_VERSION,
        metavar="N",
        help=f"of the IETF draft, in Upload-Draft-Interop-Version ({INTEROP_VERSION})",
    )
    parser.add_argument("--header", action="append", default=[], metavar="'K: V'", type=_header)
    parser.add_argument("--origin", default="https://app.example", help="where a browser's page comes from")
    parser.add_argument("--timeout", type=float, default=5.0, metavar="SECONDS", help="for one answer (5)")
    parser.add_argument(
        "--within", type=float, default=55.0, metavar="SECONDS", help="for the whole run (55)"
    )
    parser.add_argument("--jobs", type=int, default=8, metavar="N", help="checks at the same time (8)")
    parser.add_argument("--list", action="store_true", help="print the checks and the ids that they cover")
    parser.add_argument("--json", action="store_true", help="for programs")
    return parser


def _interop_version(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) < _FIRST_VERSION:
        raise argparse.ArgumentTypeError(
            f"wanted a number from {_FIRST_VERSION} on, as 3 spells Upload-Complete otherwise; found {text!r}"
        )
    return int(text)


def _ids(text: str) -> tuple[str, ...]:
    return tuple(part.strip().upper() for part in text.split(",") if part.strip())


def _header(text: str) -> str:
    name, colon, _ = text.partition(":")
    if not colon or not name.strip() or "\n" in text or "\r" in text:
        raise argparse.ArgumentTypeError(f"wanted 'Name: value', found {text!r}")
    return text
