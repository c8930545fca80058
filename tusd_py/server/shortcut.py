"""Uploading past the application: a POST or PATCH of the tus face goes from its connection to its handler.

The application would look up the route, go through its middlewares and send signals to itself, which costs
as much as parsing the request did. The same seam is around the same handler here, so how a request is
checked, answered, counted and logged does not depend on the way that it took. An application that joins in
with more than the seam, by a middleware or a signal, is not gone past.

Belongs here: which requests may take this way. Not here: the seam (errors.py), the handler (tus.py).
"""

from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler

from tusd_py.config.settings import Settings

from .errors import Seam
from .guard import REQUEST_ID, is_below_base
from .refusals import refuse
from .small_request import SmallWay

# Of these the answer is made when the handler returns; a download begins to send before that.
_METHODS = frozenset({"POST", "PATCH", "HEAD"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortcut:
    """The way past one application; the application takes all requests that this does not."""

    seam: Seam
    handler: Handler
    settings: Settings
    lane: SmallWay | None = None
    """A shorter way yet, for some."""

    def is_whole(self, app: web.Application) -> bool:
        """The seam is all there is around the routes of `app`."""
        return len(app.middlewares) == 1 and len(app.on_response_prepare) == 1

    def takes(self, request: web.BaseRequest) -> bool:
        """An override may mean any method."""
        return (
            request.method in _METHODS
            and is_below_base(request, self.settings)
            and "X-HTTP-Method-Override" not in request.headers
        )

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """What the application would answer."""
        return await self.seam.straight(request, self.handler)

    async def say(self, request: web.Request, error: Exception, request_id: str) -> web.StreamResponse:
        """What it would answer where the handler meets `error`, which it did already."""

        async def met(_request: web.Request) -> web.StreamResponse:
            refuse(error)
            raise error

        request[REQUEST_ID] = request_id
        return await self.seam.straight(request, met)


SHORTCUT = web.AppKey("shortcut", Shortcut)
"""Where an application keeps its own."""
