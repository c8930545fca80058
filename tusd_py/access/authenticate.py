"""From a credential to an identity: the one place that knows every way of proving who one is.

A credential's form says which way it goes, and only that one judges it, so that no two of them can disagree
about the same text. What was found out is remembered for `access.cache` seconds, by digest.

Belongs here: that choice, and the memory. Not here: where credentials are found in a request
(server/credentials.py), the ways themselves (api_keys.py, tokens.py, passes.py).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import Protocol

from tusd_py.log import get_logger
from tusd_py.metadata.api_keys import USED_EVERY, ApiKeyRows
from tusd_py.metadata.database import DatabaseError

from . import api_keys, passes
from .identity import Identity
from .recall import Recall, digest_of
from .refused import NotGood, Reason

log = get_logger("tusd_py.access")

Forward = Callable[[Mapping[str, str]], Awaitable[Identity]]
"""Asks an endpoint, with the headers that it gets. Raises NotGood, Unavailable."""

Again = Callable[[], Identity | None]
"""Who somebody is that was let in; None when it has to be found out anew."""

_NOTHING: Mapping[str, str] = MappingProxyType({})


def _nothing() -> Mapping[str, str]:
    return _NOTHING


class Tokens(Protocol):
    """Those of others, such as JWTs."""

    def looks_like_one(self, text: str) -> bool: ...

    async def identity_of(self, text: str) -> Identity:
        """Raises NotGood, Unavailable."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a request brought along."""

    credential: str = ""
    ticket: str = ""
    """Only where tickets are taken."""
    forwarded: Mapping[str, str] = field(default_factory=_nothing)
    """What forward_url would get."""

    @property
    def is_nothing(self) -> bool:
        return not self.credential and not self.ticket and not self.forwarded


class Authenticator:
    """The ways that are configured; `keys`, `tokens` and `forward` are None for those that are not."""

    def __init__(
        self,
        *,
        keys: ApiKeyRows | None,
        tokens: Tokens | None,
        forward: Forward | None,
        pass_key_of: passes.KeyOf,
        super_admins: frozenset[tuple[str, str]],
        grace: float,
        cache: float,
        clock: Callable[[], float],
    ) -> None:
        """Seconds; `clock` is the time of day."""
        self._keys = keys
        self._tokens = tokens
        self._forward = forward
        self._pass_key_of = pass_key_of
        self._super_admins = super_admins
        self._grace = grace
        self._cache = cache
        self._clock = clock
        self._good: Recall[Identity] = Recall(clock)
        # Apart, so that inventions do not push good ones out.
        self._bad: Recall[Reason] = Recall(clock)
        self._used: Recall[bool] = Recall(clock)
        self._notes: set[asyncio.Task[None]] = set()

    async def identity_of(self, shown: Shown) -> Identity:
        """Raises NotGood, and Unavailable or DatabaseError while it cannot be known."""
        if shown.is_nothing:
            raise NotGood(Reason.MISSING)
        digest = _digest_of(shown)
        if (known := self._good.get(digest)) is not None:
            return known
        if (reason := self._bad.get(digest)) is not None:
            raise NotGood(reason)
        try:
            found = self._with_super(_not_reserved(await self._found_out(shown)))
        except NotGood as bad:
            self._bad.put(digest, bad.reason, until=self._clock() + self._cache)
            raise
        self._good.put(digest, found, until=self._believed_until(found))
        return found

    def again(self, shown: Shown) -> Again:
        """Who it was that showed this, for as long as `identity_of` would not find it out anew."""
        return partial(self._good.get, _digest_of(shown))

    async def close(self) -> None:
        """Let what is being noted be noted."""
        if self._notes:
            await asyncio.wait(self._notes)

    async def _found_out(self, shown: Shown) -> Identity:
        text = shown.credential
        if shown.ticket:
            return await self._by_pass(shown.ticket, passes.Kind.TICKET)
        if text.startswith(passes.Kind.UPLOAD):
            return await self._by_pass(text, passes.Kind.UPLOAD)
        if self._keys is not None and text.startswith(api_keys.PREFIX):
            return await self._by_key(text, self._keys)
        if self._tokens is not None and self._tokens.looks_like_one(text):
            return await self._tokens.identity_of(text)
        if self._forward is not None and shown.forwarded:
            return await self._forward(shown.forwarded)
        raise NotGood(Reason.UNKNOWN)

    async def _by_pass(self, text: str, kind: passes.Kind) -> Identity:
        passed = await passes.verified(text, key_of=self._pass_key_of)
        if passed is None or passed.kind is not kind:
            raise NotGood(Reason.SIGNATURE)
        # No grace: how long it lives was chosen for what it is for.
        if self._clock() >= passed.expires_at:
            raise NotGood(Reason.EXPIRED)
        return passed.identity()

    async def _by_key(self, text: str, rows: ApiKeyRows) -> Identity:
        split = api_keys.split_key(text)
        if split is None:
            raise NotGood(Reason.MALFORMED)
        key_id, secret = split
        key = await rows.find(key_id)
        if key is None:
            raise NotGood(Reason.UNKNOWN)
        found = api_keys.identity_of(key, secret, grace=self._grace)
        if found is None:
            raise NotGood(Reason.SIGNATURE)
        self._note_use(key_id, rows)
        return found

    def _note_use(self, key_id: str, rows: ApiKeyRows) -> None:
        """Beside the request, and seldom."""
        digest = digest_of(key_id)
        if self._used.get(digest):
            return
        self._used.put(digest, True, until=self._clock() + USED_EVERY / 1e6)  # it was
        note = asyncio.create_task(_noted(key_id, rows), name=f"key:{key_id}")
        self._notes.add(note)
        note.add_done_callback(self._notes.discard)

    def _believed_until(self, found: Identity) -> float:
        """What it may do changes when its proof expires, and ends with the grace."""
        until = self._clock() + self._cache
        if found.expires_at is None:
            return until
        return min(until, found.expires_at + (self._grace if found.has_expired else 0.0))

    def _with_super(self, found: Identity) -> Identity:
        is_listed = (found.tenant, found.subject) in self._super_admins
        return replace(found, is_super=True) if is_listed and found.is_admin else found


def _digest_of(shown: Shown) -> bytes:
    return digest_of("\n".join((shown.ticket, shown.credential, *map(": ".join, shown.forwarded.items()))))


def _not_reserved(found: Identity) -> Identity:
    """A pass for one upload may be for one that was sent without a name."""
    if found.is_reserved and not found.only_upload:
        raise NotGood(Reason.CLAIMS)
    return found


async def _noted(key_id: str, rows: ApiKeyRows) -> None:
    try:
        await rows.note_use(key_id)
    except DatabaseError as failed:
        log.warning("key.use_not_noted", key=key_id, error=str(failed))
