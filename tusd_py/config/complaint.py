"""What a rule says about a value it does not like.

Belongs here: the complaint, before it is known who gave the value. Not here: the rules.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """`what` completes "server.port ..."."""

    what: str
    found: str
    wanted: str
    hint: str = ""
    item: int | None = None
    """Which item of a list it is about."""
