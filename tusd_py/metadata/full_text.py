"""Words, as each database asks for them.

Belongs here: the language of each index. Not here: cutting texts into words (words.py), pages (search.py).
"""

from typing import LiteralString

from .wanted import Params, Wanted
from .words import Asked, owner_mark, tag_mark, tenant_mark

INDEXED_PREFIX = 3
"""Letters of a prefix that FTS5 keeps files for (the schema says so)."""

# MATERIALIZED: the planner must not walk the order of creation and test each file instead.
HITS_OF_POSTGRES = """
    (WITH hits AS MATERIALIZED (
         SELECT file_id, version, tenant, owner, created_at
         FROM files WHERE search @@ CAST(CAST(:query AS TEXT) AS tsquery))
     SELECT * FROM hits) f
"""
# CROSS: the index is asked first, whatever SQLite thinks of its costs.
HITS_OF_SQLITE = "search s CROSS JOIN files f ON f.seq = s.rowid"
# What the index was not given yet; SQLite would rather walk the order of creation.
NOT_TAKEN_IN = "files f INDEXED BY files_not_taken_in"


def tsquery(wanted: Wanted, *marks: str) -> str:
    """For Postgres; words have no sign that would need an escape."""
    words = [f"'{asked.word}':*" if asked.is_prefix else f"'{asked.word}'" for asked in wanted.words]
    return " & ".join([*words, *(f"'{mark}'" for mark in (*marks, *map(tag_mark, wanted.tags)))])


def fts5(wanted: Wanted, common: frozenset[str]) -> str:
    """For FTS5, which gathers all files of a long prefix before it gives out the first.

    So of one that many have only what the prefix index knows is asked; the rest is looked at.
    """
    words = [_phrase(asked, common) for asked in wanted.words]
    return " AND ".join([*words, *(f'"{mark}"' for mark in (mark_of(wanted), *map(tag_mark, wanted.tags)))])


def _phrase(asked: Asked, common: frozenset[str]) -> str:
    if not asked.is_prefix:
        return f'"{asked.word}"'
    return f'"{asked.word[:INDEXED_PREFIX] if asked.word in common else asked.word}"*'


def mark_of(wanted: Wanted) -> str:
    """What keeps the index from naming files of others."""
    return tenant_mark(wanted.tenant) if wanted.owner is None else owner_mark(wanted.tenant, wanted.owner)


def contains(wanted: Wanted) -> list[LiteralString]:
    """For SQLite: conditions on a file's words."""
    return [f"instr(' ' || f.words || ' ', :w{number}) > 0" for number in range(len(contained(wanted)))]


def contained(wanted: Wanted) -> Params:
    """What `contains` looks for."""
    words = [f" {asked.word}" if asked.is_prefix else f" {asked.word} " for asked in wanted.words]
    marks = [f" {tag_mark(tag)} " for tag in wanted.tags]
    return {f"w{number}": text for number, text in enumerate((*words, *marks))}
