"""Scripts that advance together: what several of them say in the same words is said once.

What is around a statement (a cursor or a round trip, its parameters, a turn of the generator) costs as much
as many a statement itself. Drivers have it once for all of a batch.

Only for scripts that read nothing (`Database.transact`): then it makes no difference that their statements
come in turn, instead of one script after the other.

Belongs here: advancing them. Not here: saying what they say (sqlite_in_step.py, postgres_pool.py),
transactions (sqlite_writer.py, postgres_in_step.py), which scripts these are (uploads.py).
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString, TypeAlias

from .database import Query, Row, Script

FEWEST = 2
"""Scripts for which this is worth it."""


class OutOfStep(Exception):
    """One of them did not change what it wanted to, or wants to read: run them one after the other."""


@dataclass(frozen=True, slots=True)
class Many:
    """One statement, to be run for each of `params` in their order."""

    sql: LiteralString
    params: Sequence[Mapping[str, Any]]


InStep: TypeAlias = Generator[Many, Sequence[list[Row]], list[Any]]
"""Sent the rows that each of the parameters gave; its end are the results of the scripts."""


def in_step(scripts: Sequence[Script[Any]]) -> InStep:
    """All of them, in the transaction that is open, which is to be undone when anything raises.

    Raises what scripts raise.
    """
    results: list[Any] = [None] * len(scripts)
    try:
        said = [(place, next(script)) for place, script in enumerate(scripts)]
        while said:
            heard: list[tuple[int, list[Row]]] = []
            for places, many in _in_the_same_words(said):
                heard += zip(places, (yield many), strict=True)
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


def _in_the_same_words(said: Sequence[tuple[int, Query]]) -> Iterator[tuple[Sequence[int], Many]]:
    same: dict[LiteralString, list[tuple[int, Query]]] = {}
    for place, query in said:
        same.setdefault(query.sql, []).append((place, query))
    for sql, queries in same.items():
        yield [place for place, _ in queries], Many(sql, [query.params for _, query in queries])
