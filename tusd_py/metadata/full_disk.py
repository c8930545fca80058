"""A full disk under the rows: SQLite's own, or what it says of the disk.

Belongs here: telling that from other failures, and what the operator hears. Not here: room for uploads
(storage_backends).
"""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from tusd_py.errors import Refused

from .database import DatabaseError

HINT = (
    "the disk is full: make room on it by something else than tusd-py (docs/operations.md), and start again"
)
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_PRIMARY = 0xFF
"""Of an extended result code, the part that says what kind it is (sqlite.org/rescode.html)."""


def is_full(problem: BaseException | None) -> bool:
    """There was no room for what had to be written."""
    while problem is not None:
        if isinstance(problem, OSError) and problem.errno in _FULL:
            return True
        if isinstance(problem, sqlite3.Error) and _code(problem) & _PRIMARY == sqlite3.SQLITE_FULL:
            return True
        problem = problem.__cause__
    return False


@contextmanager
def told_when_full() -> Iterator[None]:
    """Around what an operator started: a full disk is no accident. Raises Refused.

    Not around a worker that a supervisor started: one that is refused ends all of them.
    """
    try:
        yield
    except DatabaseError as problem:
        if not is_full(problem):
            raise
        raise Refused(f"the database cannot be written to: {problem}", hint=HINT) from problem


def _code(problem: sqlite3.Error) -> int:
    """0 for the module's own complaints, which have none."""
    return getattr(problem, "sqlite_errorcode", 0)
