"""What a verdict allows.

Belongs here: the policy on reading. Not here: who may ask (authorize.py), what a verdict is bound to and how
that is checked (server/files.py).
"""

from dataclasses import dataclass

from protocol.errors import NotScannedYet, ProtocolError, Quarantined
from protocol.upload import Verdict
from tusd_py.metadata.files import Version

from .identity import Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPolicy:
    """Which verdicts are served. Without a scanner every version stays unknown, and is served."""

    served: frozenset[Verdict]
    served_to_owner: frozenset[Verdict] = frozenset()
    """Only to whoever uploaded the file, not even to the admin."""

    @property
    def closes_unscanned(self) -> bool:
        """A scanner is configured: what it has not seen is not served."""
        return Verdict.UNKNOWN not in self.served


WITHOUT_SCANNER = ReadPolicy(served=frozenset({Verdict.UNKNOWN, Verdict.CLEAN}))


def may_read(version: Version, policy: ReadPolicy, identity: Identity) -> bool:
    """True when the bytes of this version may leave the house, for this reader."""
    if version.is_lost:
        return False
    if version.released_by is not None or version.verdict in policy.served:
        return True
    is_owner = (identity.tenant, identity.subject) == (version.tenant, version.owner)
    return is_owner and version.verdict in policy.served_to_owner


def why_not(version: Version) -> ProtocolError:
    """What a reader hears of a version that may not be read. Never what was found: that is the operator's."""
    return NotScannedYet() if version.verdict is Verdict.UNKNOWN else Quarantined()


def bound_identity(version: Version, policy: ReadPolicy) -> str | None:
    """The storage identity that the bytes must have when they are opened; None where any will do.

    A verdict, and a release, speak of the bytes that were scanned and of no others. Where unscanned bytes are
    served, others are nothing worse.
    """
    return version.identity if policy.closes_unscanned else None
