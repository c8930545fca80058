"""What checks of the IETF draft want of answers, said so that a person understands the refusal.

Belongs here: comparisons of its fields that raise Failed. Not here: requests (draft.py).
"""

import json
from collections.abc import Callable, Sequence
from typing import TypeVar

from .draft import ANNOUNCED, append
from .exchange import Response
from .offer import DRAFT
from .probe import Probe
from .resource import Resource
from .structured import boolean, dictionary, integer
from .verdict import Failed, NotOffered
from .want import want_success

Value = TypeVar("Value")

PROBLEM = "application/problem+json"
LIMITS = ("max-size", "min-size", "max-append-size", "min-append-size", "max-age")


def want_said_offset(response: Response, offset: int) -> None:
    found = said_number(response, "Upload-Offset")
    if found != offset:
        raise Failed(
            f"wanted Upload-Offset: {offset} on the {response.status} response, found {found}", response
        )


def want_incomplete(response: Response) -> None:
    """Upload-Complete is said, and false: this is the protocol's own answer."""
    if _said(response, "Upload-Complete", boolean):
        raise Failed(f"wanted Upload-Complete: ?0 on the {response.status} response, found ?1", response)


def want_complete(response: Response) -> None:
    """Upload-Complete is said, and true: this is the target's answer to a whole representation."""
    if not _said(response, "Upload-Complete", boolean):
        raise Failed(f"wanted Upload-Complete: ?1 on the {response.status} response, found ?0", response)


def want_not_complete(response: Response) -> None:
    """Upload-Complete is false, or not said."""
    if response.every("Upload-Complete"):
        want_incomplete(response)


def want_limits(response: Response) -> dict[str, int]:
    """Upload-Limit: at least one, those that the draft knows being numbers."""
    members = _said(response, "Upload-Limit", dictionary)
    if not members:
        raise Failed("wanted min-size=0 in Upload-Limit where there are no limits, found nothing", response)
    return {name: _limit(response, name, members[name]) for name in LIMITS if name in members}


def want_not_announced(response: Response) -> None:
    """No 104 is among the interim responses."""
    for early in response.before:
        if early.status == ANNOUNCED:
            raise Failed("wanted no 104, found one", early)


def want_limits_if_any(probe: Probe, response: Response) -> None:
    """Raises NotOffered where OPTIONS said that there are none."""
    if response.every(DRAFT) or probe.offer.limits != "min-size=0":
        want_limits(response)
        return
    raise NotOffered("there are no limits, and none are said")


async def want_goes_on(probe: Probe, upload: Resource, offset: int) -> None:
    """HEAD says that offset, and the upload takes bytes there: it is neither complete nor lost."""
    response = await probe.head_when_free(upload)
    want_success(response)
    want_said_offset(response, offset)
    want_not_complete(response)
    want_success(await append(probe, upload, offset, b"!"))


def problem(response: Response) -> dict[str, object]:
    """The problem document (RFC 9457) of a refusal. Raises NotOffered where it has none."""
    media_type = (response.header("Content-Type") or "").partition(";")[0].strip().lower()
    if media_type != PROBLEM:
        raise NotOffered(f"the refusal is no {PROBLEM}, which it need not be")
    try:
        members = json.loads(response.body)
    except ValueError as error:
        raise Failed(f"wanted JSON in {PROBLEM}: {error}", response) from error
    if not isinstance(members, dict):
        raise Failed(f"wanted an object in {PROBLEM}, found {members!r}", response)
    return members


def said_number(response: Response, name: str) -> int:
    """A header's non-negative integer."""
    found = _said(response, name, integer)
    if found < 0:
        raise Failed(f"wanted a non-negative {name}, found {found}", response)
    return found


def _said(response: Response, name: str, read: Callable[[Sequence[str]], Value]) -> Value:
    lines = response.every(name)
    if not lines:
        raise Failed(f"wanted the header {name} on the {response.status} response, found none", response)
    try:
        return read(lines)
    except ValueError as error:
        raise Failed(f"{name} on the {response.status} response: {error}", response) from error


def _limit(response: Response, name: str, value: list[str]) -> int:
    try:
        found = integer(value)
    except ValueError as error:
        raise Failed(f"{name} in Upload-Limit: {error}", response) from error
    if found < 0:
        raise Failed(f"wanted a non-negative {name} in Upload-Limit, found {found}", response)
    return found
