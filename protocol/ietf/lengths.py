"""The length of an upload, which a request can tell in two ways (draft, 4.1.3)."""

from protocol.body import Body
from protocol.errors import InvalidUploadLength, MaxSizeExceeded
from protocol.headers import Headers
from protocol.structured import LARGEST_INTEGER, integer_item


def told_length(headers: Headers, body: Body, *, offset: int, complete: bool) -> int | None:
    """What Upload-Length says, or the end of a body that completes the upload; None where neither is there.

    Raises InvalidUploadLength where both are, and differ; MaxSizeExceeded for what no field could say.
    """
    declared = non_negative(headers, "Upload-Length")
    if not complete or body.expected is None:
        return declared
    end = offset + body.expected
    if end > LARGEST_INTEGER:
        raise MaxSizeExceeded(f"maximum size exceeded: {end} bytes, wanted at most {LARGEST_INTEGER}")
    if declared is not None and declared != end:
        raise InvalidUploadLength(
            f"Upload-Length is {declared}, but the body that completes the upload ends at {end}"
        )
    return end


def non_negative(headers: Headers, name: str) -> int | None:
    """A non-negative Integer; "Other values MUST cause the entire header field to be ignored" (4.1)."""
    value = integer_item(headers.every(name))
    return None if value is None or value < 0 else value
