"""Uploads that this worker created a moment ago, so that the PATCH that follows need not read their rows.

A row may be changed by others meanwhile, so what is remembered here is good for one attempt at one
compare-and-set, which finds out, and never for an answer about the upload.

Belongs here: remembering, for a while. Not here: what it is used for (uploads/append.py).
"""

from collections import OrderedDict

from protocol.upload import Upload, UploadId

REMEMBERED = 1024
"""Uploads; clients whose PATCH comes later than so many POSTs have their row read."""


class FreshUploads:
    """The latest ones of one worker."""

    def __init__(self) -> None:
        self._uploads: OrderedDict[UploadId, Upload] = OrderedDict()

    def add(self, upload: Upload) -> None:
        """Just inserted, without bytes."""
        self._uploads[upload.id] = upload
        if len(self._uploads) > REMEMBERED:
            self._uploads.popitem(last=False)

    def take(self, upload_id: UploadId) -> Upload | None:
        """The upload as inserted; forgotten from now on."""
        return self._uploads.pop(upload_id, None)
