"""Stretches of the order in which files were created.

Belongs here: where one begins and ends, as SQL too. Not here: what is looked for in it (search.py).
"""

from dataclasses import dataclass, replace
from typing import LiteralString

from .cursors import Place, parse_cursor
from .wanted import Params, Wanted

_LAST_ID = "g"
"""Behind every id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of the order of creation, from `low` to `high`."""

    low: Place
    high: Place
    with_low: bool = False
    """`low` itself is in it."""
    with_high: bool = False
    oldest_first: bool

    @property
    def sql(self) -> LiteralString:
        return f"""
            (f.created_at, f.file_id) {">=" if self.with_low else ">"}
                (CAST(:low_at AS BIGINT), CAST(:low_id AS TEXT))
            AND (f.created_at, f.file_id) {"<=" if self.with_high else "<"}
                (CAST(:high_at AS BIGINT), CAST(:high_id AS TEXT))
        """

    @property
    def params(self) -> Params:
        return {
            "low_at": self.low.created_at,
            "low_id": self.low.id,
            "high_at": self.high.created_at,
            "high_id": self.high.id,
        }

    def up_to(self, end: Place) -> "Span":
        """From where it begins to `end`, which is the last one in it."""
        if self.oldest_first:
            return replace(self, high=end, with_high=True)
        return replace(self, low=end, with_low=True)

    def behind(self, end: Place) -> "Span":
        """What comes after `end`."""
        return replace(self, low=end) if self.oldest_first else replace(self, high=end)


def span_of(wanted: Wanted, cursor: str | None) -> Span:
    """What is asked for, from behind `cursor` on. Raises BadCursor."""
    span = Span(
        low=Place(created_at=wanted.created_from - 1, id=_LAST_ID),
        high=Place(created_at=wanted.created_before, id=""),
        oldest_first=wanted.oldest_first,
    )
    if cursor is None:
        return span
    place = parse_cursor(cursor)
    if wanted.oldest_first:
        return replace(span, low=max(span.low, place))
    return replace(span, high=min(span.high, place))


def order_of(wanted: Wanted) -> LiteralString:
    """From its beginning to its end."""
    if wanted.oldest_first:
        return "ORDER BY f.created_at, f.file_id"
    return "ORDER BY f.created_at DESC, f.file_id DESC"
