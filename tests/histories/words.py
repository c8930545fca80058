"""What a dialect has to have: words for requests, and an ear for answers.

Belongs here: what histories need of either, and what both have. Not here: the words (tus_words.py,
ietf_words.py), what must be answered (tus_model.py, ietf_model.py).
"""

import time
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from typing import Protocol

from tests.harness.wire import Answer

from .requests import Request
from .values import Manner, Said, Sent, Upload

HOUR = 3600

PREDICTED = (
    "Location",
    "Tus-Max-Size",
    "Tus-Version",
    "Upload-Complete",
    "Upload-Concat",
    "Upload-Defer-Length",
    "Upload-Expires",
    "Upload-Incomplete",
    "Upload-Length",
    "Upload-Limit",
    "Upload-Metadata",
    "Upload-Offset",
)
"""Headers that must be there or not, with just that value."""


class Diverged(AssertionError):
    """The server said something else than the model."""


class Words(Protocol):
    """One dialect's."""

    mistakes: Sequence[str]
    """For `spoilt`."""
    offset_status: int
    """Of HEAD."""
    busy_status: int
    """Of HEAD where somebody else was not quick enough to let go."""

    def creating(self, upload: Upload, sent: Sent) -> Request: ...
    def appending(self, target: str, offset: int, sent: Sent) -> Request: ...
    def asking(self, method: str, target: str, manner: Manner) -> Request: ...

    def spoilt(self, right: Request, what: str) -> tuple[Request, Said]:
        """A PATCH with a mistake that no upload makes right, and what must be said to it."""
        ...

    def heard(self, answer: Answer, manner: Manner) -> Said:
        """What of an answer can be predicted. Raises Diverged for one that is not in these words."""
        ...


class Answers(Protocol):
    """What one dialect's clients must be answered, and what becomes of the upload."""

    def create(self, upload: Upload, sent: Sent) -> Said: ...
    def append(self, upload: Upload, offset: int, sent: Sent) -> Said: ...
    def refuses(self, upload: Upload, offset: int, sent: Sent) -> Said | None: ...
    def may_keep(self, upload: Upload, offset: int, sent: Sent, refused: Said) -> bool: ...
    def after_keeping(self, upload: Upload, refused: Said) -> Said: ...
    def overtaken(self, upload: Upload) -> Said: ...
    def head(self, upload: Upload) -> Said: ...
    def delete(self, upload: Upload) -> Said: ...


def predicted(answer: Answer) -> dict[str, str]:
    """Headers, with dates as hours from now."""
    headers = {name: answer.headers[name.lower()] for name in PREDICTED if name.lower() in answer.headers}
    if "Location" in headers:
        headers["Location"] = "given"
    if "Upload-Expires" in headers:
        seconds = parsedate_to_datetime(headers["Upload-Expires"]).timestamp() - time.time()
        headers["Upload-Expires"] = str(round(seconds / HOUR))
    return headers
