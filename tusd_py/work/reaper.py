"""Ends uploads whose date passed, and forgets rows that were remembered long enough."""

from tusd_py.metadata.housekeeping import Housekeeping
from tusd_py.uploads.context import Context
from tusd_py.uploads.terminate import expire

BATCH = 500


async def reap(context: Context, housekeeping: Housekeeping) -> int:
    """How many uploads were looked at."""
    # First, as their parts are uploads that are due once nothing holds them.
    while await housekeeping.expire_multiparts(BATCH) == BATCH:
        pass
    due = await housekeeping.due(BATCH)
    for upload_id in due:
        await expire(context, upload_id)
    while await housekeeping.forget(BATCH) == BATCH:
        pass
    return len(due)
