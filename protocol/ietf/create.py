"""Creation: a request that brings an upload, or its beginning (draft, 4.2)."""

from protocol.body import parse_body
from protocol.creation import Creation
from protocol.digest_fields import parse_content_digest, parse_repr_digest
from protocol.errors import BadHeader, UploadSizeExceeded
from protocol.features import Features
from protocol.headers import Headers
from protocol.lengths import check_size, furthest
from protocol.upload import Dialect

from .interop import Interop
from .lengths import told_length
from .metadata import parse_described


def parse_create(headers: Headers, features: Features, interop: Interop) -> Creation:
    """Raises the ProtocolError that names what is wrong; then no upload may be made, and no byte read."""
    complete = interop.complete(headers)
    if complete is None:
        raise BadHeader("Upload-Complete is missing or no Boolean, wanted ?0 or ?1")
    body = parse_body(headers)
    length = told_length(headers, body, offset=0, complete=complete)
    check_size(body.least if length is None else length, features)
    if length is not None and body.least > length:
        raise UploadSizeExceeded(
            f"upload's size exceeded: Content-Length {body.least} of Upload-Length {length}"
        )
    return Creation(
        length=length,
        metadata=parse_described(headers, limit=features.metadata_limit),
        body=body,
        room=furthest(length, features),
        checksums=parse_content_digest(headers),
        whole=parse_repr_digest(headers),
        dialect=Dialect.IETF,
        complete=interop.ends(complete=complete),
    )
