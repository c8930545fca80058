"""POST: create an upload, perhaps with its first bytes.

tus 1.0.0, Creation, Creation With Upload, and Upload-Defer-Length.
"""

from protocol.answer import Answer
from protocol.body import Body, parse_body
from protocol.creation import Creation
from protocol.digest_fields import parse_repr_digest
from protocol.errors import (
    InvalidConcat,
    InvalidDeferLength,
    InvalidUploadLength,
    LengthAndDeferLength,
    UploadSizeExceeded,
)
from protocol.expiry import expiry_headers
from protocol.features import Features
from protocol.headers import Headers
from protocol.integers import shown
from protocol.lengths import check_size, furthest
from protocol.metadata import parse_metadata
from protocol.upload import Upload

from .answers import tus_answer
from .body import check_content_type
from .checksum import parse_checksum
from .concat import parse_concat
from .lengths import parse_length


def parse_create(headers: Headers, features: Features) -> Creation:
    """Raises the ProtocolError that names what is wrong; then no upload may be made, and no byte read."""
    concat = parse_concat(headers, features)
    metadata = parse_metadata(headers.one("Upload-Metadata"), limit=features.metadata_limit)
    body = parse_body(headers)
    # RFC 9530 holds for any content, tus or not.
    whole = parse_repr_digest(headers)
    if concat is not None and concat.urls is not None:
        _check_final(headers, body)
        return Creation(length=None, metadata=metadata, body=body, room=0, whole=whole, concat=concat)
    length = _wanted_length(headers)
    if length is not None:
        check_size(length, features)
    # Without a body the type says nothing: some HTTP libraries put one on every POST.
    if body.present:
        check_content_type(headers)
    _check_body_fits(body, length, features)
    return Creation(
        length=length,
        metadata=metadata,
        body=body,
        room=furthest(length, features),
        # Without a body there is nothing that it could be of.
        checksums=parse_checksum(headers, features) if body.present else (),
        whole=whole,
        concat=concat,
    )


def answer_created(upload: Upload, location: str, *, with_body: bool) -> Answer:
    """201; `with_body` tells how much of the request's body was kept (Creation With Upload)."""
    offset = {"Upload-Offset": str(upload.offset)} if with_body else {}
    return tus_answer(201, {"Location": location, **offset, **expiry_headers(upload)})


def _check_final(headers: Headers, body: Body) -> None:
    # "The Client MUST NOT include the Upload-Length header in the final upload creation."
    for name in ("Upload-Length", "Upload-Defer-Length"):
        if headers.has(name):
            raise InvalidConcat(f"{name} was sent with Upload-Concat: final, whose length its partials give")
    if body.present:
        raise InvalidConcat("a body was sent with Upload-Concat: final, whose content its partials give")


def _wanted_length(headers: Headers) -> int | None:
    length = parse_length(headers)
    deferred = headers.one("Upload-Defer-Length")
    if length is not None and deferred is not None:
        raise LengthAndDeferLength
    if deferred is None and length is None:
        raise InvalidUploadLength("Upload-Length is missing, wanted it or Upload-Defer-Length: 1")
    if deferred not in {None, "1"}:
        raise InvalidDeferLength(f"Upload-Defer-Length is {shown(str(deferred))}, wanted 1")
    return length


def _check_body_fits(body: Body, length: int | None, features: Features) -> None:
    if length is None:
        check_size(body.least, features)
    elif body.least > length:
        raise UploadSizeExceeded(
            f"upload's size exceeded: Content-Length {body.least} of Upload-Length {length}"
        )
