"""Finding files among many: pages in the order of their creation.

A page is looked for in two steps. First among the next few thousand files of that order: a common word fills
a page there at once, whatever the index would say of it. What does not is rare, and asked of the full-text
index (FTS5, or GIN over a tsvector), from where the first step ended. So neither step meets a great many
files, and no statistics of the database decide which way is taken.

Filters have no index of their own. Without words, or with words that many files have, one request looks at a
bounded number of files, and its page may be short, or empty, while there is a next one.

Belongs here: which way a page is looked for. Not here: one file (catalogue.py), the question (wanted.py), its
conditions (spans.py, filters.py, full_text.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import LiteralString

from .catalogue import COLUMNS, File, to_file
from .cursors import Place, cursor_of
from .database import Database, Query
from .filters import filter_params, filters, has_filters, owner_params, whose, without_filters
from .full_text import (
    HITS_OF_POSTGRES,
    HITS_OF_SQLITE,
    INDEXED_PREFIX,
    NOT_TAKEN_IN,
    contained,
    contains,
    fts5,
    mark_of,
    tsquery,
)
from .spans import Span, order_of, span_of
from .wanted import Params, Served, Wanted

NEAR = 2_000
"""Files that are looked at for words before the index is asked."""
FAR = 20_000
"""Files that one request looks at for filters."""
_COMMON_FROM = 50
"""A word is common that one of so many files has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Files in the order that was asked for."""

    files: Sequence[File]
    next: str | None
    """The cursor behind the last one; None when there is certainly nothing more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hits:
    """Where files are found, and what must hold of them beside the span and the filters."""

    table: LiteralString
    conditions: Sequence[LiteralString] = ()
    params: Params = field(default_factory=dict)


