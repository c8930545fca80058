"""What the commands print: lines of cells, moments.

Belongs here: the form that all of them have. Not here: what each one says.
"""

import sys
from collections.abc import Iterable
from datetime import UTC, datetime

from tusd_py.masking import escape_controls


def say(line: str) -> None:
    """On standard output."""
    sys.stdout.write(line + "\n")


def as_line(cells: Iterable[str | None]) -> str:
    """Cells with tabs between; a dash where there is nothing, and nothing that a terminal would obey."""
    return "\t".join(escape_controls(cell or "-") for cell in cells)


def as_moment(microseconds: int | None) -> str | None:
    """Since the epoch, to the second."""
    if microseconds is None:
        return None
    return datetime.fromtimestamp(microseconds / 1e6, UTC).isoformat(timespec="seconds")
