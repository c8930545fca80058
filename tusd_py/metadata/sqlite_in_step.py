"""Scripts that advance together, in SQLite: `executemany`.

Belongs here: their statements. Not here: the scripts (in_step.py), transactions (sqlite_writer.py).
"""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

from .database import Row, Script
from .in_step import Many, OutOfStep, in_step
from .statements import for_sqlite


def run_in_step(
    connection: sqlite3.Connection, scripts: Sequence[Script[Any]], clock: Callable[[], int]
) -> list[Any]:
    """Their results, in their order. Raises OutOfStep, sqlite3.Error, and what scripts raise.

    In the transaction that is open, which is to be undone when it raises.
    """
    with closing(in_step(scripts)) as together:
        try:
            many = next(together)
            while True:
                many = together.send(_run(connection, many, clock()))
        except StopIteration as end:
            results: list[Any] = end.value
            return results


def _run(connection: sqlite3.Connection, many: Many, now: int) -> Sequence[list[Row]]:
    statement = for_sqlite(many.sql)
    if not statement.is_blind:
        raise OutOfStep
    values = [statement.values(params, now) for params in many.params]
    cursor = connection.executemany(statement.text, values)
    if statement.tells_at and cursor.rowcount != len(values):
        raise OutOfStep
    rows: list[Row] = [{"at": now}] if statement.tells_at else []
    return [rows] * len(values)
