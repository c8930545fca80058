"""Who sent a request, while nobody has to say so.

Belongs here: what the anonymous rules need to know of a request. Not here: the rules (access/identity.py).
"""

import socket
from collections.abc import Awaitable, Callable

from aiohttp import web

from tusd_py.access.identity import Identity, anonymous, is_loopback
from tusd_py.config.settings import Settings

from .guard import host_is_known
from .location import is_forwarded

Identify = Callable[[web.Request], Awaitable[Identity]]
"""Who sent this request. Raises a ProtocolError for somebody who may not even ask."""


def listens_locally(settings: Settings) -> bool:
    """Only this machine can reach us."""
    return bool(settings.server.unix_sock) or is_loopback(settings.server.host)


async def identify_anonymous(request: web.BaseRequest, settings: Settings) -> Identity:
    """The visitor of a server without authentication."""
    return anonymous(
        listens_locally=listens_locally(settings) and settings.access.auth == "",
        host_is_ours=host_is_known(request, settings) or _over_unix_socket(request),
        was_forwarded=is_forwarded(request),
    )


def _over_unix_socket(request: web.BaseRequest) -> bool:
    listener = None if request.transport is None else request.transport.get_extra_info("socket")
    return listener is not None and listener.family == socket.AF_UNIX
