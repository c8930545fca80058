"""What the query of a request says, read strictly: a filter with a typing error must not mean "everything".

Belongs here: kinds of values. Not here: which parameters a route has (its row in the table).
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from aiohttp import web

from protocol.errors import InvalidQuery
from protocol.integers import shown

from .route import ROUTE

W = TypeVar("W", bound=StrEnum)

_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
# RFC 3339, 5.6; an hour of 24 and a second of 60 are refused by datetime, too.
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST = 512
"""Characters of one value."""


class Said:
    """The parameters of one request. Everything raises InvalidQuery, which names the parameter."""

    def __init__(self, request: web.Request) -> None:
        self._query = request.query
        known = {one.name for one in request[ROUTE].parameters if one.where == "query"}
        for name in self._query:
            if name not in known:
                listed = ", ".join(sorted(known)) or "none"
                raise InvalidQuery(f"there is no parameter {shown(name)} here, wanted one of: {listed}")

    def every(self, name: str) -> list[str]:
        """Its values, however often it is given."""
        values = self._query.getall(name, [])
        for value in values:
            if len(value) > _LONGEST:
                raise InvalidQuery(f"{name} has {len(value)} characters, wanted at most {_LONGEST}")
            if not value.isprintable():
                raise InvalidQuery(f"{name} is {shown(value)}, wanted printable text")
        return values

    def text(self, name: str) -> str | None:
        """Its one value; None where it is not given."""
        values = self.every(name)
        if len(values) > 1:
            raise InvalidQuery(f"{name} was given {len(values)} times, wanted at most once")
        return values[0] if values else None

    def number(self, name: str, *, usual: int, most: int) -> int:
        """An integer from 1 to `most`."""
        text = self.text(name)
        if text is None:
            return usual
        if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= most:
            raise InvalidQuery(f"{name} is {shown(text)}, wanted a number from 1 to {most}")
        return int(text)

    def time(self, name: str) -> int | None:
        """Microseconds since the epoch."""
        text = self.text(name)
        if text is None:
            return None
        found = _moment(text)
        if found is None:
            raise InvalidQuery(
                f"{name} is {shown(text)}, wanted a time as in RFC 3339, such as 2026-01-31T12:00:00Z"
            )
        return (found - _EPOCH) // timedelta(microseconds=1)

    def words(self, name: str, kind: type[W]) -> frozenset[W]:
        """Members of an enumeration, each given by itself."""
        return frozenset(self._word(name, value, kind) for value in self.every(name))

    def one_of(self, name: str, known: Iterable[str], *, usual: str) -> str:
        """One of a few words."""
        text = self.text(name)
        if text is None:
            return usual
        if text not in (listed := list(known)):
            raise InvalidQuery(f"{name} is {shown(text)}, wanted one of: {', '.join(listed)}")
        return text

    def _word(self, name: str, value: str, kind: type[W]) -> W:
        try:
            return kind(value)
        except ValueError:
            listed = ", ".join(kind)
            raise InvalidQuery(f"{name} is {shown(value)}, wanted one of: {listed}") from None


def _moment(text: str) -> datetime | None:
    if not _TIME.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text.upper().replace(" ", "T")).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
