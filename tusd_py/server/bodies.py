"""Where the faces of uploads get a request's body from, and what they say of one that did not end well.

Belongs here: what both dialects do alike. Not here: reading (intake.py, bulk.py), the dialects (tus.py,
ietf.py).
"""

from dataclasses import dataclass

from aiohttp import web

from protocol.errors import ProtocolError
from tusd_py.access.identity import Identity
from tusd_py.uploads.admit import most_of
from tusd_py.uploads.append import Appended
from tusd_py.uploads.context import Context

from .bulk import source_of
from .expect import send_continue
from .intake import BodyDeadlines, StreamSource, WholeSource, is_empty
from .rate_limits import RateLimits
from .refusals import refusal_of_ending

FIRST_BYTE = 5.0
"""Seconds in which a body without a length, of a type that is refused, may turn out to be empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bodies:
    """How slow and how fast they may come."""

    deadlines: BodyDeadlines
    limits: RateLimits | None = None
    """None where senders may be as fast as they can."""

    def source(self, request: web.Request, identity: Identity) -> StreamSource | WholeSource:
        """The body; nothing is asked of the client before somebody reads it."""

        async def begin() -> None:
            await send_continue(request)

        throttle = None if self.limits is None else self.limits.throttle_of(request, identity)
        return source_of(request, self.deadlines, begin, throttle)

    async def is_empty(self, request: web.Request) -> bool:
        """A body without a length turned out to have no bytes; others are spent, and have to be refused.

        Whoever asks before sending has some (RFC 9110, 10.1.1), and is not told to.
        """
        if "Transfer-Encoding" not in request.headers or "Expect" in request.headers:
            return False
        return await is_empty(request.content, min(self.deadlines.idle, FIRST_BYTE))


def refusal_of(context: Context, ended: Appended, declared: int | None) -> ProtocolError:
    """What a client hears whose body did not end well; `declared` is the Upload-Length of its request."""
    max_size, most = context.rules.features.max_size, most_of(context, ended.upload)
    return refusal_of_ending(
        ended.ending,
        ended.upload,
        declared=declared,
        max_size=max_size if most == max_size else 0,
        most=most,
    )
