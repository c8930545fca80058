"""PATCH: append bytes to an upload (tus 1.0.0, PATCH, Upload-Defer-Length, Expiration)."""

from protocol.answer import Answer
from protocol.append import Append
from protocol.body import parse_body
from protocol.errors import InvalidOffset
from protocol.expiry import expiry_headers
from protocol.features import Features
from protocol.headers import Headers
from protocol.integers import parse_non_negative
from protocol.upload import Upload

from .answers import tus_answer
from .body import check_content_type
from .checksum import parse_checksum
from .lengths import parse_length


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
        checksums=parse_checksum(headers, features),
    )


def answer_patched(upload: Upload) -> Answer:
    """204, with the offset that is durable now."""
    return tus_answer(204, {"Upload-Offset": str(upload.offset), **expiry_headers(upload)})
