"""Does the store prove what it gets by the digest that we send?

Belongs here: one damaged part. Not here: parts that are well (parts.py).
"""

from collections.abc import AsyncIterator

from storage_backends.base import StorageError
from storage_backends.s3 import Examination, code_of, is_denied

from .finding import Finding, skipped, well, wrong

CHECK = "checksums"
_NOT_UNDERSTOOD = frozenset({"NotImplemented", "InvalidArgument", "InvalidRequest", "MalformedXML"})


async def look_at_checksums(examination: Examination) -> AsyncIterator[Finding]:
    """Parts that are well have been stored before, so whatever refuses this one has looked at it."""
    mode = examination.profile.digest.value
    try:
        await examination.send_damaged()
    except StorageError as failed:
        if is_denied(failed):
            yield skipped(CHECK, f"without the right to put parts: {failed}")
        elif code_of(failed) in _NOT_UNDERSTOOD:
            yield wrong(
                CHECK,
                f"the store does not take {mode} for a part: {failed}",
                'choose another s3_checksum; "md5" is understood by most',
            )
        else:
            yield well(CHECK, f"a part that is not what its {mode} says is refused ({code_of(failed)})")
        return
    yield wrong(
        CHECK,
        f"the store took a part that is not what its {mode} says: bytes damaged on the way would stay so",
        'choose another s3_checksum; "md5" is understood by most',
    )