class Search:
    """Pages of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, wanted: Wanted, served: Served, *, cursor: str | None, limit: int) -> Page:
        """The next files behind `cursor`, at most `limit`. Raises BadCursor."""
        span = span_of(wanted, cursor)
        if not wanted.words and not wanted.tags:
            return await self._filtered(wanted, served, span, limit)
        end = await self._place_behind(wanted, span, NEAR)
        near = span if end is None else span.up_to(end)
        found = await self._among(wanted, served, near, limit + 1)
        if end is None or len(found) > limit:
            return _page(found, limit)
        if has_filters(wanted):
            unfiltered = await self._among(without_filters(wanted), served, near, limit + 1)
            if len(unfiltered) > limit:
                # It is the filters that few pass; of such words the index would name a great many files.
                return await self._filtered(wanted, served, span, limit)
        found += await self._by_index(wanted, served, near, span.behind(end), limit + 1 - len(found))
        return _page(found, limit)

    async def _filtered(self, wanted: Wanted, served: Served, span: Span, limit: int) -> Page:
        if not has_filters(wanted):
            return _page(await self._among(wanted, served, span, limit + 1), limit)
        end = await self._place_behind(wanted, span, FAR)
        near = span if end is None else span.up_to(end)
        found = await self._among(wanted, served, near, limit + 1)
        if end is None or len(found) > limit:
            return _page(found, limit)
        return Page(files=found, next=cursor_of(end))

    async def _place_behind(self, wanted: Wanted, span: Span, count: int) -> Place | None:
        """The file that `count` others stand before; None when there are fewer."""
        text = f"""
            SELECT f.created_at, f.file_id FROM files f
            WHERE {span.sql} AND {whose(wanted)}
            {order_of(wanted)} LIMIT 1 OFFSET CAST(:count AS BIGINT)
        """
        params = {**span.params, **owner_params(wanted), "count": count - 1}
        rows = await self._database.browse(Query(text, params))
        return Place(created_at=rows[0]["created_at"], id=rows[0]["file_id"]) if rows else None

    async def _among(self, wanted: Wanted, served: Served, span: Span, limit: int) -> list[File]:
        """Those of a span, looked at one by one in its order."""
        if not wanted.words and not wanted.tags:
            hits = _Hits(table="files f")
        elif self._database.name == "postgres":
            match: LiteralString = "f.search @@ CAST(CAST(:query AS TEXT) AS tsquery)"
            hits = _Hits(table="files f", conditions=(match,), params={"query": tsquery(wanted)})
        else:
            hits = _Hits(table="files f", conditions=contains(wanted), params=contained(wanted))
        return await self._shown(wanted, served, span, limit, hits)

    async def _by_index(
        self, wanted: Wanted, served: Served, near: Span, span: Span, limit: int
    ) -> list[File]:
        """Those of a span, as the full-text index names them; `near` is the one before it."""
        if self._database.name == "postgres":
            hits = _Hits(table=HITS_OF_POSTGRES, params={"query": tsquery(wanted, mark_of(wanted))})
            return await self._shown(wanted, served, span, limit, hits)
        common = await self._common(wanted, near)
        hits = _Hits(
            table=HITS_OF_SQLITE,
            # What the index is asked in full need not be looked at once more.
            conditions=("s.search MATCH :query", *(contains(wanted) if common else ())),
            params={**(contained(wanted) if common else {}), "query": fts5(wanted, common)},
        )
        # These first: one that is taken in meanwhile is found twice, and not never.
        waiting = await self._not_taken_in(wanted, served, span, limit)
        found = await self._shown(wanted, served, span, limit, hits)
        return _merged(waiting, found, wanted)[:limit]

    async def _not_taken_in(self, wanted: Wanted, served: Served, span: Span, limit: int) -> list[File]:
        """Those of a span that the index does not name yet."""
        conditions = ("f.seq IS NULL", *contains(wanted))
        hits = _Hits(table=NOT_TAKEN_IN, conditions=conditions, params=contained(wanted))
        return await self._shown(wanted, served, span, limit, hits)

    async def _shown(self, wanted: Wanted, served: Served, span: Span, limit: int, hits: _Hits) -> list[File]:
        """First which, then what is shown of them.

        So neither what would be shown of hits that are on no page is gathered, nor can a database without
        statistics think of joining everything before it looks at the limit.
        """
        versions = "JOIN versions v ON v.file_id = f.file_id AND v.n = f.version"
        conditions = (span.sql, whose(wanted), *filters(wanted), *hits.conditions)
        order = order_of(wanted)
        text = f"""
            SELECT {COLUMNS}
            FROM (SELECT f.file_id AS hit FROM {hits.table} {versions if has_filters(wanted) else ""}
                  WHERE {" AND ".join(conditions)}
                  {order} LIMIT CAST(:limit AS BIGINT)) h
            JOIN files f ON f.file_id = h.hit {versions}
            {order}
        """
        params = {**span.params, **owner_params(wanted), **filter_params(wanted, served), **hits.params}
        rows = await self._database.browse(Query(text, {**params, "limit": limit}))
        return [to_file(row) for row in rows]

    async def _common(self, wanted: Wanted, near: Span) -> frozenset[str]:
        """Which of several words many files have, by those that were just looked at."""
        slow = [asked.word for asked in wanted.words if asked.is_prefix and len(asked.word) > INDEXED_PREFIX]
        if len(wanted.words) + len(wanted.tags) == 1 or not slow:
            # A single word that many had would have filled the page.
            return frozenset()
        counts = ", ".join(
            f"sum(instr(' ' || f.words, :s{number}) > 0) AS c{number}" for number in range(len(slow))
        )
        (row,) = await self._database.browse(
            Query(
                f"SELECT count(*) AS files, {counts} FROM files f WHERE {near.sql} AND {whose(wanted)}",
                {
                    **near.params,
                    **owner_params(wanted),
                    **{f"s{n}": f" {word}" for n, word in enumerate(slow)},
                },
            )
        )
        return frozenset(
            word for n, word in enumerate(slow) if (row[f"c{n}"] or 0) * _COMMON_FROM > row["files"]
        )


def _merged(some: list[File], others: list[File], wanted: Wanted) -> list[File]:
    """Each once, in the order that was asked for."""
    if not some:
        return others
    found = {file.file_id: file for file in (*some, *others)}
    return sorted(
        found.values(), key=lambda file: (file.created_at, file.file_id), reverse=not wanted.oldest_first
    )


def _page(found: list[File], limit: int) -> Page:
    files = found[:limit]
    more = len(found) > limit
    return Page(
        files=files,
        next=cursor_of(Place(created_at=files[-1].created_at, id=files[-1].file_id)) if more else None,
    )
