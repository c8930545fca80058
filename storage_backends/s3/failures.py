"""What goes wrong with a store, in our words.

Belongs here: names for failures, which may pass and which not. Not here: trying again (retries.py).
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from storage_backends.base import StorageAway, StorageError, StorageMissing

_CODE = re.compile(rb"<Code>([^<]{1,100})</Code>")
_MESSAGE = re.compile(rb"<Message>([^<]{1,300})</Message>")

_PASSING = frozenset(
    {
        *("InternalError", "SlowDown", "ServiceUnavailable", "RequestTimeout", "OperationAborted"),
        *("Throttling", "ThrottlingException", "TooManyRequests", "RequestTimeTooSkewed", "500", "503"),
        # The bytes that came are not those that were sent: damaged on the way.
        *(
            "BadDigest",
            "IncompleteBody",
            "XAmzContentSHA256Mismatch",
            "ExpiredToken",
            "ConditionalRequestConflict",
        ),
    }
)
_FIRST_SERVER_ERROR, _TOO_MANY, _TIMEOUT = 500, 429, 408


class Refused(StorageAway):
    """The store said no, with a code and a status."""

    def __init__(self, operation: str, code: str, status: int, message: str) -> None:
        super().__init__(f"{operation}: the store said {status} {code}: {message}")
        self.code = code
        self.status = status

    @property
    def may_pass(self) -> bool:
        return (
            self.code in _PASSING
            or self.status >= _FIRST_SERVER_ERROR
            or self.status in (_TOO_MANY, _TIMEOUT)
        )


class Unanswered(StorageAway):
    """No whole answer came; the request may have been carried out, or not."""


NETWORK = (aiohttp.ClientError, Unanswered, TimeoutError, OSError, EOFError)
"""How a request ends that may or may not have been carried out."""


class Vanished(StorageError):
    """There is no multipart upload of that id: completed, aborted, or never begun."""


def refused(operation: str, status: int, body: bytes) -> StorageError:
    """What an answer means that is not a success."""
    code, message = _CODE.search(body), _MESSAGE.search(body)
    return _named(
        operation,
        code[1].decode(errors="replace") if code else str(status),
        status,
        message[1].decode(errors="replace") if message else "",
    )


def _named(operation: str, code: str, status: int, message: str) -> StorageError:
    if code == "NoSuchUpload":
        return Vanished(f"{operation}: there is no such multipart upload")
    if code in ("NoSuchKey", "404", "NotFound", "NoSuchVersion") and status == 404:  # noqa: PLR2004 - HTTP's
        return StorageMissing(f"{operation}: there is no such object")
    return Refused(operation, code, status, message)


@contextmanager
def told(operation: str) -> Iterator[None]:
    """Around one call of the control client. Raises StorageError: Unanswered where the outcome is unknown."""
    try:
        yield
    except ClientError as failed:
        error = failed.response.get("Error", {})
        status = failed.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        raise _named(
            operation, str(error.get("Code", status)), status, str(error.get("Message", ""))
        ) from failed
    except HTTPClientError as failed:
        raise Unanswered(f"{operation}: {failed}") from failed
    except BotoCoreError as failed:
        raise StorageAway(f"{operation}: {failed}") from failed
