"""Dates in headers (RFC 9110, 5.6.7)."""

from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache

_MICROSECONDS = 1_000_000


def http_date(microseconds: int) -> str:
    """IMF-fixdate of a time since the epoch, in English whatever the locale.

    Rounded down: what is promised until then lasts at least until then.
    """
    return _date(microseconds // _MICROSECONDS)


@lru_cache(maxsize=64)
def _date(seconds: int) -> str:
    # What is created within one second expires within one second.
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)
