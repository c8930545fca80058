"""HEAD: how far an upload is (tus 1.0.0, HEAD)."""

from protocol.answer import Answer
from protocol.upload import Upload

from .answers import expiry_headers, tus_answer


def answer_head(upload: Upload) -> Answer:
    """200, not 204: both are allowed, and conformance suites want 200. Metadata goes back as it came."""
    length = {"Upload-Defer-Length": "1"} if upload.length is None else {"Upload-Length": str(upload.length)}
    metadata = {"Upload-Metadata": upload.metadata} if upload.metadata else {}
    return tus_answer(
        200,
        {
            "Upload-Offset": str(upload.offset),
            **length,
            **metadata,
            **expiry_headers(upload),
            "Cache-Control": "no-store",
        },
    )
