"""Moments as other programs are told them: RFC 3339, in UTC, to the microsecond.

Belongs here: the form. Not here: what time it is (the database knows), what people at a terminal are shown.
"""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(at: int) -> str:
    """Microseconds since the epoch, as 2026-01-02T03:04:05.678901Z."""
    moment = _EPOCH + timedelta(microseconds=at)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}Z"
