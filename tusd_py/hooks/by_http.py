"""Hooks by HTTP: a POST for each, retried while the receiver cannot be reached or says 5xx.

Belongs here: one hook's requests. Not here: what is in them (payload.py), what becomes of it (called.py).
"""

import asyncio
import json
import secrets
import ssl
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

from tusd_py.log import get_logger

from .kinds import Asked, HookFailed, HookKind
from .payload import canonical

log = get_logger("tusd_py.hooks")

_SERVER_ERROR = 500
_NO_CONTENT = 204


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpHookRules:
    """How a receiver is asked. Seconds and bytes."""

    url: str
    kinds: Collection[HookKind]
    forward_headers: Sequence[str] = ()
    """Of the client's request."""
    retry: int = 3
    backoff: float = 1.0
    timeout: float = 15.0
    size_limit: int = 5120
    skip_verify: bool = False


class HttpHook:
    """One receiver."""

    def __init__(self, rules: HttpHookRules) -> None:
        self._rules = rules
        self._session: ClientSession | None = None

    def has(self, kind: HookKind) -> bool:
        return kind in self._rules.kinds

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def call(self, kind: HookKind, payload: Mapping[str, Any], asked: Asked | None) -> bytes:
        """Raises HookFailed."""
        headers = {
            "Content-Type": "application/json",
            "Hook-Name": kind.value,
            # The same for every try, so that a receiver that lost its answer does nothing twice.
            "Idempotency-Key": secrets.token_hex(16),
            **self._forwarded(asked),
        }
        body = json.dumps(payload).encode()
        why = ""
        for tries in range(self._rules.retry + 1):
            if tries:
                await asyncio.sleep(self._rules.backoff)
            said, why = await self._post(kind, headers, body)
            if said is not None:
                return said
            log.info("hook.retried", hook=kind.value, tries=tries + 1, error=why)
        raise HookFailed(f"{kind}: {why}")

    async def _post(
        self, kind: HookKind, headers: Mapping[str, str], body: bytes
    ) -> tuple[bytes | None, str]:
        """What it said, or why it may be asked once more. Raises HookFailed where that is of no use."""
        try:
            async with self._opened().post(
                self._rules.url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                if answer.status >= _SERVER_ERROR:
                    return None, f"answered {answer.status}"
                if not 200 <= answer.status < 300:  # noqa: PLR2004 - RFC 9110, 15.3
                    raise HookFailed(f"{kind}: answered {answer.status}")
                if answer.status == _NO_CONTENT:
                    return b"", ""
                said = await self._read(answer.content)
        except (ClientError, OSError, TimeoutError) as failed:
            return None, type(failed).__name__
        if said is None:
            raise HookFailed(f"{kind}: said more than {self._rules.size_limit} bytes")
        return said, ""

    async def _read(self, content: Any) -> bytes | None:
        said = b""
        async for piece in content.iter_any():
            said += piece
            if len(said) > self._rules.size_limit:
                return None
        return said

    def _forwarded(self, asked: Asked | None) -> dict[str, str]:
        if asked is None:
            return {}
        wanted = {name.lower() for name in self._rules.forward_headers}
        return {canonical(name): _text(value) for name, value in asked.headers if name.lower() in wanted}

    def _opened(self) -> ClientSession:
        if self._session is None:
            context: ssl.SSLContext | bool = not self._rules.skip_verify
            self._session = ClientSession(
                connector=TCPConnector(ssl=context),
                cookie_jar=DummyCookieJar(),
                timeout=ClientTimeout(total=self._rules.timeout),
            )
        return self._session


def _text(value: str) -> str:
    """What is not UTF-8 cannot be sent on."""
    return value.encode(errors="replace").decode()
