"""The bytes that a client wants to add to an upload, in any dialect.

Belongs here: the value, and what is judged with the upload at hand. Not here: headers (tus/patch.py,
ietf/append.py), adding them (tusd_py/uploads).
"""

from dataclasses import dataclass

from .body import Body
from .checksum import Checksum
from .errors import InvalidUploadLength, OffsetConflict, UploadSizeExceeded
from .expiry import refusals_tell_expiry
from .features import Features
from .lengths import check_size, furthest
from .upload import Dialect, Upload


@dataclass(frozen=True, slots=True, kw_only=True)
class Append:
    """The bytes that a client wants to add."""

    offset: int
    """Where the client believes that the upload is."""
    length: int | None
    """The upload's whole length, where this request declares it."""
    body: Body
    checksums: tuple[Checksum, ...] = ()
    """What the body must hash to, by each of them."""
    whole: tuple[Checksum, ...] = ()
    """The same of the whole upload."""
    dialect: Dialect = Dialect.TUS
    complete: bool | None = None
    """See `Creation.complete`."""


def check_append(append: Append, upload: Upload, features: Features) -> int | None:
    """How many bytes may follow at most; None if there is no limit. To be asked before reading any.

    Raises OffsetConflict first, then InvalidUploadLength for a length that may not be declared,
    MaxSizeExceeded, and UploadSizeExceeded. A declared length counts only once the bytes are kept.
    """
    with refusals_tell_expiry(upload):
        return _room(append, upload, features)


def _room(append: Append, upload: Upload, features: Features) -> int | None:
    if append.offset != upload.offset:
        raise OffsetConflict(sent=append.offset, current=upload.offset)
    length = _agreed_length(append, upload, features)
    end = upload.offset + append.body.least
    if length is None:
        check_size(end, features)
    elif end > length:
        raise UploadSizeExceeded(f"upload's size exceeded: the body ends at {end} of Upload-Length {length}")
    limit = furthest(length, features)
    # Never negative, should an operator have lowered the maximum below what a deferred upload has.
    return None if limit is None else max(limit - upload.offset, 0)


def _agreed_length(append: Append, upload: Upload, features: Features) -> int | None:
    if append.length is None:
        return upload.length
    if upload.length is not None and append.length != upload.length:
        raise InvalidUploadLength(
            f"Upload-Length is {append.length}, but was {upload.length} and never changes"
        )
    if append.length < upload.offset:
        raise InvalidUploadLength(f"Upload-Length is {append.length}, but {upload.offset} bytes are here")
    # A length that is settled stays good when an operator lowers the maximum.
    if upload.length is None:
        check_size(append.length, features)
    return append.length
