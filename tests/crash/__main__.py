"""`python -m tests.crash`: the crash suite at length, and its table.

    python -m tests.crash                      every case, as often as its entry says
    python -m tests.crash --list
    python -m tests.crash kill hostile         the cases whose names contain a word
    python -m tests.crash kill --runs 200 --seed 7

The exit code is 1 when a promise was broken, or something took longer than it should. Each violation, and
each outcome, is one line of JSON.
"""

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
import traceback
from pathlib import Path

from tests.services.postgres import PostgresMissing, PostgresServer

from .cases import CASES, Case, Place, perform
from .report import Outcome, table


def main() -> int:
    chosen = _arguments()
    cases = [case for case in CASES if not chosen.words or any(word in case.name for word in chosen.words)]
    if chosen.list:
        _say(*(f"{case.long:>6}  {case.name}" for case in cases))
        return 0
    outcomes = [_outcome(case, chosen) for case in cases]
    _say("", table(outcomes))
    return int(any(outcome.violations or outcome.late for outcome in outcomes))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash")
    parser.add_argument("words", nargs="*", help="parts of the names of cases")
    parser.add_argument("--list", action="store_true", help="say what there is")
    parser.add_argument("--runs", type=int, help="instead of each case's own number")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--folder", type=Path, help="where to work; the default is a temporary folder")
    return parser.parse_args()


def _outcome(case: Case, chosen: argparse.Namespace) -> Outcome:
    outcome = Outcome(case=case.name, seed=chosen.seed)
    if reason := case.missing():
        outcome.remarks.append(f"not run: {reason}")
        return outcome
    # Postgres' own user must be able to enter.
    folder = Path(tempfile.mkdtemp(prefix="tusd-py-crash-", dir=chosen.folder))
    folder.chmod(0o755)
    try:
        _perform(case, folder, outcome, chosen.runs or case.long)
    except PostgresMissing as missing:
        outcome.remarks.append(f"not run: {missing}")
    except (Exception, ExceptionGroup) as error:  # noqa: BLE001 - the outermost loop: one case must not end the others
        traceback.print_exc()
        log = (folder / "log").read_text(errors="replace")[-4000:] if (folder / "log").exists() else ""
        outcome.broken("case", f"{type(error).__name__}: {error}; the log ends: {log}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _say(*(violation.as_line() for violation in outcome.violations), *outcome.late, outcome.as_line())
    return outcome


def _perform(case: Case, folder: Path, outcome: Outcome, runs: int) -> None:
    if not case.postgres:
        asyncio.run(perform(case, case.run, Place(folder=folder), outcome, runs))
        return
    with PostgresServer(folder / "postgres") as postgres:
        place = Place(folder=folder, postgres=postgres)
        asyncio.run(perform(case, case.run, place, outcome, runs))


def _say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
