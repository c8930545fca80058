"""From what went wrong inside to what a client hears.

Belongs here: one table. Not here: how an error becomes a response (errors.py).
"""

from protocol.errors import (
    ChecksumMismatch,
    DigestMismatch,
    InvalidUploadLength,
    MalformedBody,
    MaxSizeExceeded,
    ProtocolError,
    QuotaUsedUp,
    ReadTimeout,
    ServerShutdown,
    StorageExhausted,
    TooSlow,
    Unavailable,
    UploadGone,
    UploadInterrupted,
    UploadSizeExceeded,
)
from protocol.expiry import expiry_headers
from protocol.upload import Upload
from storage_backends.base import StorageError, StorageFull
from tusd_py.metadata.database import Conflict, DatabaseError
from tusd_py.uploads.ledger import Overtaken
from tusd_py.uploads.receive import Ending

_ENDINGS: dict[Ending, type[ProtocolError]] = {
    Ending.GONE: UploadInterrupted,  # nobody is there to hear it
    Ending.IDLE: ReadTimeout,
    Ending.SLOW: TooSlow,
    Ending.INTERRUPTED: UploadInterrupted,
    Ending.SHUTDOWN: ServerShutdown,
    Ending.ENDED: UploadGone,
    Ending.TOO_LONG: UploadSizeExceeded,
    Ending.MALFORMED: MalformedBody,
    Ending.MISMATCH: ChecksumMismatch,
    Ending.CORRUPT: DigestMismatch,
    Ending.FULL: StorageExhausted,
    Ending.QUOTA: QuotaUsedUp,
    Ending.AWAY: Unavailable,
}

# After these nobody else writes, so the offset can be told; after the others it may be moving.
_OFFSET_TOLD = frozenset({Ending.SHUTDOWN, Ending.FULL, Ending.QUOTA, Ending.IDLE, Ending.SLOW, Ending.AWAY})


def refusal_of_ending(
    ending: Ending, upload: Upload, *, declared: int | None, max_size: int, most: int
) -> ProtocolError:
    """What a client hears whose body did not end well. `declared` is the Upload-Length of its request.

    `max_size` is Tus-Max-Size where no narrower limit holds for the upload, else 0; `most` is the limit.
    """
    offset = {"Upload-Offset": str(upload.offset)} if ending in _OFFSET_TOLD else {}
    expiry = {} if ending is Ending.ENDED else expiry_headers(upload)
    if ending is Ending.TOO_LONG and upload.length is None and declared is None:
        told = {"Tus-Max-Size": str(max_size)} if max_size else {}
        return MaxSizeExceeded(headers={**told, **expiry}, most=most)
    if ending is Ending.TOO_SHORT:
        length = upload.length if upload.length is not None else declared
        return InvalidUploadLength(f"the body that was to complete the upload ended before byte {length}")
    return _ENDINGS[ending](headers={**offset, **expiry})


def refusal(error: Exception) -> ProtocolError | None:
    """What a client hears of an error of ours; None for one that nobody expected."""
    if isinstance(error, ProtocolError):
        return error
    if isinstance(error, Overtaken):
        return UploadInterrupted()
    if isinstance(error, StorageFull):
        return StorageExhausted()
    if isinstance(error, StorageError | DatabaseError | Conflict):
        return Unavailable()
    return None


def refuse(error: Exception) -> None:
    """Raises what a client hears of it, where that is another one."""
    refused = refusal(error)
    try:
        if refused is not None and refused is not error:
            raise refused from error
    finally:
        # Its traceback has this frame. With the name they would hold each other, and the request, until the
        # collector comes, which is seldom.
        del refused
