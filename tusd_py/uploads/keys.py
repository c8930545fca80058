"""Where an upload's bytes go: made once from the template, stored, and never computed again.

Belongs here: filling in the template. Not here: checking it (config/), opening files (storage_backends/).
"""

from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import quote

_DAY = 24 * 3600
"""Seconds."""


def make_key(
    template: str, *, tenant: str, user_id: str, file_id: str, upload_id: str, created_at: float
) -> str:
    """`created_at` in seconds since the epoch. An empty tenant leaves no empty folder behind."""
    year, month, day = _date(int(created_at // _DAY))
    key = template.format(
        tenant=_escaped(tenant),
        user_id=_escaped(user_id),
        yyyy=year,
        mm=month,
        dd=day,
        file_id=file_id,
        upload_id=upload_id,
    )
    return "/".join(part for part in key.split("/") if part)


@lru_cache(maxsize=4)
def _date(days: int) -> tuple[str, str, str]:
    """Of so many days since the epoch."""
    date = datetime.fromtimestamp(days * _DAY, UTC)
    return f"{date:%Y}", f"{date:%m}", f"{date:%d}"


@lru_cache(maxsize=1024)
def _escaped(name: str) -> str:
    """A name as one path element that is neither hidden nor special, and holds no `~` (see refs.py).

    A long one keeps its beginning only as far as it stays a legal file name with room for its hash-free
    uniqueness: names above 80 characters are refused where identities are made.
    """
    return quote(name, safe="").replace(".", "%2E").replace("~", "%7E")
