"""Does the store join parts as we send them?

Belongs here: the rules of multipart uploads. Not here: rights (rights.py), digests (checksum.py).
"""

from collections.abc import AsyncIterator

from storage_backends.base import StorageError
from storage_backends.s3 import Examination, code_of

from .finding import Finding, well, wrong

CHECK = "part rules"
_MIB = 1 << 20


async def look_at_parts(examination: Examination) -> AsyncIterator[Finding]:
    """Sends about ten MiB."""
    least = examination.least_part
    # Unequal ones, unless we know that they must not be.
    sizes = [least, least if examination.profile.equal_parts else least + 1, 1]
    try:
        size = await examination.join(sizes)
    except StorageError as failed:
        yield await _refused(examination, failed, least)
        return
    if size != sum(sizes):
        yield wrong(
            CHECK,
            f"an object of parts of {sizes} bytes has {size} bytes",
            "this store cannot keep uploads; take another one",
        )
        return
    yield well(CHECK, f"parts of {least / _MIB:g} MiB and a small last one are joined")
    if not examination.profile.copies_parts:
        return
    try:
        await examination.copy_part(least)
    except StorageError as failed:
        yield wrong(
            CHECK,
            f"the store does not copy parts, by which uploads are concatenated: {failed}",
            'set s3_provider to one that does not ("gcs"): bytes are then fetched and sent',
        )


async def _refused(examination: Examination, failed: StorageError, least: int) -> Finding:
    if code_of(failed) == "EntityTooSmall":
        return wrong(
            CHECK,
            f"parts of {least} bytes are too small for this store: {failed}",
            "raise s3_min_part_size (and s3_part_size) to what the store wants",
        )
    try:
        await examination.join([least, least, 1])
    except StorageError:
        return wrong(CHECK, f"multipart uploads do not work: {failed}", "is s3_provider the right one?")
    return wrong(
        CHECK,
        f"this store wants all parts but the last of one size: {failed}",
        's3_provider = "r2" sends them so',
    )
