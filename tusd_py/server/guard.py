"""What aiohttp lets through and we do not.

Belongs here: checks that need no upload, no identity and no database, made before anything else.
Not here: framing and deadlines (bounded_connection.py), what each verb wants (protocol/).
"""

import re
from functools import lru_cache

from aiohttp import hdrs, web
from aiohttp.http import HttpVersion10, HttpVersion11

from protocol.errors import BadHeader, ExpectationFailed, HostRefused, OriginRefused, RepeatedHeader
from tusd_py.config.rules import OUR_PATHS
from tusd_py.config.settings import Settings
from tusd_py.randomness import random_hex

from .location import is_valid_host, public_origin

REQUEST_ID = web.RequestKey("request_id", str)
"""Names a request in logs and in its answer."""

_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_DEFAULT_PORT = {"http": "80", "https": "443"}
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_FOR_ANY_HOST = frozenset({"/healthz", "/health", "/readyz"})
"""Health checks of balancers ask by address, or name no host at all."""


def check_request(request: web.BaseRequest, settings: Settings) -> None:
    """Called before everything else. Raises a ProtocolError."""
    _check_version(request)
    _check_framing(request)
    _check_expect(request)
    _check_host(request, settings.server.allowed_hosts)


def check_origin(request: web.BaseRequest, settings: Settings) -> None:
    """For everything but the base path while visitors are anonymous: no page of another site.

    Without it any web page could use a server on the visitor's own machine. Raises OriginRefused.
    """
    if not settings.access.is_open:
        return
    origins = request.headers.getall("Origin", [])
    if not origins:
        return
    if len(origins) > 1 or not is_same_origin(origins[0], public_origin(request, settings)):
        raise OriginRefused


def is_below_base(request: web.BaseRequest, settings: Settings) -> bool:
    """The request is for the tus face: the base path itself, with or without its slash, or below.

    Below "/" lies everything, and what is ours for other things is not the tus face's all the same.
    """
    base, path = settings.server.base_path, request.rel_url.raw_path
    if base == "/" and path.startswith(OUR_PATHS):
        return False
    return path.startswith(base) or path == base.rstrip("/")


def is_of_the_server(request: web.BaseRequest) -> bool:
    """`OPTIONS *`: what the server can do as a whole."""
    return request.method == hdrs.METH_OPTIONS and request.rel_url.raw_path == "*"


def host_is_known(request: web.BaseRequest, settings: Settings) -> bool:
    """The Host is one that we gave ourselves, so no foreign name was pointed at us (DNS rebinding)."""
    host = request.headers.get("Host", "")
    return _is_known(host, settings.server.host, settings.server.allowed_hosts)


@lru_cache(maxsize=256)
def _is_known(host: str, own: str, allowed: tuple[str, ...]) -> bool:
    name = _host_name(host)
    named = {own.lower(), *(other.lower() for other in allowed)}
    return bool(name) and name in _LOOPBACK | named


def request_id(request: web.BaseRequest) -> str:
    """The client's X-Request-ID where it is harmless, else one of ours; the same at every call."""
    known: str = request.get(REQUEST_ID, "")
    if known:
        return known
    sent = request.headers.getall("X-Request-ID", [])
    made = sent[0] if len(sent) == 1 and is_sane_id(sent[0]) else random_hex(8)
    request[REQUEST_ID] = made
    return made


def is_sane_id(text: str) -> bool:
    """A client may name its request so."""
    return _SANE_ID.fullmatch(text) is not None


def _check_version(request: web.BaseRequest) -> None:
    # aiohttp would serve "HTTP/2.0" and "HTTP/1.9". A 400: clients of ours retry every 5xx.
    if request.version not in (HttpVersion10, HttpVersion11):
        raise BadHeader("this server speaks HTTP/1.1 and HTTP/1.0")


def _check_framing(request: web.BaseRequest) -> None:
    if request.version == HttpVersion10 and "Transfer-Encoding" in request.headers:
        # RFC 9112, 6.1: such a message must be taken as faulty.
        raise BadHeader("Transfer-Encoding does not exist in HTTP/1.0")
    coding = request.headers.get("Transfer-Encoding", "chunked")
    if coding.strip().lower() != "chunked":
        # RFC 9112, 6.1, has 501, which our clients would repeat. aiohttp leaves other codings in the body.
        raise BadHeader("the only Transfer-Encoding known is chunked")
    if request.method in ("GET", "HEAD") and request.body_exists:
        # RFC 9110, 9.3.1: no meaning, and a way to smuggle requests.
        raise BadHeader(f"{request.method} has no body")


def _check_expect(request: web.BaseRequest) -> None:
    if request.headers.get("Expect", "100-continue").lower() != "100-continue":
        raise ExpectationFailed


def _check_host(request: web.BaseRequest, allowed: tuple[str, ...]) -> None:
    hosts = request.headers.getall("Host", [])
    if len(hosts) > 1:
        raise RepeatedHeader("Host was sent twice")
    host = hosts[0] if hosts else ""
    if host and not is_valid_host(host):
        raise BadHeader("Host is not a host name")
    if not allowed or request.rel_url.raw_path in _FOR_ANY_HOST:
        return
    served = {entry.lower() for entry in allowed}
    if host.lower() not in served and _host_name(host) not in served:
        raise HostRefused


def _host_name(host: str) -> str:
    """Without the port; IPv6 addresses keep their brackets."""
    return re.sub(r":[0-9]*\Z", "", host).rstrip(".").lower()


def is_same_origin(one: str, other: str) -> bool:
    """Two origins (RFC 6454, 5), where a default port may be spelled or not."""
    return _normal_origin(one) == _normal_origin(other)


def _normal_origin(origin: str) -> tuple[str, str, str]:
    scheme, _, authority = origin.lower().partition("://")
    port = re.search(r":([0-9]+)\Z", authority)
    name = authority[: port.start()] if port else authority
    return scheme, name, port[1] if port else _DEFAULT_PORT.get(scheme, "")
