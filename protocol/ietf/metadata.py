"""What a creation says of the file: Content-Type and Content-Disposition (draft, 4.2.1; RFC 6266)."""

from protocol.disposition import filename_of
from protocol.errors import InvalidMetadata
from protocol.headers import Headers
from protocol.media_types import essence_of
from protocol.metadata import Metadata, format_metadata, parse_metadata

from .interop import MEDIA_TYPE


def parse_described(headers: Headers, *, limit: int) -> Metadata:
    """`filename` and `filetype`, as of any upload. Raises InvalidMetadata above `limit` bytes.

    tus-js-client says both in Upload-Metadata, in this dialect too.
    """
    if headers.has("Upload-Metadata"):
        return parse_metadata(headers.one("Upload-Metadata"), limit=limit)
    values: dict[str, str | bytes] = {}
    disposition = _short(headers, "Content-Disposition", limit)
    if disposition and (filename := filename_of(disposition)):
        values["filename"] = filename.encode("utf-8", "replace")
    filetype = _short(headers, "Content-Type", limit)
    # Of a piece of a file, which some clients say already here.
    if filetype and essence_of(filetype) != MEDIA_TYPE:
        values["filetype"] = filetype.encode("utf-8", "replace")
    raw = format_metadata(values)
    return parse_metadata(raw, limit=len(raw))


def _short(headers: Headers, name: str, limit: int) -> str | None:
    text = headers.one(name)
    if text is not None and len(text) > limit:
        raise InvalidMetadata(f"{name} has {len(text)} bytes, wanted at most {limit}")
    return text
