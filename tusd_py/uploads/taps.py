"""Who else sees the bytes of a body, as they go to storage.

A scanner may look at an upload while it arrives. It is shown the same blocks that are written, and is told
when they are all and committed; on anything else it forgets them.

Belongs here: the seam. Not here: the scanner's side of it (scanning/streams.py).
"""

from typing import Protocol

from protocol.upload import Upload, UploadId
from storage_backends.base import Block


class Tap(Protocol):
    """Sees one body. Its calls never wait and never fail: whatever goes wrong there is not the upload's."""

    def feed(self, block: Block) -> None:
        """The next bytes, which are the caller's again afterwards; from any thread, one call at a time."""
        ...

    def end(self, offset: int) -> None:
        """The body is complete, and so are `offset` bytes of the upload; they are not committed yet."""
        ...

    def keep(self) -> None:
        """They are committed: the upload is these bytes and no others."""
        ...

    def close(self) -> None:
        """Nothing more will come. What was not kept is forgotten."""
        ...


class Taps(Protocol):
    """Gives out taps."""

    def open(self, upload: Upload, expected: int | None) -> Tap | None:
        """For a body of `expected` bytes (None where its sender does not say) that is about to be written.

        None where nobody wants to see it, which is the usual answer.
        """
        ...

    def grace(self, upload_id: UploadId) -> int:
        """Microseconds that other workers leave the scan of an upload to this one; 0 unless it was seen."""
        ...


class NoTaps:
    """Nobody looks on."""

    def open(self, _upload: Upload, _expected: int | None) -> None:
        """See `Taps`."""
        return

    def grace(self, _upload_id: UploadId) -> int:
        """See `Taps`."""
        return 0
