"""Every refusal a client can meet: one class, one status, one code.

Codes are tusd's where tusd has one, so that scripts written for it go on working. The docstring of a
class is its default message. Permanent refusals are 4xx, because tus-js-client retries every 5xx.

Belongs here: what is said on the wire about a failure. Not here: how it becomes a response.
"""

from collections.abc import Mapping
from typing import ClassVar


class ProtocolError(Exception):
    """Raised only as one of its leaves."""

    status: ClassVar[int]
    code: ClassVar[str]
    reason: ClassVar[str | None] = None
    """The reason phrase, where HTTP has no name for the status."""
    retry_after: ClassVar[int | None] = None
    """Seconds; every 5xx and 423 carries one."""

    def __init__(self, message: str | None = None, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())
        self.headers: dict[str, str] = dict(headers or {})
        if self.retry_after is not None:
            self.headers.setdefault("Retry-After", str(self.retry_after))

    @property
    def body(self) -> str:
        """The answer's text, in tusd's form."""
        return f"{self.code}: {self}\n"


class BadHeader(ProtocolError):
    """a header is malformed"""

    status, code = 400, "ERR_INVALID_HEADER"


class RepeatedHeader(BadHeader):
    """a header was sent twice"""


class UnsupportedVersion(ProtocolError):
    """missing, invalid or unsupported Tus-Resumable header"""

    status, code = 412, "ERR_UNSUPPORTED_VERSION"


class MaxSizeExceeded(ProtocolError):
    """maximum size exceeded"""

    status, code = 413, "ERR_MAX_SIZE_EXCEEDED"

    def __init__(
        self,
        message: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        most: int | None = None,
    ) -> None:
        """`most` is how many bytes would do, where it is known."""
        super().__init__(message, headers=headers)
        self.most = most


class InvalidContentType(ProtocolError):
    """missing or invalid Content-Type header"""

    status, code = 415, "ERR_INVALID_CONTENT_TYPE"


class ContentEncodingRefused(ProtocolError):
    """Content-Encoding is not supported: offsets count the bytes as sent"""

    status, code = 415, "ERR_INVALID_CONTENT_ENCODING"


class InvalidUploadLength(ProtocolError):
    """missing or invalid Upload-Length header"""

    status, code = 400, "ERR_INVALID_UPLOAD_LENGTH"


class InvalidDeferLength(ProtocolError):
    """invalid Upload-Defer-Length header, the only value is 1"""

    status, code = 400, "ERR_INVALID_UPLOAD_LENGTH_DEFER"


class LengthAndDeferLength(ProtocolError):
    """provided both Upload-Length and Upload-Defer-Length"""

    status, code = 400, "ERR_AMBIGUOUS_UPLOAD_LENGTH"


class InvalidOffset(ProtocolError):
    """missing or invalid Upload-Offset header"""

    status, code = 400, "ERR_INVALID_OFFSET"


class InvalidMetadata(ProtocolError):
    """invalid Upload-Metadata header"""

    status, code = 400, "ERR_INVALID_UPLOAD_METADATA"


class InvalidConcat(ProtocolError):
    """invalid Upload-Concat header"""

    status, code = 400, "ERR_INVALID_CONCAT"


class ModifyFinal(ProtocolError):
    """modifying a final upload is not allowed"""

    status, code = 403, "ERR_MODIFY_FINAL"


class UploadNotFound(ProtocolError):
    """upload not found"""

    status, code = 404, "ERR_UPLOAD_NOT_FOUND"


class UploadGone(ProtocolError):
    """upload is gone: it was terminated, expired, or its bytes were lost"""

    status, code = 410, "ERR_UPLOAD_NOT_FOUND"


class OffsetConflict(ProtocolError):
    """mismatched offset"""

    status, code = 409, "ERR_MISMATCHED_OFFSET"

    def __init__(self, *, sent: int, current: int | None) -> None:
        """`current` is told only when no writer is at work; otherwise it could be stale at once."""
        self.sent, self.current = sent, current
        known = "" if current is None else f", the upload is at {current}"
        super().__init__(
            f"mismatched offset: sent {sent}{known}",
            headers={} if current is None else {"Upload-Offset": str(current)},
        )


class WrongDialect(ProtocolError):
    """the upload was made by another protocol"""

    status, code = 400, "ERR_WRONG_PROTOCOL"


class AlreadyComplete(ProtocolError):
    """the upload is complete, nothing can be added"""

    status, code = 400, "ERR_UPLOAD_COMPLETE"


class InvalidPart(ProtocolError):
    """a part is not what the request says of it"""

    status, code = 400, "ERR_INVALID_PART"


