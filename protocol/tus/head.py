"""HEAD: how far an upload is (tus 1.0.0, HEAD)."""

from protocol.answer import Answer
from protocol.expiry import expiry_headers
from protocol.upload import Kind, Transfer, Upload

from .answers import tus_answer


def answer_head(upload: Upload) -> Answer:
    """200, not 204: both are allowed, and conformance suites want 200. Metadata goes back as it came."""
    metadata = {"Upload-Metadata": upload.metadata} if upload.metadata else {}
    concat = {"Upload-Concat": upload.concat} if upload.concat else {}
    return tus_answer(
        200,
        {
            **_offset(upload),
            **_length(upload),
            **metadata,
            **concat,
            **expiry_headers(upload),
            "Cache-Control": "no-store",
        },
    )


def _offset(upload: Upload) -> dict[str, str]:
    # "The response SHOULD NOT contain the Upload-Offset header until the concatenation is finished."
    if upload.kind is Kind.FINAL and upload.state is not Transfer.STORED:
        return {}
    return {"Upload-Offset": str(upload.offset)}


def _length(upload: Upload) -> dict[str, str]:
    if upload.length is not None:
        return {"Upload-Length": str(upload.length)}
    # The length of a final upload is not deferred by its client: its partials will tell.
    return {} if upload.kind is Kind.FINAL else {"Upload-Defer-Length": "1"}
