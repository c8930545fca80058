"""What a verdict allows.

Belongs here: the policy on reading. Not here: who may ask (authorize.py).
"""

from dataclasses import dataclass

from protocol.upload import Verdict
from tusd_py.metadata.files import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPolicy:
    """Which verdicts are served. Without a scanner every version stays unknown, and is served."""

    served: frozenset[Verdict]


WITHOUT_SCANNER = ReadPolicy(served=frozenset({Verdict.UNKNOWN, Verdict.CLEAN}))


def may_read(version: Version, policy: ReadPolicy) -> bool:
    """True when the bytes of this version may leave the house."""
    if version.is_lost:
        return False
    return version.released_by is not None or version.verdict in policy.served
