"""A few requests to a public URL, on connections of their own.

Belongs here: HTTP as a rude client speaks it, which stops in mid-body. Not here: what is learned from it.
"""

import asyncio
import socket
import ssl
import struct
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import unquote, urljoin, urlsplit

_PIECE = 64 << 10
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of a connection that is to end by RST."""
RESUMABLE = {"Tus-Resumable": "1.0.0"}


class Unreachable(Exception):
    """No answer came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]

    @property
    def location(self) -> str | None:
        """Of what was created; None where nothing was."""
        return self.headers.get("location") if self.status == HTTPStatus.CREATED else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where uploads are created, as clients see it."""

    url: str
    headers: Mapping[str, str]
    """With every request: credentials."""
    timeout: float = 10.0

    async def ask(self, method: str, url: str, headers: Mapping[str, str]) -> Answer:
        """A request without a body. Raises Unreachable."""
        return await asyncio.to_thread(self._ask, method, url, headers)

    async def create(self, length: int) -> Answer:
        """A new upload. Raises Unreachable."""
        return await self.ask("POST", self.url, {**RESUMABLE, "Upload-Length": str(length)})

    async def delete(self, url: str) -> None:
        """As far as that goes: what is left expires."""
        with suppress(Unreachable):
            await self.ask("DELETE", url, RESUMABLE)

    async def send_and_cut(self, url: str, *, announced: int, sent: int, wait: float) -> Answer | None:
        """PATCH with a body of `announced` zeros, of which `sent` go out; what was answered within `wait`
        seconds, and then the connection is cut. Raises Unreachable."""
        return await asyncio.to_thread(self._send_and_cut, url, announced, sent, wait)

    def target_of(self, location: str) -> str:
        """An absolute URL."""
        return urljoin(self.url, location)

    def way_to(self, location: str) -> str:
        """The same upload by the way that is examined, whatever the server calls it."""
        return self.url.rstrip("/") + "/" + location.rstrip("/").rpartition("/")[2]

    def _ask(self, method: str, url: str, headers: Mapping[str, str]) -> Answer:
        connection = self._connection(url)
        try:
            connection.request(method, _target(url), headers={**self.headers, **headers})
            return _answer(connection)
        except (OSError, HTTPException, UnicodeError) as failed:
            raise Unreachable(f"{method} {url}: {failed or type(failed).__name__}") from failed
        finally:
            connection.close()

    def _send_and_cut(self, url: str, announced: int, sent: int, wait: float) -> Answer | None:
        connection = self._connection(url)
        headers = {
            **self.headers,
            **RESUMABLE,
            "Upload-Offset": "0",
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(announced),
        }
        try:
            connection.putrequest("PATCH", _target(url))
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            with suppress(ConnectionError):
                # Whoever refuses may do so before it has read.
                for _ in range(0, sent, _PIECE):
                    connection.send(bytes(min(_PIECE, sent)))
            return _answer_within(connection, wait)
        except (OSError, HTTPException, UnicodeError) as failed:
            raise Unreachable(f"PATCH {url}: {failed or type(failed).__name__}") from failed
        finally:
            if connection.sock is not None:
                # Not there any more when the other end has closed it.
                with suppress(OSError):
                    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            connection.close()

    def _connection(self, url: str) -> HTTPConnection:
        parts = urlsplit(url)
        host = parts.hostname or ""
        # The port is always said: of an IPv6 address without one, the library would take the last number.
        if parts.scheme == "https":
            context = ssl.create_default_context()
            return HTTPSConnection(host, parts.port or 443, timeout=self.timeout, context=context)
        return HTTPConnection(host, parts.port or 80, timeout=self.timeout)


def site_of(url: str, headers: Mapping[str, str]) -> Site:
    """User name and password of the URL become a header (RFC 7617), and are shown nowhere."""
    parts = urlsplit(url)
    if parts.username is None:
        return Site(url=url, headers=headers)
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    basic = {"Authorization": f"Basic {b64encode(pair).decode('ascii')}"}
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    given = any(name.lower() == "authorization" for name in headers)
    return Site(url=bare, headers=headers if given else {**basic, **headers})


def _answer_within(connection: HTTPConnection, wait: float) -> Answer | None:
    """None where nothing comes. Not by polling: what TLS 1.3 sends after its handshake is no answer."""
    connection.sock.settimeout(wait)
    try:
        return _answer(connection)
    except TimeoutError:
        return None


def _answer(connection: HTTPConnection) -> Answer:
    response = connection.getresponse()
    response.read(_PIECE)
    return Answer(
        status=response.status, headers={name.lower(): value for name, value in response.getheaders()}
    )


def _target(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
