"""PATCH: append bytes to an upload (tus 1.0.0, PATCH, Upload-Defer-Length, Expiration)."""

from dataclasses import dataclass

from protocol.answer import Answer
from protocol.errors import (
    InvalidOffset,
    InvalidUploadLength,
    OffsetConflict,
    UploadSizeExceeded,
)
from protocol.headers import Headers
from protocol.integers import parse_non_negative
from protocol.upload import Upload

from .answers import expiry_headers, refusals_tell_expiry, tus_answer
from .body import Body, check_content_type, parse_body
from .checksum import Checksum, parse_checksum
from .features import Features
from .lengths import check_size, furthest, parse_length


@dataclass(frozen=True, slots=True, kw_only=True)
class Append:
    """The bytes that a client wants to add."""

    offset: int
    """Where the client believes that the upload is."""
    length: int | None
    """The upload's whole length, where this request declares it."""
    body: Body
    checksum: Checksum | None = None
    """What the body must hash to."""


def parse_append(headers: Headers, features: Features) -> Append:
    """What can be judged without the upload.

    Raises InvalidContentType, InvalidOffset, InvalidUploadLength, MaxSizeExceeded, and like `parse_body` and
    `parse_checksum`.
    """
    check_content_type(headers)
    offset = headers.one("Upload-Offset")
    if offset is None:
        raise InvalidOffset("Upload-Offset is missing, wanted the offset of the first byte that follows")
    return Append(
        offset=parse_non_negative(offset, InvalidOffset, "Upload-Offset"),
        length=parse_length(headers),
        body=parse_body(headers),
        checksum=parse_checksum(headers, features),
    )


def check_append(append: Append, upload: Upload, features: Features) -> int | None:
    """How many bytes may follow at most; None if there is no limit. To be asked before reading any.

    Raises OffsetConflict first, then InvalidUploadLength for a length that may not be declared,
    MaxSizeExceeded, and UploadSizeExceeded. A declared length counts only once the bytes are kept.
    """
    with refusals_tell_expiry(upload):
        return _room(append, upload, features)


def answer_patched(upload: Upload) -> Answer:
    """204, with the offset that is durable now."""
    return tus_answer(204, {"Upload-Offset": str(upload.offset), **expiry_headers(upload)})


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
