"""What comes a few bytes at a time: gathered before anybody looks at it.

A piece costs the parser, the body's reader and the loop the same however small it is. Thousands of clients
that send a byte now and then would keep a server busy with nothing, so from some small pieces on a head waits
for the end of a line, and a body in the kernel (SO_RCVLOWAT, socket(7)): it wakes nobody until enough came,
or the end of the body or of the connection. What does not come gets its time all the same: heads end by their
deadline, and bodies are looked at now and then.

Belongs here: what is kept back, and how long. Not here: deadlines (bounded_connection.py, intake.py).
"""

import asyncio
import socket
import sys
from contextlib import suppress
from math import inf

TINY = 256
"""Bytes of a piece that is none of these any more."""
SEVERAL = 4
"""Pieces of one head or body that are taken as they come: clients often send one in two or three."""
ENOUGH = 4096
"""Bytes of a body for which the kernel wakes us."""
LONGEST = 5.0
"""Seconds that bytes of a body wait for more, at most; and see `gathering_time`."""
_SHARE = 6
"""Of the shortest deadline of bodies."""

_CAN_WAIT = sys.platform == "linux"
"""Elsewhere the option is there, but poll does not always heed it."""


def gathering_time(*deadlines: float) -> float:
    """Seconds that bytes of a body may wait, where it has to show some within each of `deadlines`."""
    return min(LONGEST, *(seconds / _SHARE for seconds in deadlines))


class Drips:
    """Of one head or one body, from its first small piece on."""

    __slots__ = ("_kept", "_pieces", "until")

    def __init__(self) -> None:
        self._pieces = 0
        self._kept = b""
        self.until = inf
        """When the kernel is to show what it has."""

    def in_head(self, data: bytes) -> bytes:
        """What is to be parsed now. Nothing, while what came cannot end a line."""
        self._pieces += 1
        is_long = len(data) >= TINY or len(self._kept) >= TINY
        if self._pieces <= SEVERAL or is_long or b"\n" in data:
            return self.taken() + data
        self._kept += data
        return b""

    def taken(self) -> bytes:
        """What was kept back of a head, which is forgotten."""
        kept, self._kept = self._kept, b""
        return kept

    def in_body(self, transport: asyncio.BaseTransport, size: int, left: int, until: float) -> None:
        """A piece of `size` bytes came: from some small ones on, let the kernel gather what follows.

        Of the body `left` bytes are to come. None of them waits for longer than `until`.
        """
        self._pieces += size < TINY
        if _CAN_WAIT and self._pieces >= SEVERAL and left > 1:
            self.until = until
            _wake_at(transport, min(left, ENOUGH))

    def stop(self, transport: asyncio.BaseTransport) -> None:
        """What there is comes at once, and so does all that follows."""
        if self.until < inf:
            self.until = inf
            _wake_at(transport, 1)

    def look(self, transport: asyncio.BaseTransport, now: float) -> None:
        """Called now and then: nothing waits for longer than it may."""
        if now >= self.until:
            self.stop(transport)


def _wake_at(transport: asyncio.BaseTransport, count: int) -> None:
    """Have the socket readable when so many bytes are there; those that are there already count."""
    own = transport.get_extra_info("socket")
    # It may be closed by now.
    with suppress(OSError):
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count)
