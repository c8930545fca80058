"""The one seam between exceptions and responses.

`install` puts it around an application: every request is checked before anything else, every exception
becomes an answer in tusd's form, every response carries what all responses must carry.

Belongs here: the middleware and the last touch to responses. Not here: what went wrong (protocol/errors.py)
and what never became a request (bounded_connection.py).
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Protocol

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware
from multidict import CIMultiDict

from protocol.answer import Answer
from protocol.errors import (
    BadHeader,
    ExpectationFailed,
    InternalError,
    MaxSizeExceeded,
    MethodNotAllowed,
    NotFound,
    ProtocolError,
    Unauthorized,
    Unavailable,
    UploadLocked,
)
from protocol.ietf.refusals import answer_refused
from protocol.tus.answers import answer_error
from protocol.tus.version import VERSION
from tusd_py.config.settings import Settings
from tusd_py.log import Frequent, current_request, get_logger
from tusd_py.masking import MASK

from .cors import METHODS, CorsPolicy
from .dialects import Spoke, spoke
from .guard import check_origin, check_request, is_below_base, is_of_the_server, request_id
from .identify import CHALLENGE
from .location import client_address
from .problems import answer_problem, wants_problem
from .refusal_page import answer_page, wants_page
from .responses import SERVER_NAME, Bare, response_of
from .spoken import SPOKEN

log = get_logger("tusd_py.server")
answered = Frequent("tusd_py.server", "request")

QUIET_PATHS = frozenset({"/healthz", "/readyz", "/health"})
"""Asked every few seconds by machines: neither logged nor counted."""

_FIRST_SERVER_ERROR = 500


class RequestMeter(Protocol):
    """What is counted of requests. Calls are cheap and never fail."""

    def requested(self, method: str) -> None: ...
    def spoke(self, dialect: Spoke) -> None: ...
    def refused(self, status: int, code: str) -> None: ...


def install(app: web.Application, settings: Settings, *, meter: RequestMeter) -> "Seam":
    """Make this the outermost layer of `app`. Raises Refused for CORS settings that cannot be."""
    seam = Seam(settings, CorsPolicy(settings.cors), meter)
    app.middlewares.insert(0, seam.middleware())
    app.on_response_prepare.append(seam.finish)
    return seam


class Seam:
    """The settings, the CORS policy and the meter, around every request."""

    def __init__(self, settings: Settings, cors: CorsPolicy, meter: RequestMeter) -> None:
        self.settings = settings
        self._cors = cors
        self._meter = meter

    def middleware(self) -> Middleware:
        """The outermost middleware; routes of aiohttp's own (404, 405) pass it too."""

        @web.middleware
        async def outermost(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path in QUIET_PATHS:
                return await self._answer(request, handler)
            return await self.around(request, handler)

        return outermost

    async def around(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """One request: counted, checked, answered and logged."""
        began = time.monotonic()
        token = current_request.set(request_id(request))
        try:
            self._meter.requested(request.method)
            response = await self._answer(request, handler)
            self._record(request, response, time.monotonic() - began)
            return response
        finally:
            self._meter.spoke(spoke(request, self.settings))
            current_request.reset(token)

    async def straight(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """As `around`, where no application is around that: the last touch is here, too.

        So `handler` must not have prepared its response.
        """
        response = await self.around(request, handler)
        self._finish(request, response)
        if isinstance(response, Bare):
            await response.write_at_once(request)
        return response

    async def finish(self, request: web.Request, response: web.StreamResponse) -> None:
        """The last touch, just before the head of any response goes out (on_response_prepare)."""
        self._finish(request, response)

    def stamp(self, request: web.Request, headers: CIMultiDict[str]) -> None:
        """What the answers to a request like this all say."""
        self._cors.stamp(request, headers)
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers["Server"] = SERVER_NAME

    def _finish(self, request: web.Request, response: web.StreamResponse) -> None:
        self.stamp(request, response.headers)
        response.headers["X-Request-ID"] = request_id(request)
        if SPOKEN not in request and is_below_base(request, self.settings):
            response.headers.setdefault("Tus-Resumable", VERSION)

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await self._checked(request, handler)
        except web.HTTPException as exc:
            if exc.status < web.HTTPBadRequest.status_code:
                raise
            # The request keeps it where there is no such path, and its traceback keeps the request.
            exc.__traceback__ = None
            return self._refuse(request, _translated(exc))
        except ProtocolError as error:
            return self._refuse(request, error)
        except Exception as exc:
            # One of the two outermost loops: whatever it is, the client hears 500 and we keep the traceback.
            if _was_begun(request):
                if not isinstance(exc, ConnectionError):
                    log.exception("request.broken_off")
                raise ConnectionError("the answer was begun and cannot be finished") from exc
            if isinstance(exc, ConnectionError) and request.transport is None:
                log.debug("request.client_gone")
            else:
                log.exception("request.failed")
            return self._refuse(request, InternalError())

    async def _checked(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        check_request(request, self.settings)
        if is_of_the_server(request):
            # "Allow" alone (RFC 9110, 9.3.7): Upload-Limit there would say that uploads can be made anywhere
            # (IETF draft, 4.1.4), and what tus has is of its own path.
            allowed = {hdrs.ALLOW: ", ".join(METHODS)}
            return web.Response(status=web.HTTPNoContent.status_code, headers=allowed)
        if is_below_base(request, self.settings):
            return await handler(request)
        if self._cors.answers(request):
            return web.Response(status=web.HTTPNoContent.status_code)
        check_origin(request, self.settings)
        return await handler(request)

    def _refuse(self, request: web.Request, error: ProtocolError) -> web.Response:
        if _was_begun(request):
            raise ConnectionError("the answer was begun and cannot be finished") from error
        said = self._kept_alive(request, error)
        if isinstance(said, Unauthorized):
            # RFC 9110, 15.5.2: a 401 MUST say what would be accepted.
            said.headers.setdefault(hdrs.WWW_AUTHENTICATE, CHALLENGE)
        self._meter.refused(said.status, said.code)
        response = response_of(_form(request)(said))
        if _has_unread_body(request):
            response.force_close()
        return response

    def _kept_alive(self, request: web.Request, error: ProtocolError) -> ProtocolError:
        """On HEAD of an upload whatever passes by is 423.

        tus-js-client starts again from byte 0 on any other failure there, 5xx included.
        """
        method = request.headers.get("X-HTTP-Method-Override", request.method).upper()
        spoken = request.get(SPOKEN)
        if spoken is not None and not spoken.interop.is_of_tus_js_client:
            return error
        passing = error.status >= _FIRST_SERVER_ERROR
        if method == "HEAD" and passing and is_below_base(request, self.settings):
            return UploadLocked(str(error), headers={"Retry-After": error.headers.get("Retry-After", "1")})
        return error

    def note(self, *, method: str, path: str, status: int, seconds: float, client: str) -> None:
        """Count and log a request of tus that was answered elsewhere, with yes."""
        self._meter.requested(method)
        self._meter.spoke(Spoke.TUS)
        if self.settings.log.requests:
            _log(method, path, status, seconds, client)

    def _record(self, request: web.Request, response: web.StreamResponse, seconds: float) -> None:
        if self.settings.log.requests:
            # Never the query: it may hold a signature.
            client = client_address(request, self.settings)
            _log(request.method, _shown(request.path), response.status, seconds, client)


def _log(method: str, path: str, status: int, seconds: float, client: str) -> None:
    answered.info(
        method=method, path=path, status=status, duration_ms=round(seconds * 1000, 1), client=client
    )


def _form(request: web.BaseRequest) -> Callable[[ProtocolError], Answer]:
    spoken = request.get(SPOKEN)
    if spoken is not None:
        return partial(answer_refused, interop=spoken.interop, limit=spoken.limit)
    if wants_page(request):
        return answer_page
    return answer_problem if wants_problem(request) else answer_error


def _shown(path: str) -> str:
    """A path as it may be logged: what a share link ends with opens a file."""
    return f"/s/{MASK}" if path.startswith("/s/") else path


def _translated(exc: web.HTTPException) -> ProtocolError:
    """aiohttp's own refusals, in our words."""
    if isinstance(exc, web.HTTPMethodNotAllowed):
        return MethodNotAllowed(headers={"Allow": ",".join(sorted(exc.allowed_methods))})
    known: dict[int, type[ProtocolError]] = {
        404: NotFound,
        413: MaxSizeExceeded,
        417: ExpectationFailed,
        503: Unavailable,
    }
    fallback = InternalError if exc.status >= _FIRST_SERVER_ERROR else BadHeader
    return known.get(exc.status, fallback)()


def _was_begun(request: web.Request) -> bool:
    """Part of an answer is on its way already."""
    return request.writer.output_size > 0


def _has_unread_body(request: web.Request) -> bool:
    content = request.content
    return request.body_exists and (not content.is_eof() or content.exception() is not None)
