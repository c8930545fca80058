"""Where an upload's bytes go: made once from the template, stored, and never computed again.

Belongs here: filling in the template. Not here: checking it (config/), opening files (storage_backends/).
"""

from datetime import UTC, datetime
from urllib.parse import quote


def make_key(
    template: str, *, tenant: str, user_id: str, file_id: str, upload_id: str, created_at: float
) -> str:
    """`created_at` in seconds since the epoch. An empty tenant leaves no empty folder behind."""
    day = datetime.fromtimestamp(created_at, UTC)
    key = template.format(
        tenant=_escaped(tenant),
        user_id=_escaped(user_id),
        yyyy=f"{day:%Y}",
        mm=f"{day:%m}",
        dd=f"{day:%d}",
        file_id=file_id,
        upload_id=upload_id,
    )
    return "/".join(part for part in key.split("/") if part)


def _escaped(name: str) -> str:
    """A name as one path element that is neither hidden nor special, and holds no `~` (see refs.py).

    A long one keeps its beginning only as far as it stays a legal file name with room for its hash-free
    uniqueness: names above 80 characters are refused where identities are made.
    """
    return quote(name, safe="").replace(".", "%2E").replace("~", "%7E")
