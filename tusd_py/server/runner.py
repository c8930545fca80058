"""The HTTP server as we run it: aiohttp's runner with every limit set.

Belongs here: how aiohttp is started and stopped. Not here: routes (routes.py), sockets (sockets.py).
"""

import asyncio
import os
import socket
from collections.abc import Callable, Sequence

from aiohttp import web
from aiohttp.http_parser import HttpRequestParser

from tusd_py.config.settings import Settings
from tusd_py.config.units import KIB
from tusd_py.errors import Refused

from .bounded_connection import LINGER, NEVER
from .connection import TusServer
from .connection_rules import ConnectionRules
from .cors import CorsPolicy
from .drips import gathering_time
from .location import trusted_networks
from .selftest import can_be_taken_over
from .shortcut import SHORTCUT, Shortcut
from .sockets import Listening, name_of, open_sockets, watch_dead_peers
from .tls import tls_context

# aiohttp stops reading at twice this; what it holds when a client is cut off is at most 128 KiB, which a
# client may have to send again. Larger buffers are slower.
_READ_BUFFER = 64 * KIB

_C_PARSER = "aiohttp._http_parser"


def _ignore(*_of_what: str) -> None:
    return None


def refuse_python_parser(module: str = HttpRequestParser.__module__) -> None:
    """Raises Refused unless aiohttp parses HTTP in C.

    Its parser in Python had several request-smuggling holes of its own (CVE-2023-47627, CVE-2025-53643,
    CVE-2025-69224).
    """
    if module != _C_PARSER:
        raise Refused(
            f"aiohttp parses HTTP with {module}, wanted {_C_PARSER}",
            hint="Install an aiohttp wheel for this platform, and unset AIOHTTP_NO_EXTENSIONS.",
        )


class TusRunner(web.AppRunner):
    """Owns the HTTP server: `start`, or `setup` and `listen`, and in the end `cleanup`."""

    def __init__(
        self,
        app: web.Application,
        *,
        settings: Settings,
        opened: Callable[[], None] = _ignore,
        closed: Callable[[], None] = _ignore,
        refused: Callable[[str], None] = _ignore,
    ) -> None:
        """`opened` and `closed` are called for every connection, or `refused` with the limit it exceeds.

        Raises Refused.
        """
        refuse_python_parser()
        self._proxies = trusted_networks(settings.server.trusted_proxies)
        super().__init__(
            app,
            handle_signals=False,
            # aiohttp waits this long for handlers, cancels them, and waits as long again; before that,
            # writers had half of the time to save.
            shutdown_timeout=settings.timeouts.shutdown / 5,
        )
        self._settings = settings
        self._opened = opened
        self._closed = closed
        self._refused = refused
        self._ssl = tls_context(settings.server)
        self._listeners: list[asyncio.Server] = []
        self._names: list[str] = []
        self._opened_here: Listening | None = None

    @property
    def names(self) -> list[str]:
        """Where we listen, for people: "http://127.0.0.1:8080"."""
        return list(self._names)

    async def start(self) -> None:
        """Set up, and listen where the settings say, or on what systemd passed. Raises Refused."""
        await self.setup()
        listening = open_sockets(
            self._settings.server, backlog=self._settings.limits.backlog, environ=os.environ
        )
        self._opened_here = listening
        await self.listen(listening.sockets)

    async def listen(self, sockets: Sequence[socket.socket]) -> None:
        """Accept on these. They may be shared with other processes; closing ours leaves theirs open."""
        if self.server is None:
            raise RuntimeError("setup() comes before listen()")
        loop = asyncio.get_running_loop()
        for sock in sockets:
            watch_dead_peers(sock)
            self._names.append(name_of(sock, scheme="https" if self._ssl else "http"))
            listener = await loop.create_server(
                self.server,
                sock=sock,
                ssl=self._ssl,
                ssl_handshake_timeout=self._settings.timeouts.header if self._ssl else None,
                backlog=self._settings.limits.backlog,
            )
            self._listeners.append(listener)

    def stop_listening(self) -> None:
        """Accept no more; open connections go on."""
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()

    async def cleanup(self) -> None:
        """Stop listening, let handlers end, close connections, clean the application up."""
        self.stop_listening()
        await super().cleanup()
        if self._opened_here is not None:
            self._opened_here.close()
            self._opened_here = None

    def _shortcut(self) -> Shortcut | None:
        shortcut = self.app.get(SHORTCUT)
        return shortcut if shortcut is not None and shortcut.is_whole(self.app) else None

    # The only underscore of aiohttp that we override: the abstract method by which its runners make
    # their server. There is no public way to give one a connection class of its own.
    async def _make_server(self) -> web.Server:
        inner = await super()._make_server()
        limits, timeouts = self._settings.limits, self._settings.timeouts
        return TusServer(
            inner,
            rules=ConnectionRules(
                header_timeout=timeouts.header,
                keep_alive=timeouts.keep_alive,
                most=limits.connections,
                most_of_address=limits.connections_per_address,
                proxies=self._proxies,
                longest_field=limits.header_field,
                gathering=gathering_time(timeouts.network, timeouts.minimum_rate_window, timeouts.json),
                may_be_taken_over=self._settings.server.socket_receive and await can_be_taken_over(),
                on_unread=CorsPolicy(self._settings.cors).for_unread(),
            ),
            shortcut=self._shortcut(),
            opened=self._opened,
            closed=self._closed,
            refused=self._refused,
            # Offsets count the bytes as sent; by default aiohttp inflates gzip bodies silently.
            auto_decompress=False,
            access_log=None,
            keepalive_timeout=NEVER,
            lingering_time=LINGER,
            max_field_size=limits.header_field,
            max_line_size=limits.header_field,
            read_bufsize=_READ_BUFFER,
        )
