"""Prints the pages of the documentation that are tables of this package.

    python -m protocol.states             docs/states.md
    python -m protocol.states --errors    docs/errors.md

Belongs here: turning tables into Markdown. Not here: the tables (upload.py, errors.py).
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import groupby, product

from .errors import ProtocolError, leaves
from .upload import GONE, TRANSFERS, VERDICTS, ScanJob, Status, Transfer, Verdict, status_of

_Case = tuple[Transfer, bool, bool, Verdict, ScanJob]

_COLUMNS = ("transfer", "released", "served by policy", "verdict", "scan job", "status")

_STATES = """\
# States

Printed by `python -m protocol.states` from the tables in `protocol/upload.py`; a test compares.

## Transfer of an upload

Where the bytes are. A step that is not drawn is refused and changes nothing.

{transfers}
The client is told that its upload is complete from `completing` on: all bytes are durable then.
Of a final upload, and of one that is still to be compared with its Repr-Digest, from `stored` on.
The row outlives every end for a while, so that clients hear 410 instead of 404.

## Verdict of a version

What a scanner said. A new scan replaces a verdict only when it has one itself.

{verdicts}
## What people see

Derived from all of it, in one place; "any" means that it makes no difference.

{statuses}"""

_ERRORS = """\
# Errors

Printed by `python -m protocol.states --errors` from `protocol/errors.py`; a test compares.

To clients of tus the body of a refusal is `CODE: text`, in plain text; to those of the IETF's draft, of the
API and of downloads it is `application/problem+json` with `code` and `detail`, and to browsers that follow a
link a small page. The text often says more than here: what was found, and what was wanted. Codes are tusd's
where tusd has one. What will never work is 4xx, because clients retry 5xx. Retry-After is in seconds.

{errors}"""


def states_page() -> str:
    """docs/states.md."""
    return _STATES.format(transfers=_transfers(), verdicts=_verdicts(), statuses=_statuses())


def errors_page() -> str:
    """docs/errors.md."""
    columns = ("Code", "Status", "Text", "Retry-After")
    return _ERRORS.format(errors=_table(columns, (_error_row(error) for error in leaves())))


def _transfers() -> str:
    arrows = [f"{before} --> {after}: {step}" for (before, step), after in TRANSFERS.items()]
    ends = [f"{end} --> [*]" for end in Transfer if end in GONE]
    return _diagram([*(f"[*] --> {start}" for start in _starts()), *arrows, *ends])


def _starts() -> Iterator[Transfer]:
    """States that no other state leads to."""
    reached = {after for (before, _), after in TRANSFERS.items() if before is not after}
    return (state for state in Transfer if state not in reached)


def _verdicts() -> str:
    arrows = [
        f"{before} --> {after}: scan"
        for before, possible in VERDICTS.items()
        for after in Verdict
        if after in possible and after is not before
    ]
    return _diagram([f"[*] --> {Verdict.UNKNOWN}", *arrows])


def _diagram(lines: Iterable[str]) -> str:
    drawn = "".join(f"    {line}\n" for line in lines)
    return f"```mermaid\nstateDiagram-v2\n{drawn}```\n"


def _statuses() -> str:
    cases = list(product(Transfer, (True, False), (True, False), Verdict, ScanJob))
    return _table(_COLUMNS, _status_rows(cases, 0))


def _status_rows(cases: list[_Case], decided: int) -> Iterator[list[str]]:
    """One row if the first `decided` columns settle the status; else the rows for each value of the next."""
    seen = {_status(case) for case in cases}
    if len(seen) == 1:
        open_columns = len(cases[0]) - decided
        yield [*(_word(value) for value in cases[0][:decided]), *["any"] * open_columns, *seen]
        return
    for _, group in groupby(cases, key=lambda case: case[decided]):
        yield from _status_rows(list(group), decided + 1)


def _status(case: _Case) -> Status:
    transfer, released, served, verdict, scan = case
    return status_of(transfer, verdict, scan, served=served, released=released)


def _word(value: StrEnum | bool) -> str:
    if isinstance(value, StrEnum):
        return value
    return "yes" if value else "no"


def _error_row(error: type[ProtocolError]) -> list[str]:
    text = (error.__doc__ or "").strip()
    retry_after = "" if error.retry_after is None else str(error.retry_after)
    return [f"`{error.code}`", str(error.status), text, retry_after]


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (columns, ["---"] * len(columns), *rows))


if __name__ == "__main__":
    sys.stdout.write(errors_page() if "--errors" in sys.argv[1:] else states_page())
