"""Conditions on files that have no words in them: whose they are, what they are, how they are.

Belongs here: these, as SQL and its parameters. Not here: words (full_text.py), dates (spans.py).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import LiteralString

from protocol.upload import Status, Verdict

from .jobs import NEVER
from .wanted import Params, Served, Wanted

_TYPE = "lower(coalesce(v.sniffed_type, v.declared_type, 'application/octet-stream'))"
_STATUS = """
    CASE WHEN v.lost <> 0 THEN 'failed'
         WHEN v.released_by IS NOT NULL
              OR CAST(:served AS TEXT) LIKE '%,' || v.verdict || ',%'
              OR (CAST(:served_to_owner AS TEXT) LIKE '%,' || v.verdict || ',%'
                  AND f.tenant = :reader_tenant AND f.owner = :reader) THEN 'ready'
         WHEN v.verdict IN ('infected', 'unscannable') THEN 'quarantined'
         ELSE CASE (SELECT max(CASE WHEN j.due_at >= CAST(:never AS BIGINT) THEN 1 ELSE 2 END)
                    FROM jobs j WHERE j.subject = v.upload_id AND j.consumer IN ('scan', 'rescan'))
              WHEN 1 THEN 'failed' WHEN 2 THEN 'scanning' ELSE 'uploaded' END END
"""
_IS_TYPE = rf"({_TYPE} = :mime_type OR {_TYPE} LIKE CAST(:types AS TEXT) ESCAPE '\')"


def whose(wanted: Wanted) -> LiteralString:
    """Of one owner, or of a tenant."""
    return "f.tenant = :tenant" if wanted.owner is None else "f.tenant = :tenant AND f.owner = :owner"


def owner_params(wanted: Wanted) -> Params:
    """Of `whose`."""
    return {"tenant": wanted.tenant, "owner": wanted.owner}


def has_filters(wanted: Wanted) -> bool:
    """It asks for more than whose they are."""
    return bool(wanted.mime_type or wanted.statuses or wanted.verdicts)


def without_filters(wanted: Wanted) -> Wanted:
    """The same without what `has_filters` speaks of."""
    return replace(wanted, mime_type=None, statuses=frozenset(), verdicts=frozenset())


def filters(wanted: Wanted) -> Iterator[LiteralString]:
    """All of which must hold, of a file f and its version v."""
    if wanted.mime_type:
        yield _IS_TYPE
    if wanted.verdicts:
        yield f"v.verdict IN ({_quoted(wanted.verdicts)})"
    if wanted.statuses:
        yield f"{_STATUS} IN ({_quoted(wanted.statuses)})"


def filter_params(wanted: Wanted, served: Served) -> Params:
    """Of `filters`."""
    params: Params = {}
    if wanted.mime_type:
        params |= {"mime_type": wanted.mime_type, "types": _pattern(wanted.mime_type)}
    if wanted.statuses:
        params |= {
            "served": _listed(served.verdicts),
            "served_to_owner": _listed(served.verdicts_to_owner),
            "reader_tenant": served.reader[0],
            "reader": served.reader[1],
            "never": NEVER,
        }
    return params


def _quoted(words: Iterable[Status] | Iterable[Verdict]) -> LiteralString:
    """Members of an enumeration of ours, never what somebody sent."""
    return ", ".join(f"'{word.value}'" for word in sorted(words))


def _listed(verdicts: frozenset[Verdict]) -> str:
    return f",{','.join(sorted(verdicts))},"


def _pattern(mime_type: str) -> str:
    """Also with parameters behind it; all of a kind for "image/*"."""
    family = mime_type.removesuffix("*")
    escaped = re.sub(r"([\\%_])", r"\\\1", family)
    return escaped + ("%" if family != mime_type else ";%")
