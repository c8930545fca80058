"""Webhooks: a POST to each endpoint, signed as Standard Webhooks says.

Taken is what is answered 2xx. Redirects are not followed, cookies not kept, proxies of the environment not
used, and of an answer nothing is told but its status.

Belongs here: one try. Not here: when there is another (shift.py), where it may go (addresses.py).
"""

import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import (
    AddrInfoType,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
)
from aiohttp.abc import AbstractResolver
from yarl import URL

from tusd_py.metadata.relays import Message
from tusd_py.standard_webhooks import sign

from .addresses import AddressRefused, Guard, GuardedResolver
from .sink import Undelivered

PREFIX = "webhook:"
"""Before the names of relays that are webhooks."""

_AWAY = frozenset({408, 425, 429, 502, 503, 504})
"""Said by what stands before the receiver, or by one that has no time now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRules:
    """What holds for every endpoint."""

    guard: Guard
    timeout: float
    """Seconds for a whole request."""
    max_response: int
    """Bytes of an answer that are read, so that the connection can be used again."""
    user_agent: str


class Webhook:
    """One endpoint."""

    def __init__(
        self,
        name: str,
        url: str,
        keys: tuple[bytes, ...],
        rules: WebhookRules,
        *,
        resolver: AbstractResolver | None = None,
    ) -> None:
        """`resolver` for tests; every address it gives is judged all the same."""
        self._name = name
        self._url = URL(url)
        self._keys = keys
        self._rules = rules
        self._resolver = resolver
        self._session: ClientSession | None = None

    @property
    def name(self) -> str:
        return PREFIX + self._name

    async def open(self) -> None:
        guard = self._rules.guard
        connector = TCPConnector(
            resolver=GuardedResolver(guard, self._resolver),
            use_dns_cache=False,
            socket_factory=self._open_socket,
            limit=0,
        )
        self._session = ClientSession(
            connector=connector,
            cookie_jar=DummyCookieJar(),
            timeout=ClientTimeout(total=self._rules.timeout),
            # What comes back is not looked at, so it need not be inflated.
            auto_decompress=False,
            trust_env=False,
        )

    def _open_socket(self, address: AddrInfoType) -> socket.socket:
        """Raises AddressRefused. aiohttp asks for each address that it connects to."""
        family, kind, protocol, _, target = address
        host = str(target[0])
        self._rules.guard.check(host)
        if self._url.scheme == "http" and not self._rules.guard.names(host):
            raise AddressRefused("plain http only goes to webhooks.allow_networks")
        return socket.socket(family, kind, protocol)

    async def close(self) -> None:
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    async def send(self, message: Message) -> None:
        if self._session is None:
            raise Undelivered("not open", is_away=True)
        body = message.body.encode()
        signed = sign(self._keys, message_id=message.id, at=int(time.time()), body=body)
        headers = {
            **signed,
            "Content-Type": "application/json",
            "User-Agent": self._rules.user_agent,
            "Accept-Encoding": "identity",
        }
        try:
            async with self._session.post(
                self._url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                await self._read(answer)
        except TimeoutError:
            raise Undelivered(f"no answer within {self._rules.timeout:g} s", is_away=True) from None
        except AddressRefused as refused:
            raise Undelivered(str(refused), is_away=False) from None
        except (ClientError, OSError) as failed:
            raise Undelivered(_said(failed), is_away=not _was_refused(failed)) from None
        _judge(answer.status, answer.headers)

    async def _read(self, answer: ClientResponse) -> None:
        await answer.content.read(self._rules.max_response)
        if not answer.content.at_eof():
            answer.close()


def _judge(status: int, headers: Mapping[str, str]) -> None:
    if 200 <= status < 300:  # noqa: PLR2004 - RFC 9110, 15.3
        return
    pause = headers.get("Retry-After", "")
    raise Undelivered(
        f"answered {status}",
        is_away=status in _AWAY,
        pause=float(pause) if pause.isascii() and pause.isdecimal() and len(pause) < 7 else None,  # noqa: PLR2004 - days
    )


def _was_refused(failed: BaseException) -> bool:
    """An address that may not be connected to, wherever in the library it came up."""
    seen: BaseException | None = failed
    while seen is not None:
        if isinstance(seen, AddressRefused):
            return True
        seen = getattr(seen, "os_error", None) or seen.__cause__
    return False


def _said(failed: BaseException) -> str:
    """Why, without the URL, which may hold a token."""
    inner = getattr(failed, "os_error", None) or failed.__cause__ or failed
    if isinstance(inner, AddressRefused):
        return str(inner)
    text = getattr(inner, "strerror", None)
    return f"{type(failed).__name__}: {text}" if text else type(failed).__name__
