"""Ends uploads whose date passed, and forgets rows that were remembered long enough."""

from protocol.upload import UploadId
from tusd_py.metadata.housekeeping import Housekeeping
from tusd_py.uploads.context import Context
from tusd_py.uploads.terminate import expire

BATCH = 500
FORSAKEN = 60_000_000
"""Microseconds after which nobody is about to make a part of what was sent for one. A commit takes less."""


async def reap(context: Context, housekeeping: Housekeeping) -> int:
    """How many uploads were looked at."""
    # First, as their parts are uploads that are due once nothing holds them.
    await housekeeping.expire_multiparts(BATCH)
    await housekeeping.let_parts_go(FORSAKEN, BATCH)
    seen: set[UploadId] = set()
    # Until nothing is left, or what could not be ended is all that comes.
    while not seen.issuperset(due := await housekeeping.due(BATCH)):
        for upload_id in due:
            await expire(context, upload_id)
        seen.update(due)
    while await housekeeping.forget(BATCH) == BATCH:
        pass
    return len(seen)
