"""Statuses that say something by themselves, whoever said them.

Belongs here: which of them pass. Not here: what a whole reply means (answers.py).
"""

from protocol.errors import ChecksumMismatch

# 408, 425 and 429 are said by proxies; 409 and 423 pass when the other request for the upload ends.
_MAY_PASS = frozenset({408, 409, 423, 425, 429, ChecksumMismatch.status})

# Not implemented, HTTP version not supported: no server changes that while we wait.
_WILL_NOT_PASS = frozenset({501, 505})


def may_pass(status: int) -> bool:
    """Whether the same request may be answered otherwise later."""
    return status in _MAY_PASS or (status >= 500 and status not in _WILL_NOT_PASS)  # noqa: PLR2004  # 5xx
