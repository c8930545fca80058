"""The command: which cases, how much, and where the results go.

Belongs here: words on the command line. Not here: measuring.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from . import machine
from .cases.case import Options
from .cases.every import CASES
from .rounds import Result, run_case
from .subjects.postgres import Postgres
from .table import table
from .units import GIB, MIB, parse_size, size_text

_USUAL: Mapping[str, Any] = {
    "rounds": 3,
    "length": 256 * MIB,
    "connections": 4,
    "clients": 32,
    "seconds": 3.0,
    "idle": 10_000,
    "slow": 2_000,
    "slow_seconds": 12.0,
    "rows": 1_000_000,
    "memory": Path("/dev/shm"),  # noqa: S108 - where tmpfs is on Linux; folders made in it are private
    "disk": Path("/var/tmp"),  # noqa: S108 - likewise, for what is larger or lives longer
}
_QUICK: Mapping[str, Any] = {
    **_USUAL,
    "rounds": 1,
    "length": 64 * MIB,
    "seconds": 1.0,
    "idle": 1_000,
    "slow": 200,
    "slow_seconds": 4.0,
    "rows": 20_000,
}
_TOUCHED = 3 * GIB
_TOUCHED_QUICKLY = GIB // 4


def main(words: Sequence[str] | None = None) -> int:
    """Returns the exit status: 1 when nothing could be measured."""
    parser = _parser()
    chosen = parser.parse_args(words)
    if chosen.list:
        _say_cases()
        return 0
    unknown = set(chosen.cases) - {case.name for case in CASES}
    if unknown:
        parser.error(f"no case is named {', '.join(sorted(unknown))}; --list names them")
    results = _measure(chosen)
    if chosen.json:
        chosen.json.write_text(_json(results), encoding="utf-8")
    if chosen.plot:
        from .plot import plot_all  # noqa: PLC0415 - matplotlib is wanted for this only

        plot_all(results, chosen.plot)
    return 0 if any(result.readings for result in results) else 1


def _measure(chosen: argparse.Namespace) -> list[Result]:
    machine.allow_many_files()
    cases = [case for case in CASES if not chosen.cases or case.name in chosen.cases]
    with ExitStack() as lasting:
        options = _options(chosen, lasting)
        touched = machine.touch(options.memory, _TOUCHED_QUICKLY if chosen.quick else _TOUCHED)
        _say(f"touched {size_text(touched)} of {options.memory}")
        _print(machine.heading(_said(options)) + "\n")
        results = []
        for case in cases:
            results.append(run_case(case, options, _say, chosen.only))
            _print(table(results[-1]))
    return results


def _options(chosen: argparse.Namespace, lasting: ExitStack) -> Options:
    words: dict[str, Any] = dict(_QUICK if chosen.quick else _USUAL)
    words |= {name: value for name in words if (value := getattr(chosen, name)) is not None}
    return Options(**words, lasting=lasting, postgres=Postgres(lasting, words["disk"]))


def _said(options: Options) -> str:
    return (
        f"{options.rounds} alternated rounds: medians with their range; ratios are medians of the rounds' "
        f"ratios. Large uploads: {options.connections} x {size_text(options.length)}; small ones: "
        f"4 KiB from {options.clients} connections for {options.seconds:g} s. Idle connections: "
        f"{options.idle}; slow clients: {options.slow}; rows of the full catalogue: {options.rows}."
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure this server beside others and beside the machine's floor.",
    )
    parser.add_argument("cases", nargs="*", metavar="CASE", help="which cases; all when none is named")
    parser.add_argument("--list", action="store_true", help="name the cases and what they mean")
    parser.add_argument("--quick", action="store_true", help="one small round of each: does it work?")
    parser.add_argument("--only", default="", metavar="TEXT", help="only contenders whose name has this text")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds")
    parser.add_argument("--size", dest="length", type=parse_size, metavar="SIZE", help="of a large upload")
    parser.add_argument("--connections", type=int, metavar="N", help="that send large uploads at once")
    parser.add_argument("--clients", type=int, metavar="N", help="that send small uploads at once")
    parser.add_argument("--seconds", type=float, metavar="S", help="of small uploads")
    parser.add_argument("--idle", type=int, metavar="N", help="idle connections")
    parser.add_argument("--slow", type=int, metavar="N", help="slow clients")
    parser.add_argument("--slow-seconds", type=float, metavar="S", help="for which they are slow")
    parser.add_argument("--rows", type=int, metavar="N", help="uploads in the full catalogue")
    parser.add_argument("--memory", type=Path, metavar="DIR", help="a folder on tmpfs")
    parser.add_argument("--disk", type=Path, metavar="DIR", help="a folder on a disk")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every reading there")
    parser.add_argument("--plot", type=Path, metavar="DIR", help="draw a plot of each case there")
    return parser


def _say_cases() -> None:
    for case in CASES:
        _print(f"{case.name:<12}{case.meaning}")


def _json(results: Sequence[Result]) -> str:
    cases = {
        result.case.name: {"readings": dict(result.readings), "missing": dict(result.missing)}
        for result in results
    }
    return json.dumps({"machine": machine.describe(), "cases": cases}, indent=1) + "\n"


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
