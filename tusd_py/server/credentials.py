"""Where a request may say who it is from: Authorization, X-Api-Key, and a cookie where one is configured.

Never the query, which ends up in logs and histories; except a ticket, on the routes that browsers open
without headers of their own. Two credentials in one request are none: proxies and we might differ.

Belongs here: finding them. Not here: what they prove (access/authenticate.py).
"""

import re

from aiohttp import hdrs, web

from protocol.errors import OriginRefused
from tusd_py.access.authenticate import Shown
from tusd_py.access.refused import NotGood, Reason
from tusd_py.config.settings import Settings

from .cors import CorsPolicy
from .guard import is_same_origin
from .location import public_origin

API_KEY = "X-Api-Key"
TICKET = "ticket"
"""The parameter of the query."""

_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/=-]+)", re.ASCII | re.IGNORECASE)
"""RFC 6750, 2.1; schemes know no case (RFC 9110, 11.1)."""
_PLAIN = re.compile(r"[A-Za-z0-9._~+/=-]+", re.ASCII)
_READS = frozenset({"GET", "HEAD", "OPTIONS"})


def shown_in(request: web.BaseRequest, settings: Settings, cors: CorsPolicy, *, takes_ticket: bool) -> Shown:
    """What the request brings. Raises NotGood for two, OriginRefused for a cookie that another page sends."""
    access = settings.access
    found = [*_bearers(request), *request.headers.getall(API_KEY, [])]
    # Neither goes along unless a page of ours, or one that CORS lets do so, puts it there.
    was_given = bool(found)
    from_cookie = request.cookies.get(access.cookie, "") if access.cookie else ""
    if not found and from_cookie:
        _check_page(request, settings, cors)
        found = [from_cookie]
    if len(found) > 1:
        raise NotGood(Reason.AMBIGUOUS)
    if found and _PLAIN.fullmatch(found[0]) is None:
        if "forward" not in access.auth:
            raise NotGood(Reason.MALFORMED)
        found = []  # nothing that we could know; forward_url may
    tickets = request.query.getall(TICKET, []) if takes_ticket else []
    if len(tickets) + len(found) > 1:
        raise NotGood(Reason.AMBIGUOUS)
    return Shown(
        credential=found[0] if found else "",
        ticket=tickets[0] if tickets else "",
        forwarded=_forwarded(request, settings, cors, was_given=was_given),
    )


def _bearers(request: web.BaseRequest) -> list[str]:
    found = []
    for value in request.headers.getall(hdrs.AUTHORIZATION, []):
        bearer = _BEARER.fullmatch(value)
        # Another scheme may be the proxy's in front, or be for forward_url.
        if bearer is not None:
            found.append(bearer[1])
        elif value[:6].lower() == "bearer":
            raise NotGood(Reason.MALFORMED)
    return found


def _forwarded(
    request: web.BaseRequest, settings: Settings, cors: CorsPolicy, *, was_given: bool
) -> dict[str, str]:
    access = settings.access
    if "forward" not in access.auth:
        return {}
    sent = {name: request.headers.getall(name, []) for name in access.forward_headers}
    if any(len(values) > 1 for name, values in sent.items() if name.lower() != "cookie"):
        raise NotGood(Reason.AMBIGUOUS)
    if not all(_is_text(value) for values in sent.values() for value in values):
        raise NotGood(Reason.MALFORMED)
    has_cookie = any(values for name, values in sent.items() if name.lower() == "cookie")
    if has_cookie and not was_given:
        _check_page(request, settings, cors)
    return {name: "; ".join(values) for name, values in sent.items() if values}


def _is_text(value: str) -> bool:
    """False where some of its bytes are no UTF-8: aiohttp would send it on without them, as another value."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_page(request: web.BaseRequest, settings: Settings, cors: CorsPolicy) -> None:
    """Browsers send cookies for any page (CSRF). Raises OriginRefused.

    For what changes something, and for WebSockets, the page must be of our origin, or be named.
    """
    method = request.headers.get("X-HTTP-Method-Override", request.method).upper()
    if {method, request.method} <= _READS and request.headers.get(hdrs.UPGRADE) is None:
        return
    origins = request.headers.getall(hdrs.ORIGIN, [])
    if len(origins) == 1 and is_same_origin(origins[0], public_origin(request, settings)):
        return
    if len(origins) != 1 or not cors.names(origins[0]):
        raise OriginRefused
