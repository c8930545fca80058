"""What can go wrong with an upload, as its sender sees it.

Belongs here: the exceptions that programs catch. Every message is one sentence for a person.
Not here: what a server says on the wire (protocol/errors.py).
"""

from typing import ClassVar


class BadOptions(ValueError):
    """What was asked for cannot be done by anybody; nothing was sent."""


class UploadError(Exception):
    """Raised only as one of its leaves."""

    is_resumable: ClassVar[bool] = False
    """The same call may go on where this one stopped."""


class SourceUnreadable(UploadError):
    """What is to be sent cannot be read."""


class SourceChanged(UploadError):
    """The file is not what it was when its upload began."""


class SourceSpent(UploadError):
    """The server wants bytes of a stream that are no longer held."""


class UnderWay(UploadError):
    """Somebody else is sending the same file to the same place."""

    is_resumable = True


class NotTus(UploadError):
    """Whoever answers at this address does not speak the protocol that was asked for."""


class NotOffered(UploadError):
    """The server does not announce what was asked for."""


class WrongAnswer(UploadError):
    """The server speaks tus, but says what the protocol does not allow."""


class StoreFailed(Exception):
    """An upload cannot be remembered or recalled. Never stops one: it only cannot be resumed."""


class Rejected(UploadError):
    """The server refused for good; asking again as before will not help."""

    is_resumable = True
    """What is there stays there: with other credentials, or another limit, it may go on."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class UploadGone(Rejected):
    """The server does not have this upload (any more): 404 or 410."""

    is_resumable = False


class GaveUp(UploadError):
    """It did not work for as long as was asked to try."""

    is_resumable = True


class Trouble(Exception):
    """One attempt failed, and another may not. Never leaves this package."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds that the server asks to wait."""
