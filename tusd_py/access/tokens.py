"""Whose token this is: the keys that are trusted, and what the claims mean.

Belongs here: putting the two together. Not here: either of them (json_web_tokens.py, key_set.py, claims.py).
Loaded only where "jwt" is configured: it needs PyJWT and cryptography.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from .claims import Mapped, identity_of
from .identity import Identity
from .json_web_tokens import Expected, looks_like_one, prove, read_header
from .refused import NotGood, Reason
from .verify_keys import VerifyKey


class Keys(Protocol):
    """Those of one issuer."""

    async def find(self, kid: str) -> Sequence[VerifyKey]:
        """Which may have signed under this id. Raises KeysUnavailable."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnKeys:
    """From files and settings: always there."""

    keys: Sequence[VerifyKey]

    async def find(self, kid: str) -> Sequence[VerifyKey]:
        """A key without an id may have any; a token without one may be of any key."""
        return [key for key in self.keys if not kid or key.kid in ("", kid)]

    async def close(self) -> None:
        """There is nothing to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JwtTokens:
    """Of one issuer."""

    keys: Keys
    expected: Expected
    mapped: Mapped
    clock: Callable[[], float]
    """The time of day, in seconds."""

    def looks_like_one(self, text: str) -> bool:
        return looks_like_one(text)

    async def identity_of(self, text: str) -> Identity:
        """Raises NotGood, KeysUnavailable."""
        token = read_header(text)
        keys = await self.keys.find(token.kid)
        if not keys:
            raise NotGood(Reason.KEY)
        proven = prove(token, keys, self.expected, now=self.clock())
        return identity_of(
            proven.claims, self.mapped, expires_at=proven.expires_at, has_expired=proven.has_expired
        )

    async def close(self) -> None:
        await self.keys.close()
