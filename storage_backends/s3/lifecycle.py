"""What a bucket does to our bytes by itself: its lifecycle rules, and what is wrong with them for us.

Belongs here: reading rules, and judging them. Not here: asking for them (control.py).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from storage_backends.base import Doubt

_DAY = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One that is switched on."""

    name: str
    prefix: str
    is_narrowed: bool
    """By tags or sizes."""
    expires: bool
    """It deletes objects, after some days or at a date."""
    aborts_after: int | None
    """Days from the start of a multipart upload."""
    ends_versions: bool
    """It deletes versions that are not the current one."""


def parse_rules(found: Sequence[Mapping[str, Any]]) -> list[Rule]:
    """As GetBucketLifecycleConfiguration tells them; those that are switched off are left out."""
    return [_rule(one) for one in found if one.get("Status") == "Enabled"]


def _rule(found: Mapping[str, Any]) -> Rule:
    narrow = found.get("Filter") or {}
    inner = narrow.get("And", narrow)
    expiration = found.get("Expiration") or {}
    abort = found.get("AbortIncompleteMultipartUpload") or {}
    return Rule(
        name=str(found.get("ID", "without a name")),
        prefix=str(found.get("Prefix", inner.get("Prefix", "")) or ""),
        is_narrowed=any(
            name in inner for name in ("Tag", "Tags", "ObjectSizeGreaterThan", "ObjectSizeLessThan")
        ),
        # Deleting markers of deletion harms nobody.
        expires=bool(expiration.get("Days") or expiration.get("Date")),
        aborts_after=abort.get("DaysAfterInitiation"),
        ends_versions="NoncurrentVersionExpiration" in found,
    )


def doubts(
    rules: Sequence[Rule], prefix: str, *, longest: float | None, is_versioned: bool
) -> Iterator[Doubt]:
    """`longest` is for how many seconds an upload may go on; None is without a limit."""
    ours = [rule for rule in rules if rule.prefix.startswith(prefix) or prefix.startswith(rule.prefix)]
    below = prefix or "(the whole bucket)"
    for rule in ours:
        if rule.expires:
            yield Doubt(
                what=f"lifecycle rule {rule.name!r} deletes objects below {rule.prefix or '(every name)'}, "
                f"where finished uploads are ({below}), behind our back",
                fix="remove the rule, or give uploads a prefix that it does not match (s3_object_prefix)",
            )
        if rule.aborts_after is not None and _is_too_short(rule.aborts_after, longest):
            wanted = "uploads.max_age is without a limit" if longest is None else _at_least(longest)
            yield Doubt(
                what=f"lifecycle rule {rule.name!r} aborts multipart uploads after {rule.aborts_after} days, "
                f"but {wanted}: uploads that take longer are lost",
                fix="let the rule wait longer, or lower uploads.max_age below it",
            )
    whole = [rule for rule in ours if prefix.startswith(rule.prefix) and not rule.is_narrowed]
    if not any(rule.aborts_after is not None for rule in whole):
        days = "more days than any upload takes" if longest is None else f"{_days(longest) + 1} days"
        yield Doubt(
            what=f"no lifecycle rule aborts incomplete multipart uploads below {below}: what is forgotten "
            "while this service is away for ever is paid for ever",
            fix=f"add a rule AbortIncompleteMultipartUpload with DaysAfterInitiation of {days}",
            is_advice=True,
        )
    if is_versioned and not any(rule.ends_versions for rule in whole):
        yield Doubt(
            what="the bucket keeps versions, and no lifecycle rule ends those that are not current: "
            "what is deleted stays, and is paid for",
            fix="add a rule NoncurrentVersionExpiration",
            is_advice=True,
        )


def _is_too_short(days: int, longest: float | None) -> bool:
    return longest is None or days * _DAY < longest


def _at_least(longest: float) -> str:
    return f"uploads may go on for {_days(longest)} days (uploads.max_age)"


def _days(seconds: float) -> int:
    return math.ceil(seconds / _DAY)
