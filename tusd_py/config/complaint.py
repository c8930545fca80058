"""What a rule says about a value it does not like.

Belongs here: the complaint, before it is known who gave the value. Not here: the rules.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """`what` completes "server.port ..."."""

    what: str
    found: str
    wanted: str
    hint: str = ""
    item: int | None = None
    """Which item of a list it is about."""


def first_of(items: tuple[str, ...], rule: Callable[[str], Complaint | None]) -> Complaint | None:
    """Of a list: what the rule for one item says of the first that it does not like."""
    for place, item in enumerate(items):
        if complaint := rule(item):
            return replace(complaint, item=place)
    return None
