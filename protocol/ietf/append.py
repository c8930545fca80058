"""Append: PATCH with application/partial-upload (draft, 4.4)."""

from protocol.append import Append
from protocol.body import parse_body
from protocol.digest_fields import parse_content_digest, parse_repr_digest
from protocol.errors import BadHeader, InvalidContentType, InvalidOffset
from protocol.headers import Headers
from protocol.integers import shown
from protocol.media_types import essence_of
from protocol.upload import Dialect

from .interop import MEDIA_TYPE, Interop
from .lengths import non_negative, told_length


def parse_append(headers: Headers, interop: Interop) -> Append:
    """What can be judged without the upload.

    Raises InvalidContentType, InvalidOffset, BadHeader, InvalidUploadLength, and like `parse_body`.
    """
    if interop.has_media_type:
        _check_content_type(headers)
    offset = non_negative(headers, "Upload-Offset")
    if offset is None:
        raise InvalidOffset("Upload-Offset is missing or no non-negative Integer, wanted it")
    complete = interop.complete(headers)
    if complete is None:
        raise BadHeader("Upload-Complete is missing or no Boolean, wanted ?0 or ?1")
    body = parse_body(headers)
    return Append(
        offset=offset,
        length=told_length(headers, body, offset=offset, complete=complete),
        body=body,
        checksums=parse_content_digest(headers),
        whole=parse_repr_digest(headers),
        dialect=Dialect.IETF,
        complete=interop.ends(complete=complete),
    )


def _check_content_type(headers: Headers) -> None:
    text = headers.one("Content-Type")
    if text is None or essence_of(text) != MEDIA_TYPE:
        found = "missing" if text is None else shown(text)
        raise InvalidContentType(f"Content-Type is {found}, wanted {MEDIA_TYPE}")
