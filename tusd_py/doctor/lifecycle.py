"""What would the bucket do to our bytes by itself?

Belongs here: telling it. Not here: judging rules (storage_backends/s3/lifecycle.py).
"""

from collections.abc import AsyncIterator

from storage_backends.base import ObjectStore, StorageError

from .finding import Finding, advice, skipped, well, wrong

CHECK = "lifecycle"


async def look_at_lifecycle(store: ObjectStore, *, longest: float | None) -> AsyncIterator[Finding]:
    """`longest` is how many seconds an upload may take; None is without a limit."""
    try:
        doubts = await store.doubts(longest)
    except StorageError as failed:
        yield skipped(
            CHECK,
            f"the rules may not be read (s3:GetLifecycleConfiguration, s3:GetBucketVersioning): {failed}",
        )
        return
    for doubt in doubts:
        yield (advice if doubt.is_advice else wrong)(CHECK, doubt.what, doubt.fix)
    if not doubts:
        yield well(CHECK, "no rule harms uploads, and what is forgotten is aborted")