class DirectUpload(ProtocolError):
    """the parts of this upload go to the store itself"""

    # 403, as 409 has tus-js-client ask for the offset and try again.
    status, code = 403, "ERR_DIRECT_UPLOAD"


class NoDirectUpload(ProtocolError):
    """parts cannot be sent to the store itself"""

    status, code = 400, "ERR_NO_DIRECT_UPLOAD"


class UploadSizeExceeded(ProtocolError):
    """upload's size exceeded"""

    status, code = 413, "ERR_UPLOAD_SIZE_EXCEEDED"


class UploadNotFinished(ProtocolError):
    """upload is not finished yet"""

    status, code = 409, "ERR_UPLOAD_NOT_FINISHED"
    retry_after = 5


class NotScannedYet(ProtocolError):
    """the file has not been scanned for viruses yet"""

    # 409 like an upload that is not finished: the same request may succeed a little later.
    status, code = 409, "ERR_NOT_SCANNED"
    retry_after = 5


class Quarantined(ProtocolError):
    """the file is in quarantine"""

    # 403, not 410: it is still there, and the operator may release it.
    status, code = 403, "ERR_QUARANTINED"


class TicketRefused(ProtocolError):
    """this link is not valid, or not any more"""

    # The same for a forged one and one that has expired: nothing is learnt by trying.
    status, code = 403, "ERR_LINK_REFUSED"


class LinkNotFound(ProtocolError):
    """there is no such link"""

    status, code = 404, "ERR_LINK_NOT_FOUND"


class LinkGone(ProtocolError):
    """this link has expired, was used up or revoked, or its file is gone"""

    status, code = 410, "ERR_LINK_GONE"


class TooManyLinks(ProtocolError):
    """the file has as many links as it may have"""

    status, code = 409, "ERR_TOO_MANY_LINKS"


class TooManyListeners(ProtocolError):
    """too many connections listen already; close one, or try again"""

    status, code = 429, "ERR_TOO_MANY_LISTENERS"
    retry_after = 10


class NotInQuarantine(ProtocolError):
    """the version is not in quarantine"""

    status, code = 409, "ERR_NOT_IN_QUARANTINE"


class UploadLocked(ProtocolError):
    """upload is being written by another request"""

    status, code = 423, "ERR_UPLOAD_LOCKED"
    retry_after = 1


class DigestPending(UploadLocked):
    """all bytes are here and are being compared with the upload's Repr-Digest; ask again for the outcome"""

    code = "ERR_DIGEST_PENDING"
    retry_after = 2


class UploadInterrupted(ProtocolError):
    """another request for this upload interrupted this one; ask for the offset and go on"""

    # 423, not 4xx: tus-js-client retries it, and a HEAD tells it where to go on.
    status, code = 423, "ERR_UPLOAD_INTERRUPTED"
    retry_after = 1


class UploadRejected(ProtocolError):
    """upload rejected by server"""

    status, code = 400, "ERR_UPLOAD_REJECTED"

    def __init__(
        self,
        message: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        status: int = 0,
        body: str = "",
    ) -> None:
        """`status` and `body` are what the client hears instead of ours; 0 and "" change nothing."""
        super().__init__(message, headers=headers)
        self._body = body
        if status:
            # Only of this one: a class says what its errors are otherwise.
            self.__dict__["status"] = status

    @property
    def has_own_body(self) -> bool:
        """Whoever rejects says it in words of their own."""
        return bool(self._body)

    @property
    def body(self) -> str:
        return self._body or super().body


class TerminationRejected(UploadRejected):
    """upload termination rejected by server"""

    status, code = 400, "ERR_UPLOAD_TERMINATION_REJECTED"


class TypeRefused(UploadRejected):
    """files of this type are not allowed here"""

    status, code = 415, "ERR_TYPE_NOT_ALLOWED"


class FilenameRefused(UploadRejected):
    """files of this name are not allowed here"""

    status, code = 400, "ERR_FILENAME_NOT_ALLOWED"


class ReadTimeout(ProtocolError):
    """no data arrived in time; what came is kept"""

    # Not 408: tus-js-client retries every 5xx, but gives up on other 4xx.
    status, code = 503, "ERR_READ_TIMEOUT"
    retry_after = 1


class TooSlow(ProtocolError):
    """data arrived too slowly; what came is kept"""

    status, code = 503, "ERR_READ_TIMEOUT"
    retry_after = 1


class MalformedBody(ProtocolError):
    """the body's framing is broken"""

    status, code = 400, "ERR_MALFORMED_BODY"


class UnsupportedAlgorithm(ProtocolError):
    """unsupported checksum algorithm"""

    status, code = 400, "ERR_UNSUPPORTED_CHECKSUM"


