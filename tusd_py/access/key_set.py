"""The keys of a provider, fetched while requests go on.

A request with a key that is known never waits. One with an unknown key may cause a fetch, together with all
others that wait for it, and at most every `patience` seconds, so that invented ids cost the provider nothing.
When the provider is down the old keys count for `stale` seconds; after that nothing can be said about a
token, which is not the visitor's fault: 503, never 401.

Belongs here: when keys are fetched, and how long they count. Not here: HTTP (server/outgoing.py).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from protocol.errors import Unavailable
from tusd_py.log import get_logger

from .refused import FetchFailed
from .verify_keys import VerifyKey, from_set

log = get_logger("tusd_py.access")

GetJson = Callable[[str], Awaitable[object]]
"""Fetches a URL. Raises FetchFailed."""

_DISCOVERY = "/.well-known/openid-configuration"


class KeysUnavailable(Unavailable):
    """the keys of the issuer cannot be had now; try again"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds."""

    refresh: float
    between: float
    stale: float


class KeySet:
    """The keys of one issuer."""

    def __init__(
        self,
        *,
        issuer: str,
        url: str,
        get_json: GetJson,
        patience: Patience,
        clock: Callable[[], float],
        is_allowed: Callable[[str], bool],
    ) -> None:
        """`url` is empty where the issuer says it itself (OpenID Connect Discovery 1.0, section 4).

        `clock` is monotonic, in seconds; `is_allowed` judges a URL that the issuer named.
        """
        self._issuer = issuer
        self._url = url
        self._get_json = get_json
        self._patience = patience
        self._clock = clock
        self._is_allowed = is_allowed
        self._keys: list[VerifyKey] = []
        self._good_at: float | None = None
        self._tried_at: float | None = None
        self._last_try_failed = False
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, kid: str) -> Sequence[VerifyKey]:
        """The keys that may have signed under this id; none when it is an invention.

        Raises KeysUnavailable while that cannot be known.
        """
        if self._counts():
            if self._clock() - (self._good_at or 0.0) >= self._patience.refresh:
                self._begin()  # nobody waits for it
            if found := self._with(kid):
                return found
        if (fetching := self._begin()) is not None:
            await asyncio.shield(fetching)
        if not self._counts() or (self._last_try_failed and not self._with(kid)):
            raise KeysUnavailable
        return self._with(kid)

    async def close(self) -> None:
        """Stop fetching."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait((self._fetching,))

    def _counts(self) -> bool:
        return self._good_at is not None and self._clock() - self._good_at < self._patience.stale

    def _with(self, kid: str) -> list[VerifyKey]:
        """A key without an id may have any; a token without one may be of any key."""
        return [key for key in self._keys if not kid or key.kid in ("", kid)]

    def _begin(self) -> "asyncio.Task[None] | None":
        """The fetch that is under way, or a new one; None where it is too soon for another."""
        if self._fetching is not None and not self._fetching.done():
            return self._fetching
        now = self._clock()
        if self._tried_at is not None and now - self._tried_at < self._patience.between:
            return None
        self._tried_at = now
        self._fetching = asyncio.create_task(self._fetch(), name="jwks")
        return self._fetching

    async def _fetch(self) -> None:
        try:
            keys = await self._fetched()
        except FetchFailed as failed:
            self._last_try_failed = True
            log.warning("jwks.not_fetched", issuer=self._issuer, error=str(failed), keys=len(self._keys))
            return
        self._keys, self._good_at, self._last_try_failed = keys, self._clock(), False
        log.info("jwks.fetched", issuer=self._issuer, keys=len(keys))

    async def _fetched(self) -> list[VerifyKey]:
        url = self._url or await self._discovered()
        keys = from_set(await self._get_json(url))
        if not keys:
            raise FetchFailed(f"{url} has no key that can be used")
        return keys

    async def _discovered(self) -> str:
        """Asked each time: providers move their keys, and this is as seldom as they are fetched."""
        said = await self._get_json(self._issuer.rstrip("/") + _DISCOVERY)
        if not isinstance(said, dict) or said.get("issuer") != self._issuer:
            raise FetchFailed(f"the provider does not call itself {self._issuer}")
        url = said.get("jwks_uri")
        if not isinstance(url, str) or not self._is_allowed(url):
            raise FetchFailed("the provider's jwks_uri is no https URL")
        return url
