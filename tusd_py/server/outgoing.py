"""Requests of ours, to those whom the configuration names: a provider's keys, and forward-auth.

No redirects, no proxies of the environment, no cookies; every answer has a deadline and a size.

Belongs here: HTTP. Not here: what the answers mean (access/).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

from tusd_py.access.refused import FetchFailed
from tusd_py.version import version

LARGEST = 256 * 1024
"""Bytes of an answer."""
FETCH_WITHIN = 5.0
"""Seconds for a provider's keys."""
_CONNECTIONS = 32
_FINE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An answer, without its body."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case; of a repeated one the last."""


class Unanswered(Exception):
    """Nothing came, or not in time."""


class Outgoing:
    """One client of ours; made inside the event loop."""

    def __init__(self) -> None:
        self._session = ClientSession(
            connector=TCPConnector(limit=_CONNECTIONS),
            cookie_jar=DummyCookieJar(),
            trust_env=False,
            headers={"User-Agent": f"tusd-py/{version()}"},
        )

    async def get_json(self, url: str) -> object:
        """What is there. Raises FetchFailed."""
        try:
            async with self._session.get(
                url,
                allow_redirects=False,
                timeout=ClientTimeout(total=FETCH_WITHIN),
                headers={"Accept": "application/json"},
            ) as answer:
                if answer.status != _FINE:
                    raise FetchFailed(f"{url} answered {answer.status}")
                raw = bytearray()
                async for piece in answer.content.iter_any():
                    raw += piece
                    if len(raw) > LARGEST:
                        raise FetchFailed(f"{url} answered with more than {LARGEST} bytes")
            said: object = json.loads(raw)
        except (TimeoutError, ClientError, OSError) as failed:
            raise FetchFailed(f"{url}: {_why(failed)}") from failed
        except (ValueError, RecursionError) as bad:
            raise FetchFailed(f"{url} answered with something that is no JSON") from bad
        return said

    async def ask(self, url: str, headers: Mapping[str, str], *, within: float) -> Said:
        """The status and the headers of what is said; `within` seconds. Raises Unanswered."""
        try:
            async with self._session.get(
                url, allow_redirects=False, timeout=ClientTimeout(total=within), headers=headers
            ) as answer:
                named = {name.lower(): value for name, value in answer.headers.items()}
                return Said(status=answer.status, headers=named)
        except (TimeoutError, ClientError, OSError, ValueError) as failed:
            raise Unanswered(_why(failed)) from failed

    async def close(self) -> None:
        await self._session.close()


def _why(failed: Exception) -> str:
    return str(failed) or type(failed).__name__
