"""May we do in the bucket what uploads need?

Belongs here: one request for each right. Not here: the requests (storage_backends/s3/examination.py).
"""

from collections.abc import AsyncIterator, Awaitable, Callable

from storage_backends.base import StorageError
from storage_backends.s3 import Examination, is_denied

from .finding import Finding, well, wrong

CHECK = "bucket rights"

Step = Callable[[], Awaitable[None]]


async def look_at_rights(examination: Examination) -> AsyncIterator[Finding]:
    """One finding for each right that is missing."""
    is_well = True
    for right, step in _steps(examination):
        try:
            await step()
        except StorageError as failed:
            is_well = False
            yield _failed(right, failed)
            if right in _OTHERS_NEED:
                return
    if is_well:
        yield well(CHECK, "everything that uploads, downloads and the sweep need")


_OTHERS_NEED = ("s3:PutObject",)


def _steps(examination: Examination) -> list[tuple[str, Step]]:
    return [
        ("s3:ListBucket", examination.list_objects),
        ("s3:PutObject", examination.put_object),
        ("s3:GetObject", examination.get_object),
        ("s3:ListBucketMultipartUploads", examination.list_uploads),
        ("s3:PutObject", examination.begin),
        ("s3:ListMultipartUploadParts", examination.list_parts),
        ("s3:AbortMultipartUpload", examination.abort),
        ("s3:DeleteObject", examination.delete_object),
    ]


def _failed(right: str, failed: StorageError) -> Finding:
    if is_denied(failed):
        return wrong(CHECK, f"the store denies what needs {right}: {failed}", f"grant {right} (docs/s3.md)")
    return wrong(
        CHECK,
        f"trying {right}: {failed}",
        "is s3_bucket there, are s3_endpoint, s3_region and the credentials right?",
    )
