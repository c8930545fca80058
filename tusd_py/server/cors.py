"""Which web pages may use us (Fetch Standard, 3.2).

Belongs here: CORS headers, put on every response in one place. Not here: refusing requests (guard.py): a
page that is not allowed simply cannot read the answer.
"""

import re

from aiohttp import web
from multidict import CIMultiDict

from tusd_py.config.settings import Cors
from tusd_py.errors import Refused

METHODS = ("POST", "HEAD", "PATCH", "PUT", "OPTIONS", "DELETE", "GET")

REQUEST_HEADERS = (
    "Authorization",
    "X-Api-Key",
    "Origin",
    "X-Requested-With",
    "X-Request-ID",
    "X-HTTP-Method-Override",
    "Content-Type",
    "Upload-Length",
    "Upload-Offset",
    "Tus-Resumable",
    "Upload-Metadata",
    "Upload-Defer-Length",
    "Upload-Concat",
    "Upload-Checksum",
    "Upload-Complete",
    "Upload-Incomplete",
    "Upload-Draft-Interop-Version",
    "Content-Disposition",
    "Repr-Digest",
    "Content-Digest",
)

RESPONSE_HEADERS = (
    "Upload-Offset",
    "Location",
    "ETag",
    "Upload-Length",
    "Tus-Version",
    "Tus-Resumable",
    "Tus-Max-Size",
    "Tus-Extension",
    "Tus-Checksum-Algorithm",
    "Upload-Metadata",
    "Upload-Defer-Length",
    "Upload-Concat",
    "Upload-Expires",
    "Upload-Complete",
    "Upload-Limit",
    "Upload-Draft-Interop-Version",
    "X-Request-ID",
    "Retry-After",
    "WWW-Authenticate",
)

# RFC 6454, 6.2: scheme, host, perhaps a port. "null" is not one: every sandboxed page and local file has it.
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.ASCII)

EVERY_PAGE = ".*"
"""The pattern that is known to match every Origin; it is the default."""

# Nobody names this one, so a pattern that matches it matches anything.
_NOBODY = "https://nobody.invalid"


class CorsPolicy:
    """The settings, made ready."""

    def __init__(self, cors: Cors) -> None:
        """Raises Refused for a pattern that is none, and for credentials open to every page."""
        try:
            self._pattern = re.compile(cors.allow_origin)
        except re.error as exc:
            raise Refused(f"cors.allow_origin is not a regular expression: {exc}") from exc
        self._named = self._pattern.fullmatch(_NOBODY) is None
        if cors.allow_credentials and not self._named:
            raise Refused(
                "cors.allow_credentials is on while cors.allow_origin matches every page",
                hint='Name the pages, for example cors.allow_origin = "https://app\\\\.example\\\\.org".',
            )
        self._enabled = not cors.disable
        self._credentials = cors.allow_credentials
        self._max_age = str(int(cors.max_age))
        # Lists, never "*": that covers neither Authorization nor anything at all with credentials.
        self._methods = ", ".join(dict.fromkeys((*METHODS, *cors.allow_methods)))
        self._request_headers = ", ".join(dict.fromkeys((*REQUEST_HEADERS, *cors.allow_headers)))
        self._response_headers = ", ".join(dict.fromkeys((*RESPONSE_HEADERS, *cors.expose_headers)))

    def allows(self, origin: str) -> bool:
        """This page may use us. The whole origin must match."""
        return (
            self._enabled
            and _ORIGIN.fullmatch(origin) is not None
            and self._pattern.fullmatch(origin) is not None
        )

    def names(self, origin: str) -> bool:
        """This page was named, not just let in with all others."""
        return self._named and self.allows(origin)

    def answers(self, request: web.BaseRequest) -> bool:
        """This is a preflight, and the business of CORS alone wherever no face wants it."""
        return self._enabled and _is_preflight(request)

    def stamp(self, request: web.BaseRequest, headers: CIMultiDict[str]) -> None:
        """Put what belongs on this response; errors too."""
        if not self._enabled:
            return
        # Always: without it a cache would give one page the answer made for another.
        _vary(headers, "Origin")
        origins = request.headers.getall("Origin", [])
        if len(origins) != 1 or not self.allows(origins[0]):
            return
        headers["Access-Control-Allow-Origin"] = origins[0]
        if self._credentials:
            headers["Access-Control-Allow-Credentials"] = "true"
        if _is_preflight(request):
            self._stamp_preflight(request, headers)
        else:
            headers["Access-Control-Expose-Headers"] = self._response_headers

    def for_unread(self) -> dict[str, str]:
        """What an answer to a request says whose Origin nobody could read: all pages may have it, or none."""
        if not self._enabled or self._pattern.pattern != EVERY_PAGE:
            return {}
        return {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": self._response_headers}

    def _stamp_preflight(self, request: web.BaseRequest, headers: CIMultiDict[str]) -> None:
        _vary(headers, "Access-Control-Request-Method")
        _vary(headers, "Access-Control-Request-Headers")
        headers["Access-Control-Allow-Methods"] = self._methods
        headers["Access-Control-Allow-Headers"] = self._request_headers
        headers["Access-Control-Max-Age"] = self._max_age
        # Private Network Access: only for pages that were named. With ".*" any page on the internet could
        # otherwise reach a server inside a private network through its visitors.
        if self._named and request.headers.get("Access-Control-Request-Private-Network") == "true":
            headers["Access-Control-Allow-Private-Network"] = "true"


def _is_preflight(request: web.BaseRequest) -> bool:
    return (
        request.method == "OPTIONS"
        and "Origin" in request.headers
        and "Access-Control-Request-Method" in request.headers
    )


def _vary(headers: CIMultiDict[str], name: str) -> None:
    if "Vary" not in headers:
        headers["Vary"] = name
        return
    known = [part.strip() for part in headers.get("Vary", "").split(",") if part.strip()]
    if name.lower() not in (part.lower() for part in known):
        headers["Vary"] = ", ".join((*known, name))
