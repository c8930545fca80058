"""Do the store's clock and ours agree? Signatures are dated.

Belongs here: that comparison.
"""

from collections.abc import AsyncIterator

from storage_backends.base import StorageError
from storage_backends.s3 import Examination

from .finding import Finding, advice, skipped, well, wrong

CHECK = "clock"
_REFUSED = 900.0
"""Seconds from which on S3 refuses a signature (RequestTimeTooSkewed)."""
_NEAR = 60.0
_FIX = "run a time service (chrony, systemd-timesyncd) on this host"


async def look_at_clock(examination: Examination) -> AsyncIterator[Finding]:
    try:
        lead = await examination.clock_lead()
    except StorageError as failed:
        yield skipped(CHECK, f"the store cannot be asked: {failed}")
        return
    if lead is None:
        yield skipped(CHECK, "the store does not say what time it is")
    elif abs(lead) >= _REFUSED:
        yield wrong(CHECK, f"the store's clock is {lead:+.0f} s from ours: it refuses our signatures", _FIX)
    elif abs(lead) >= _NEAR:
        yield advice(
            CHECK,
            f"the store's clock is {lead:+.0f} s from ours; from {_REFUSED:.0f} s on it refuses us",
            _FIX,
        )
    else:
        yield well(CHECK, f"the store's is {lead:+.0f} s from ours")
