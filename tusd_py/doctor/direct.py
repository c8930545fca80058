"""Does the store hold URLs for parts to what they say?

Whoever has one is a stranger to the store, so what it lets through is all that a stranger can do.

Belongs here: what that means. Not here: trying it (storage_backends/s3/direct.py), the bucket's CORS, which
only says what browsers may.
"""

from collections.abc import AsyncIterator

from storage_backends.base import DirectStore, StorageError

from .finding import Finding, well, wrong

CHECK = "direct parts"


async def look_at_direct(store: DirectStore, *, is_used: bool) -> AsyncIterator[Finding]:
    """Nothing where clients get no such URLs."""
    if not is_used:
        return
    try:
        loophole = await store.loophole()
    except StorageError as failed:
        yield wrong(CHECK, f"no URL for a part could be used: {failed}", "look at s3_endpoint and the clocks")
        return
    if loophole is None:
        yield well(CHECK, "URLs take the part that they are for, and nothing else")
        return
    yield wrong(
        CHECK, f"whoever has a URL for a part can {loophole}", "switch s3_direct off, or take another store"
    )
