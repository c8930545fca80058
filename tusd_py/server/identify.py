"""Who sent a request.

Belongs here: what is asked of a request, once, and the answer to those who may not come in. Not here: the
rules for anonymous visitors (access/identity.py), proofs (access/authenticate.py), what one may do
(access/authorize.py).
"""

import socket
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Protocol

from aiohttp import hdrs, web

from protocol.errors import Unauthorized
from tusd_py.access.authenticate import Again, Authenticator, Shown
from tusd_py.access.identity import Identity, anonymous, is_loopback
from tusd_py.access.refused import NotGood, Reason
from tusd_py.config.settings import Settings
from tusd_py.log import get_logger

from .cors import CorsPolicy
from .credentials import shown_in
from .guard import host_is_known
from .location import is_forwarded

log = get_logger("tusd_py.access")

Identify = Callable[[web.Request], Awaitable[Identity]]
"""Who sent this request. Raises a ProtocolError for somebody who may not even ask."""


class Visitors(Protocol):
    """An `Identify` whose answer may be had again."""

    async def __call__(self, request: web.Request) -> Identity: ...

    async def again(self, request: web.Request) -> Again:
        """Who sent `request`, which was let in, as that may be asked of others like it.

        That is: with the same headers, but for those that say nothing of their sender, from the same address.
        """
        ...


TAKES_TICKET = web.RequestKey("takes_ticket", bool)
"""Set on requests of routes that browsers open without headers of their own."""
CHALLENGE = 'Bearer realm="tusd-py"'
_IDENTITY = web.RequestKey("identity", Identity)


class AccessMeter(Protocol):
    """What is counted. Calls are cheap and never fail."""

    def not_let_in(self, reason: str) -> None: ...


class Authenticated:
    """The visitors of a server where one has to say who one is."""

    def __init__(self, settings: Settings, authenticator: Authenticator, meter: AccessMeter) -> None:
        """Raises Refused for CORS settings that cannot be."""
        self._settings = settings
        self._cors = CorsPolicy(settings.cors)
        self._authenticator = authenticator
        self._meter = meter

    async def __call__(self, request: web.Request) -> Identity:
        """Asked once for each request. Raises Unauthorized, Unavailable."""
        known: Identity | None = request.get(_IDENTITY)
        if known is not None:
            return known
        try:
            identity = await self._authenticator.identity_of(self._shown(request))
        except NotGood as bad:
            self._meter.not_let_in(bad.reason)
            if bad.reason is not Reason.MISSING:
                log.info("auth.refused", reason=bad.reason.value)
            raise unauthorized(was_sent=bad.reason is not Reason.MISSING) from bad
        request[_IDENTITY] = identity
        return identity

    async def again(self, request: web.Request) -> Again:
        """See `Visitors`."""
        return self._authenticator.again(self._shown(request))

    def _shown(self, request: web.Request) -> Shown:
        takes_ticket = request.get(TAKES_TICKET, False)
        return shown_in(request, self._settings, self._cors, takes_ticket=takes_ticket)


class Anonymous:
    """The visitors of a server where nobody says who they are."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def __call__(self, request: web.Request) -> Identity:
        """Who nobody in particular is, on this server and from there."""
        return await identify_anonymous(request, self._settings)

    async def again(self, request: web.Request) -> Again:
        """See `Visitors`."""
        identity = await self(request)
        return lambda: identity


def make_visitors(settings: Settings, authenticator: Authenticator | None, meter: AccessMeter) -> Visitors:
    """How visitors are known; without an authenticator they are anonymous. Raises Refused."""
    if authenticator is not None:
        return Authenticated(settings, authenticator, meter)
    return Anonymous(settings)


def unauthorized(*, was_sent: bool) -> Unauthorized:
    """The same for whatever is wrong with what was sent (RFC 6750, 3.1; RFC 9110, 11.6.1)."""
    if not was_sent:
        return Unauthorized(headers={hdrs.WWW_AUTHENTICATE: CHALLENGE})
    return Unauthorized(
        "the credentials are not good", headers={hdrs.WWW_AUTHENTICATE: f'{CHALLENGE}, error="invalid_token"'}
    )


def listens_locally(settings: Settings) -> bool:
    """Only this machine can reach us."""
    return _is_local(settings.server.unix_sock, settings.server.host)


@lru_cache(maxsize=8)
def _is_local(unix_sock: str, host: str) -> bool:
    return bool(unix_sock) or is_loopback(host)


async def identify_anonymous(request: web.BaseRequest, settings: Settings) -> Identity:
    """The visitor of a server without authentication."""
    return anonymous(
        listens_locally=listens_locally(settings) and not settings.access.auth,
        host_is_ours=host_is_known(request, settings) or _over_unix_socket(request),
        was_forwarded=is_forwarded(request),
    )


def _over_unix_socket(request: web.BaseRequest) -> bool:
    listener = None if request.transport is None else request.transport.get_extra_info("socket")
    return listener is not None and listener.family == socket.AF_UNIX
