"""Limits of the wrong server.

Belongs here: what Upload-Limit says, and what is refused because of it. Not here: lengths that contradict
each other (writing.py).
"""

import time
from collections.abc import Set as AbstractSet
from enum import StrEnum

from tests.conformance.wrong_server.http import Request
from tests.conformance.wrong_server.parsing import MAX_SIZE, Refused

from .bugs import DraftBug
from .fields import problem
from .uploads import Draft

MAX_APPEND = 256 << 10


def limits(bugs: AbstractSet[StrEnum], upload: Draft | None = None) -> dict[str, str]:
    """The header Upload-Limit: of `upload`, or in general."""
    largest = MAX_SIZE // 2 if upload and DraftBug.MAX_SIZE_FALLS in bugs else MAX_SIZE
    quote = '"' if DraftBug.LIMITS_QUOTED in bugs else ""
    members = [f"max-size={quote}{largest}{quote}", f"max-append-size={MAX_APPEND}", "min-append-size=1"]
    if upload is not None:
        members.append(f"max-age={_age(upload, bugs)}")
    return {"Upload-Limit": ", ".join(members)}


def _age(upload: Draft, bugs: AbstractSet[StrEnum]) -> int:
    upload.told += 1
    lost = 100 * upload.told if DraftBug.AGE_FALLS in bugs else 0
    return int(upload.expires - time.time()) - lost


def check_limits(request: Request, length: int | None, bugs: AbstractSet[StrEnum]) -> None:
    """Raises Refused."""
    if (length or 0) > MAX_SIZE or (request.size or 0) > MAX_APPEND:
        raise _too_large(bugs)
    if request.size == 0 and DraftBug.LEAST_BINDS_ALL in bugs:
        raise problem(400)


def _too_large(bugs: AbstractSet[StrEnum]) -> Refused:
    refused = problem(400 if DraftBug.TOO_LARGE_400 in bugs else 413)
    if DraftBug.LIMITS_UNSAID_IN_REFUSALS not in bugs:
        refused.answer.headers |= limits(bugs)
    return refused
