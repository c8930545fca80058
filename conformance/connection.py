"""HTTP/1.1 by hand: a client that may be as rude as a check needs.

Belongs here: bytes to and from a server, responses parsed by RFC 9112. Not here: what tus means by them.
"""

import asyncio
import contextlib
import ssl
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from .exchange import Response

BODY_LIMIT = 1 << 20
"""Bytes of a response's body that are read at most."""

_HEAD_END = b"\r\n\r\n"
_FINAL = 200
_BODILESS = (204, 304)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to connect."""

    host: str
    port: int
    tls: bool
    authority: str
    """What the Host header says."""


class NoAnswer(Exception):
    """The connection ended, or time was up, before a whole response had come."""


class Unreachable(Exception):
    """No connection could be made."""


class Connection:
    """One TCP or TLS connection; closed at the end of its `async with`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, patience: float) -> None:
        self._reader = reader
        self._writer = writer
        self._patience = patience
        self._before: list[Response] = []
        """Interim responses to the request that has no final one yet."""
        self._unread: bytes = b""
        """The head of a final response that came while an interim one was waited for."""

    @classmethod
    async def open(cls, address: Address, patience: float) -> Self:
        """`patience` is the seconds that an answer may take. Raises Unreachable."""
        context = ssl.create_default_context() if address.tls else None
        try:
            async with asyncio.timeout(patience):
                streams = await asyncio.open_connection(
                    address.host, address.port, ssl=context, limit=BODY_LIMIT
                )
        except (OSError, TimeoutError) as error:
            raise Unreachable(f"no connection to {address.host}:{address.port}: {error!r}") from error
        return cls(*streams, patience)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def write(self, raw: bytes) -> None:
        """A server that has closed is not an error here: what it answered says more."""
        with contextlib.suppress(ConnectionError):
            self._writer.write(raw)
            await self._writer.drain()

    async def response(self, method: str) -> Response:
        """The next final response to a request by `method`. Raises NoAnswer."""
        try:
            async with asyncio.timeout(self._patience):
                return await self._read(method)
        except TimeoutError as error:
            raise NoAnswer(f"no complete answer within {self._patience:g} s") from error
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError) as error:
            raise NoAnswer(f"the connection ended before a complete answer: {error!r}") from error
        except ValueError as error:
            raise NoAnswer(f"the answer is not HTTP/1.1: {error}") from error

    async def interim(self, within: float) -> int | None:
        """The status of the next 1xx response, or None if none comes. A final one stays unread."""
        early = await self.early(within)
        return None if early is None else early.status

    async def early(self, within: float) -> Response | None:
        """Wait for a 1xx response; None if none comes. A final one stays unread."""
        if self._unread:
            return None
        try:
            async with asyncio.timeout(within):
                head = await self._reader.readuntil(_HEAD_END)
        except (TimeoutError, asyncio.IncompleteReadError, ConnectionError):
            return None
        early = _without_body(head)
        if early.status < _FINAL:
            self._before.append(early)
            return early
        self._unread = head
        return None

    async def ended(self, within: float) -> bool:
        """The server closes the connection within that many seconds."""
        try:
            async with asyncio.timeout(within):
                while await self._reader.read(1 << 16):
                    continue
        except TimeoutError:
            return False
        except ConnectionError:
            return True
        return True

    def cut(self) -> None:
        """Stop in the middle, as when a browser tab is closed."""
        self._writer.close()

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(1):
                await self._writer.wait_closed()

    async def _read(self, method: str) -> Response:
        while True:
            head, self._unread = self._unread or await self._reader.readuntil(_HEAD_END), b""
            response = _without_body(head)
            if response.status >= _FINAL:
                break
            self._before.append(response)
        bodiless = method == "HEAD" or response.status in _BODILESS
        body = b"" if bodiless else await self._body(response)
        before, self._before = tuple(self._before), []
        return replace(response, body=body, before=before)

    async def _body(self, response: Response) -> bytes:
        headers = {name.lower(): value for name, value in response.headers}
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return await self._chunks()
        if "content-length" in headers:
            return await self._reader.readexactly(min(int(headers["content-length"]), BODY_LIMIT))
        return await self._reader.read(BODY_LIMIT)

    async def _chunks(self) -> bytes:
        body = b""
        while size := int((await self._reader.readuntil(b"\r\n")).split(b";")[0], 16):
            body += await self._reader.readexactly(size)
            await self._reader.readexactly(2)
        while (await self._reader.readuntil(b"\r\n")) != b"\r\n":
            continue
        return body


def _without_body(head: bytes) -> Response:
    status, reason = _status_line(head)
    return Response(status=status, reason=reason, headers=_headers(head))


def _status_line(head: bytes) -> tuple[int, str]:
    version, status, *reason = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
    if not version.startswith("HTTP/1."):
        raise ValueError(f"it begins with {version!r}")
    return int(status), reason[0] if reason else ""


def _headers(head: bytes) -> tuple[tuple[str, str], ...]:
    lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")[1:]
    pairs = (line.partition(":") for line in lines)
    return tuple((name.strip(), value.strip()) for name, _, value in pairs)
