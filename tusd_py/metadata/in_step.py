"""Scripts of SQLite that advance together: what several of them say in the same words is said once.

What is around a statement (a cursor, its parameters, a turn of the generator) costs as much as many a
statement itself. `executemany` has it once for all of a batch.

Only for scripts that read nothing (`Database.transact`): then it makes no difference that their statements
come in turn, instead of one script after the other.

Belongs here: advancing them. Not here: transactions (sqlite_writer.py), which scripts these are (uploads.py).
"""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from .database import Query, Row, Script
from .statements import for_sqlite

FEWEST = 2
"""Scripts for which this is worth it."""


class OutOfStep(Exception):
    """One of them did not change what it wanted to, or wants to read: run them one after the other."""


def run_in_step(
    connection: sqlite3.Connection, scripts: Sequence[Script[Any]], clock: Callable[[], int]
) -> list[Any]:
    """Their results, in their order. Raises OutOfStep, sqlite3.Error, and what scripts raise.

    In the transaction that is open, which is to be undone when it raises.
    """
    results: list[Any] = [None] * len(scripts)
    try:
        said = [(place, next(script)) for place, script in enumerate(scripts)]
        while said:
            heard = _said(connection, said, clock)
            said = []
            for place, rows in heard:
                try:
                    said.append((place, scripts[place].send(rows)))
                except StopIteration as end:
                    results[place] = end.value
    finally:
        for script in scripts:
            script.close()
    return results


def _said(
    connection: sqlite3.Connection, said: Sequence[tuple[int, Query]], clock: Callable[[], int]
) -> list[tuple[int, list[Row]]]:
    """Run the statements that scripts stand at; for each its rows."""
    same: dict[str, list[tuple[int, Query]]] = {}
    for place, query in said:
        same.setdefault(query.sql, []).append((place, query))
    heard: list[tuple[int, list[Row]]] = []
    for sql, queries in same.items():
        rows = _run(connection, sql, [query for _, query in queries], clock())
        heard += [(place, rows) for place, _ in queries]
    return heard


def _run(connection: sqlite3.Connection, sql: str, queries: Sequence[Query], now: int) -> list[Row]:
    statement = for_sqlite(sql)
    if not statement.is_blind:
        raise OutOfStep
    values = [statement.values(query.params, now) for query in queries]
    cursor = connection.executemany(statement.text, values)
    if not statement.tells_at:
        return []
    if cursor.rowcount != len(queries):
        raise OutOfStep
    return [{"at": now}]
