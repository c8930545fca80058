"""The server of all connections of a listener: how many are open, and when each is looked at.

A timer for each deadline of each connection would be a fifth of the memory of one that is idle.

Belongs here: counting, and the rounds. Not here: what is overdue (bounded_connection.py), how many one
address may have (per_address.py).
"""

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Iterator
from itertools import islice
from typing import Any

from aiohttp import web

from .connection_rules import ConnectionRules
from .per_address import PerAddress

_SELDOMEST = 1.0
"""Seconds by which a deadline may be missed."""
_OFTENEST = 0.02
_SLICES = 10
"""Nobody is to wait while thousands are looked at in one turn of the loop."""
_CLOSED_AT_ONCE = 8
"""Of thousands that came together, as many are overdue together; to close them would take tens of
milliseconds. So those that are left are late, by a second for each 1,600."""
_UNTIL_MORE = 0.005
"""Seconds."""


class WatchedConnection(web.RequestHandler):
    """A connection that the rounds come to."""

    __slots__ = ()

    @abstractmethod
    def look(self, now: float) -> bool:
        """Close it if anything of it is overdue. Called again and again.

        `now` is the time of the loop. Whether it was closed.
        """


class CountingServer(web.Server):
    """Knows how many of its connections are open, and looks at each of them now and then."""

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        *,
        request_factory: Any,
        rules: ConnectionRules,
        opened: Callable[[], None],
        closed: Callable[[], None],
        refused: Callable[[str], None],
    ) -> None:
        """`opened` and `closed` are called for every connection, or `refused` with the limit it exceeds."""
        loop = asyncio.get_running_loop()
        super().__init__(handler, request_factory=request_factory, loop=loop)
        self._opened = opened
        self._closed = closed
        self.refused = refused
        self.per_address = PerAddress(rules.most_of_address, rules.proxies)
        self.open_connections = 0
        self.now = loop.time
        self.create_task = loop.create_task
        self._call_later = loop.call_later
        self._every = max(_OFTENEST, min(_SELDOMEST, rules.header_timeout / 10, rules.keep_alive / 10))
        self._timer: asyncio.TimerHandle | None = None
        self._unseen: Iterator[web.RequestHandler] = iter(())
        """Of this round."""
        self._slice = 1

    def connection_opened(self) -> None:
        self.open_connections += 1
        self._opened()
        if self._timer is None:
            self._timer = self._call_later(self._every / _SLICES, self._look)

    def connection_closed(self) -> None:
        self.open_connections -= 1
        self._closed()
        if not self.open_connections and self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._unseen = iter(())

    def _look(self) -> None:
        """At the next of them, and anew at all when the round is over."""
        now, seen, closed, pause = self.now(), 0, 0, self._every / _SLICES
        try:
            for connection in islice(self._unseen, self._slice):
                seen += 1
                closed += isinstance(connection, WatchedConnection) and connection.look(now)
                if closed == _CLOSED_AT_ONCE:
                    pause = _UNTIL_MORE
                    return
            if seen < self._slice:
                connections = self.connections
                self._unseen = iter(connections)
                self._slice = len(connections) // _SLICES + 1
        finally:
            self._timer = self._call_later(pause, self._look) if self.open_connections else None
