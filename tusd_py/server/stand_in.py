"""What a transport calls during a very large body, in place of the connection.

aiohttp's parser finds the end of a body by having seen every byte of it; for one that a thread reads it
would have to be fed as many zeros, at a tenth of all the CPU. Here they are only counted. The parser never
learns of them, so what comes behind the body goes to a new connection, which gets the transport.

Belongs here: the body's end. Not here: reading the socket (takeover.py), making connections (connection.py).
"""

import asyncio

from aiohttp import StreamReader

from tusd_py.config.units import KIB

from .connection import TusConnection

MOST_BEHIND = 64 * KIB
"""Bytes behind the body that are held until it is answered; more wait in the socket."""


class StandIn(asyncio.Protocol):
    """For one body, of which `left` bytes are to come."""

    def __init__(self, connection: TusConnection, content: StreamReader, left: int) -> None:
        self._connection = connection
        self._content = content
        self.left = left
        self._behind = bytearray()
        self._is_answered = False

    def begin(self, transport: asyncio.Transport) -> None:
        """From now on it calls this."""
        transport.set_protocol(self)
        self._connection.lend(self._answered)

    def passed_by(self, count: int) -> None:
        """A thread read so many bytes."""
        self.left -= count
        if not self.left:
            self._content.feed_eof()

    # --- called by the transport

    def data_received(self, data: bytes) -> None:
        body, behind = data[: self.left], data[self.left :]
        if body:
            self._content.feed_data(body)
            self.passed_by(len(body))
        if behind:
            self._behind += behind
            transport = self._connection.transport
            if len(self._behind) > MOST_BEHIND and transport is not None:
                transport.pause_reading()
        self._hand_on()

    def eof_received(self) -> None:
        self._connection.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection.connection_lost(exc)

    def pause_writing(self) -> None:
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        self._connection.resume_writing()

    # --- the end

    def _answered(self) -> None:
        self._is_answered = True
        self._hand_on()

    def _hand_on(self) -> None:
        """Whichever ends first, the body or the answer: after both."""
        if self._is_answered and not self.left:
            behind, self._behind = bytes(self._behind), bytearray()
            self._connection.hand_on(behind)
