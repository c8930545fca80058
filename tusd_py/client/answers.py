"""What a server's reply means: done, try again, or never.

Belongs here: that judgement, for every verb alike, and the headers of a reply.
Not here: what is sent (tus.py, ietf.py).
"""

import time
from email.utils import parsedate_to_datetime

from protocol.errors import RepeatedHeader
from protocol.integers import LARGEST, number_in, shown

from .errors import NotTus, Rejected, Trouble, UploadError, UploadGone, WrongAnswer
from .statuses import may_pass
from .wire import Reply

_OF_PROXIES = frozenset({401, 403, 407, 413, 431})
"""Refusals that somebody in front of a tus server may utter, who knows no Tus-Resumable."""

_GONE = frozenset({404, 410})


def check(reply: Reply, *wanted: int) -> None:
    """Raises Trouble where another attempt may work, else an UploadError, unless the status is wanted."""
    if reply.status not in wanted:
        raise refusal(reply)
    if not speaks_tus(reply):
        raise NotTus(f"this is not a tus endpoint: {reply}, without Tus-Resumable")


def check_upload(reply: Reply, *wanted: int) -> None:
    """The same for requests on an upload's own URL. Raises UploadGone too."""
    if reply.status in _GONE and speaks_tus(reply):
        raise UploadGone(f"the upload is not there: {reply}", status=reply.status)
    check(reply, *wanted)


def refusal(reply: Reply, *, speaks: bool | None = None, what: str = "a tus") -> Trouble | UploadError:
    """What an unwanted status says; `speaks` is whether `what` server said it, None looks for tus."""
    speaks = speaks_tus(reply) if speaks is None else speaks
    if may_pass(reply.status):
        return Trouble(str(reply), retry_after=_retry_after(reply))
    if 300 <= reply.status < 400:  # noqa: PLR2004  # redirections
        there = shown(one(reply, "Location") or "")
        return NotTus(f"{reply}, a redirection to {there}; it is not followed: name that URL itself")
    if reply.status < 300 and speaks:  # noqa: PLR2004  # successes
        return WrongAnswer(f"{reply}, which is no answer to that")
    if speaks:
        return Rejected(str(reply), status=reply.status)
    if reply.status in _OF_PROXIES:
        return Rejected(
            f"{reply}, and not by {what} server: by something in front of it?", status=reply.status
        )
    return NotTus(f"this is not {what} endpoint: {reply}")


def speaks_tus(reply: Reply) -> bool:
    """Whether the reply has what every one must have (tus 1.0.0, Tus-Resumable)."""
    return one(reply, "Tus-Resumable") is not None


def one(reply: Reply, name: str) -> str | None:
    """A header's value. Raises WrongAnswer when it came twice."""
    try:
        return reply.headers.one(name)
    except RepeatedHeader as repeated:
        raise WrongAnswer(f"{reply}: {repeated}") from None


def number(reply: Reply, name: str) -> int | None:
    """A header that is a number of bytes; None when it did not come. Raises WrongAnswer."""
    text = one(reply, name)
    if text is None:
        return None
    found = number_in(text)
    if found is None or found > LARGEST:
        raise WrongAnswer(f"{reply}: {name} is {shown(text)}, wanted a number of bytes")
    return found


def words(reply: Reply, name: str) -> tuple[str, ...]:
    """A header that is a list of names, separated by commas."""
    return tuple(word.strip() for word in (one(reply, name) or "").split(",") if word.strip())


def _retry_after(reply: Reply) -> float | None:
    """Seconds from now; the header has them, or a date (RFC 9110, 10.2.3)."""
    text = one(reply, "Retry-After")
    if text is None:
        return None
    seconds = number_in(text)
    if seconds is not None:
        return float(seconds)
    try:
        return max(parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except (ValueError, OverflowError):
        return None
