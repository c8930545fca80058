"""Large bodies sent to the store by threads, with plain blocking sockets.

On the event loop a body costs copies into its transports, and turns of the loop; a thread hands memory to the
kernel, without the interpreter's lock.
Belongs here: connections, one request on one of them. Not here: what is sent (wire.py), trying again
(retries.py).
"""

import asyncio
import select
import socket
import ssl
import struct
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from itertools import islice
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from storage_backends.base import Block
from storage_backends.lane import to_the_end

from .failures import Unanswered

_PIECE = 1 << 20
"""Bytes of a block at most: so many are encrypted at once."""
_MOST_AT_ONCE = 64
"""Blocks handed to the kernel at once where nothing is encrypted: whole parts, as a rule."""
_MOST_ANSWER = 64 << 10
"""Bytes of an answer that are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """To one request."""

    status: int
    headers: Mapping[str, str]
    """With names in lower case."""
    body: bytes


@dataclass(slots=True, kw_only=True)
class _Job:
    """One request, in a thread."""

    method: str
    target: str
    headers: Mapping[str, str]
    blocks: Sequence[Block]
    deadline: float
    """On the monotonic clock."""
    connection: HTTPConnection | None = None
    is_given_up: bool = field(default=False)

    def give_up(self) -> None:
        """From another thread: what it waits for ends now."""
        self.is_given_up = True
        connection = self.connection
        own = None if connection is None else connection.sock
        if own is not None:
            with suppress(OSError):
                # Not the method of a TLS socket, which would take its state from under the thread.
                socket.socket.shutdown(own, socket.SHUT_RDWR)


def is_direct(url: str) -> bool:
    """Whether no proxy of the environment is in between: then it is the one of aiohttp's session."""
    parts = urlsplit(url)
    return parts.scheme not in getproxies() or bool(proxy_bypass(parts.hostname or ""))


class Sender:
    """One host. Connections are kept."""

    def __init__(self, url: str, *, timeout: float, threads: int) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port
        self._context = ssl.create_default_context() if parts.scheme == "https" else None
        self._timeout = timeout
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="s3")
        self._idle: list[HTTPConnection] = []

    def close(self) -> None:
        """No request may be under way."""
        self._threads.shutdown()
        while self._idle:
            self._idle.pop().close()

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], blocks: Sequence[Block], *, within: float
    ) -> Answer:
        """The answer, whatever its status. Raises OSError, Unanswered.

        When it ends, also by being cancelled, nobody looks at the blocks any more.
        """
        parts = urlsplit(url)
        job = _Job(
            method=method,
            target=parts.path + (f"?{parts.query}" if parts.query else ""),
            headers=headers,
            blocks=blocks,
            deadline=time.monotonic() + within,
        )
        running = asyncio.get_running_loop().run_in_executor(self._threads, self._perform, job)
        try:
            await asyncio.wait((running,))
        except asyncio.CancelledError:
            job.give_up()
            with suppress(Exception):
                await to_the_end(running)
            raise
        return running.result()

    def _perform(self, job: _Job) -> Answer:
        connection = job.connection = self._connection()
        try:
            answer, is_kept = self._exchange(connection, job)
        except HTTPException as failed:
            connection.close()
            raise Unanswered(f"{job.method}: {type(failed).__name__}: {failed}") from failed
        except BaseException:
            connection.close()
            raise
        if is_kept and not job.is_given_up:
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    def _exchange(self, connection: HTTPConnection, job: _Job) -> tuple[Answer, bool]:
        if connection.sock is None:
            connection.connect()
        if job.is_given_up:
            raise Unanswered(f"{job.method}: given up")
        connection.putrequest(job.method, job.target, skip_accept_encoding=True)
        for name, value in job.headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        try:
            self._send_body(connection, job)
        except ConnectionError:
            # A store that refuses says so at once, and does not wait for the body.
            with suppress(OSError, HTTPException):
                return _read(connection.getresponse()), False
            raise
        response = connection.getresponse()
        return _read(response), not response.will_close

    def _send_body(self, connection: HTTPConnection, job: _Job) -> None:
        views = deque(_views(job.blocks))
        send = _send_encrypted
        if self._context is None:
            send = _send_plain
            _let_kernel_wait(connection.sock, self._timeout)
        try:
            while views:
                if time.monotonic() > job.deadline:
                    raise TimeoutError(f"{job.method}: the store takes its body too slowly")
                send(connection.sock, views)
        finally:
            connection.sock.settimeout(self._timeout)

    def _connection(self) -> HTTPConnection:
        # Another thread may take the last one at any moment.
        with suppress(IndexError):
            while True:
                connection = self._idle.pop()
                if not _was_closed(connection):
                    return connection
                connection.close()
        if self._context is None:
            return HTTPConnection(self._host, self._port, timeout=self._timeout)
        return HTTPSConnection(self._host, self._port, timeout=self._timeout, context=self._context)


def _views(blocks: Sequence[Block]) -> Iterator[memoryview]:
    """The same bytes in pieces."""
    for block in blocks:
        view = memoryview(block).cast("B")
        for start in range(0, len(view), _PIECE):
            yield view[start : start + _PIECE]


def _send_encrypted(own: socket.socket, views: deque[memoryview]) -> None:
    own.sendall(views.popleft())


def _send_plain(own: socket.socket, views: deque[memoryview]) -> None:
    """As much as one call takes. Raises TimeoutError when it took nothing for as long as the kernel waits."""
    try:
        count = own.sendmsg(islice(views, _MOST_AT_ONCE))
    except BlockingIOError:
        raise TimeoutError("the store takes nothing of its body") from None
    while count:
        first = views.popleft()
        if count < len(first):
            views.appendleft(first[count:])
        count -= min(count, len(first))


def _let_kernel_wait(own: socket.socket, seconds: float) -> None:
    """In one call for all of a part; Python would wait before each, and take its lock again behind each."""
    own.settimeout(None)
    whole, part = divmod(seconds, 1)
    limit = struct.pack("@ll", int(whole), int(part * 1_000_000))
    own.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)


def _was_closed(connection: HTTPConnection) -> bool:
    """There is something to read though nothing was asked: the end, as a rule."""
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(0))


def _read(response: HTTPResponse) -> Answer:
    body = response.read(_MOST_ANSWER)
    if not response.isclosed():
        # Of a longer answer the rest is not read, so its connection cannot be used again.
        response.will_close = True
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(status=response.status, headers=headers, body=body)
