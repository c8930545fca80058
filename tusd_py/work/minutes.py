"""Telling the database once a minute what this worker did.

Belongs here: taking the counts there. Not here: the statement (metadata/minutes.py).
"""

from tusd_py.metadata.minutes import MinuteRows
from tusd_py.uploads.tally import Tally


async def tell_minute(tally: Tally, rows: MinuteRows, worker: str) -> None:
    """Add what was counted to this minute. Raises DatabaseError; then it is counted with the next one."""
    taken = tally.take()
    try:
        await rows.add(worker, created=taken.created, finished=taken.finished, received=taken.received)
    except BaseException:
        tally.give_back(taken)
        raise