class ChecksumMismatch(ProtocolError):
    """checksum mismatch"""

    status, code = 460, "ERR_CHECKSUM_MISMATCH"
    # tus 1.0.0, Checksum: the status has this name; HTTP libraries have none.
    reason = "Checksum Mismatch"


class DigestMismatch(ProtocolError):
    """the upload is not what its Repr-Digest says"""

    status, code = 400, "ERR_DIGEST_MISMATCH"


class InvalidBodyType(ProtocolError):
    """missing or invalid Content-Type header, wanted application/json"""

    status, code = 415, "ERR_INVALID_CONTENT_TYPE"


class BodyTooLarge(ProtocolError):
    """the body is too large"""

    status, code = 413, "ERR_BODY_TOO_LARGE"


class InvalidBody(ProtocolError):
    """the body is not what was wanted"""

    status, code = 400, "ERR_INVALID_BODY"


class InvalidQuery(ProtocolError):
    """a parameter of the query is not what was wanted"""

    status, code = 400, "ERR_INVALID_QUERY"


class PathTaken(ProtocolError):
    """another file of this owner has that path"""

    status, code = 409, "ERR_PATH_TAKEN"


class OriginRefused(ProtocolError):
    """request origin is not allowed"""

    status, code = 403, "ERR_ORIGIN_NOT_ALLOWED"


class Unauthorized(ProtocolError):
    """who is asking is not known"""

    # RFC 9110, 15.5.2: whoever raises it adds WWW-Authenticate with what would be accepted.
    status, code = 401, "ERR_UNAUTHORIZED"


class Forbidden(ProtocolError):
    """not allowed"""

    status, code = 403, "ERR_FORBIDDEN"


class HostRefused(ProtocolError):
    """this Host is not served here"""

    status, code = 421, "ERR_HOST_NOT_ALLOWED"


class MethodNotAllowed(ProtocolError):
    """method not allowed"""

    status, code = 405, "ERR_METHOD_NOT_ALLOWED"


class NotFound(ProtocolError):
    """not found"""

    status, code = 404, "ERR_NOT_FOUND"


class ExpectationFailed(ProtocolError):
    """the only expectation known is 100-continue"""

    status, code = 417, "ERR_EXPECTATION_FAILED"


class PreconditionFailed(ProtocolError):
    """what is there is not what the request is about"""

    status, code = 412, "ERR_PRECONDITION_FAILED"


class RangeNotSatisfiable(ProtocolError):
    """the range lies outside the file"""

    status, code = 416, "ERR_RANGE_NOT_SATISFIABLE"


class StorageExhausted(ProtocolError):
    """the server has no room for this upload now; it can go on later"""

    status, code = 507, "ERR_INSUFFICIENT_STORAGE"
    retry_after = 60


class QuotaExceeded(ProtocolError):
    """quota exceeded"""

    # 413, not 507: tus-js-client retries every 5xx, and the same request would be refused again.
    status, code = 413, "ERR_QUOTA_EXCEEDED"


class QuotaUsedUp(ProtocolError):
    """quota exceeded; what came is kept, and the upload can go on when there is room"""

    # RFC 4331, 6: how WebDAV says it.
    status, code = 507, "ERR_QUOTA_EXCEEDED"
    retry_after = 60


class TooManyOpen(ProtocolError):
    """too many unfinished uploads"""

    status, code = 429, "ERR_TOO_MANY_UPLOADS"
    retry_after = 60


class TooManyRequests(ProtocolError):
    """too many requests"""

    status, code = 429, "ERR_TOO_MANY_REQUESTS"
    retry_after = 1


class SlowDown(TooManyRequests):
    """too many requests; come back in a moment"""

    # For clients that repeat what gets a 5xx, and nothing else.
    status, code = 503, "ERR_TOO_MANY_REQUESTS"
    retry_after = 1


class ServerShutdown(ProtocolError):
    """the server is shutting down; what came is kept"""

    status, code = 503, "ERR_SERVER_SHUTDOWN"
    retry_after = 1


class Unavailable(ProtocolError):
    """the server cannot do this now; try again"""

    status, code = 503, "ERR_UNAVAILABLE"
    retry_after = 5


class InternalError(ProtocolError):
    """internal server error"""

    status, code = 500, "ERR_INTERNAL_SERVER_ERROR"
    retry_after = 5


def leaves() -> list[type[ProtocolError]]:
    """Every error a client can meet, in the order of this file; for the docs and the tests."""
    found: list[type[ProtocolError]] = []
    waiting = list(ProtocolError.__subclasses__())
    while waiting:
        error = waiting.pop(0)
        found.append(error)
        waiting = error.__subclasses__() + waiting
    return found
