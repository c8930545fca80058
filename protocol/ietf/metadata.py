"""What a creation says of the file: Content-Type and Content-Disposition (draft, 4.2.1; RFC 6266)."""

from email.message import Message

from protocol.errors import InvalidMetadata
from protocol.headers import Headers
from protocol.metadata import Metadata, format_metadata, parse_metadata


def parse_described(headers: Headers, *, limit: int) -> Metadata:
    """`filename` and `filetype`, as of any upload. Raises InvalidMetadata above `limit` bytes."""
    values: dict[str, str | bytes] = {}
    filename = _filename(headers.one("Content-Disposition"))
    if filename:
        values["filename"] = filename.encode("utf-8", "replace")
    filetype = headers.one("Content-Type")
    if filetype:
        values["filetype"] = filetype.encode("utf-8", "replace")
    raw = format_metadata(values)
    if len(raw) > limit:
        raise InvalidMetadata(
            f"Content-Type and Content-Disposition make {len(raw)} bytes of metadata, wanted at most {limit}"
        )
    return parse_metadata(raw, limit=limit)


def _filename(disposition: str | None) -> str | None:
    if not disposition:
        return None
    described = Message()
    # Bytes that are no UTF-8 come as surrogates, which a name cannot have.
    described["Content-Disposition"] = disposition.encode("utf-8", "replace").decode("utf-8", "replace")
    return described.get_filename()
