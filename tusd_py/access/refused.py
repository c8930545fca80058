"""Why a credential was not good: for logs and metrics. Clients hear one and the same 401.

Belongs here: the reasons, and the failure to find out. Not here: who finds out.
"""

from enum import StrEnum


class Reason(StrEnum):
    """A few words, so that they may label a metric."""

    MISSING = "missing"
    AMBIGUOUS = "ambiguous"
    """More than one was sent."""
    UNKNOWN = "unknown"
    """Nothing that is configured knows this kind, or this one."""
    MALFORMED = "malformed"
    ALGORITHM = "algorithm"
    KEY = "key"
    """Nobody whom we trust has such a key."""
    SIGNATURE = "signature"
    ISSUER = "issuer"
    AUDIENCE = "audience"
    CLAIMS = "claims"
    EARLY = "early"
    EXPIRED = "expired"
    DENIED = "denied"
    """By forward_url."""


class NotGood(Exception):
    """It proves nothing."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class FetchFailed(Exception):
    """Somebody whose word is needed did not give it. It says why."""
