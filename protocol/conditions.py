"""Conditional requests for what never changes under its ETag (RFC 9110, section 13).

Belongs here: whether the conditions of a GET or HEAD hold. Not here: ranges and
If-Range (ranges.py), the answer.
"""

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum

_TAG = re.compile(r'(?P<weak>W/)?"(?P<tag>[\x21\x23-\x7e\x80-\xff]*)"')
"""Section 8.8.3."""


class Condition(StrEnum):
    """What is to be answered."""

    HOLDS = "holds"
    NOT_MODIFIED = "not modified"
    FAILED = "failed"


def evaluate(headers: Mapping[str, str], *, etag: str, modified_at: int) -> Condition:
    """In the order of section 13.2.2. `etag` is strong, with its quotes; `modified_at` in microseconds.

    Dates that are none are ignored, as section 13.1.3 wants it.
    """
    modified = modified_at // 1_000_000
    if (wanted := headers.get("If-Match")) is not None:
        if not _is_among(etag, wanted, weak=False):
            return Condition.FAILED
    elif (date := _date(headers.get("If-Unmodified-Since"))) is not None and modified > date:
        return Condition.FAILED
    if (known := headers.get("If-None-Match")) is not None:
        return Condition.NOT_MODIFIED if _is_among(etag, known, weak=True) else Condition.HOLDS
    if (date := _date(headers.get("If-Modified-Since"))) is not None and modified <= date:
        return Condition.NOT_MODIFIED
    return Condition.HOLDS


def _is_among(etag: str, listed: str, *, weak: bool) -> bool:
    if listed.strip() == "*":
        return True
    return any((weak or not found["weak"]) and f'"{found["tag"]}"' == etag for found in _TAG.finditer(listed))


def _date(text: str | None) -> int | None:
    """Seconds since the epoch."""
    if text is None:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, IndexError, OverflowError):
        return None
    try:
        # HTTP's dates are in GMT, whether or not they say so (section 5.6.7).
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None
