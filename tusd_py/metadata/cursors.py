"""Cursors of lists in the order of creation.

Belongs here: places in that order, and their opaque form. Not here: the cursors of events (event_log.py).
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

from .upload_row import FOREVER

_CURSOR = re.compile(r"([0-9]{1,19})\.([0-9a-f]{32})", re.ASCII)


class BadCursor(ValueError):
    """The cursor is none that came with a page."""


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Place:
    """Where a row stands."""

    created_at: int
    id: str


FIRST = Place(created_at=FOREVER, id="")
"""Before the newest."""


def parse_cursor(text: str) -> Place:
    """Raises BadCursor."""
    try:
        said = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
    except ValueError:
        said = ""
    found = _CURSOR.fullmatch(said)
    if found is not None and int(found[1]) <= FOREVER:
        place = Place(created_at=int(found[1]), id=found[2])
        if cursor_of(place) == text:
            return place
    raise BadCursor("it is none that came with a page")


def cursor_of(place: Place) -> str:
    """What `parse_cursor` reads."""
    return urlsafe_b64encode(f"{place.created_at}.{place.id}".encode()).rstrip(b"=").decode()
