"""How many connections one address may have open at once, in this process.

Belongs here: who is one, and who is not counted. Not here: closing what is too much (bounded_connection.py).
"""

import asyncio

from .location import Trusted, parse_address, subscriber

NOT_COUNTED = ""


class PerAddress:
    """Counts them, where `most` is not 0."""

    def __init__(self, most: int, proxies: Trusted) -> None:
        """`proxies` stand for all of their clients, and have as many as they want."""
        self._most = most
        self._proxies = proxies
        self._open: dict[str, int] = {}

    def enter(self, transport: asyncio.BaseTransport) -> str | None:
        """One more; `leave` with what is returned. None when it is one too many."""
        who = self._who(transport)
        if who == NOT_COUNTED:
            return who
        others = self._open.get(who, 0)
        if others >= self._most:
            return None
        self._open[who] = others + 1
        return who

    def leave(self, who: str) -> None:
        """It is closed."""
        if who == NOT_COUNTED:
            return
        left = self._open.pop(who) - 1
        if left:
            self._open[who] = left

    def _who(self, transport: asyncio.BaseTransport) -> str:
        if not self._most:
            return NOT_COUNTED
        peer = transport.get_extra_info("peername")
        # That of a Unix socket is no tuple.
        address = parse_address(peer[0]) if isinstance(peer, tuple) else None
        if address is None or self._proxies.knows(address):
            return NOT_COUNTED
        return subscriber(address)
