"""API keys: one row each, with a digest of the secret and never the secret.

Belongs here: the rows. Not here: how a key is written and proven (access/api_keys.py).
"""

from dataclasses import dataclass
from typing import LiteralString

from .database import Database, Query, Row, Script
from .events import EventKind, record

USED_EVERY = 3600 * 1_000_000
"""Microseconds between two notes of a key's use: it is asked for by people, and should cost nothing."""

_COLUMNS: LiteralString = (
    "id, tenant, subject, scopes, note, digest, created_at, expires_at, used_at, revoked_at"
)
_INSERT: LiteralString = """
    INSERT INTO api_keys (id, tenant, subject, scopes, note, digest, created_at, expires_at)
    VALUES (:id, :tenant, :subject, :scopes, :note, :digest, {now}, {now} + CAST(:life AS BIGINT))
    RETURNING created_at
"""
_FIND: LiteralString = f"SELECT {_COLUMNS}, {{now}} AS now FROM api_keys WHERE id = :id"
_PAGE: LiteralString = f"""
    SELECT {_COLUMNS}, {{now}} AS now FROM api_keys WHERE (created_at, id) > (:at, :id)
    ORDER BY created_at, id LIMIT CAST(:limit AS BIGINT)
"""
_REVOKE: LiteralString = (
    "UPDATE api_keys SET revoked_at = {now} WHERE id = :id AND revoked_at IS NULL RETURNING id"
)
_USED: LiteralString = """
    UPDATE api_keys SET used_at = {now}
    WHERE id = :id AND (used_at IS NULL OR used_at < {now} - CAST(:every AS BIGINT))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key to be made."""

    id: str
    tenant: str
    subject: str
    scopes: tuple[str, ...]
    note: str
    digest: str
    life: int | None
    """Microseconds; None is for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """As committed. Times are microseconds since the epoch."""

    id: str
    tenant: str
    subject: str
    scopes: tuple[str, ...]
    note: str
    digest: str
    created_at: int
    expires_at: int | None
    used_at: int | None
    """At most `USED_EVERY` late."""
    revoked_at: int | None
    now: int
    """When this was read, by the database's clock."""

    @property
    def is_revoked(self) -> bool:
        return self.revoked_at is not None


class ApiKeyRows:
    """The keys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, key: NewKey, *, actor: str) -> None:
        """Make it. Raises Conflict for an id that is there."""

        def script() -> Script[None]:
            yield Query(
                _INSERT,
                {
                    "id": key.id,
                    "tenant": key.tenant,
                    "subject": key.subject,
                    "scopes": " ".join(key.scopes),
                    "note": key.note,
                    "digest": key.digest,
                    "life": key.life,
                },
            )
            yield record(
                EventKind.KEY_CREATED,
                key.id,
                actor,
                None,
                of_tenant=key.tenant,
                of_subject=key.subject,
                scopes=" ".join(key.scopes),
            )

        await self._database.transact(script)

    async def find(self, key_id: str) -> ApiKey | None:
        rows = await self._database.read(Query(_FIND, {"id": key_id}))
        return _key(rows[0]) if rows else None

    async def page(self, after: tuple[int, str], limit: int) -> list[ApiKey]:
        """Those made after the one of that (created_at, id), oldest first."""
        found = await self._database.read(Query(_PAGE, {"at": after[0], "id": after[1], "limit": limit}))
        return [_key(row) for row in found]

    async def revoke(self, key_id: str, *, actor: str) -> bool:
        """For good. False when there is none, or it was revoked before."""

        def script() -> Script[bool]:
            rows = yield Query(_REVOKE, {"id": key_id})
            if rows:
                yield record(EventKind.KEY_REVOKED, key_id, actor, None)
            return bool(rows)

        return await self._database.transact(script)

    async def note_use(self, key_id: str) -> None:
        """It was used now, coarsely."""
        await self._database.execute(Query(_USED, {"id": key_id, "every": USED_EVERY}))


def _key(row: Row) -> ApiKey:
    return ApiKey(**{**row, "scopes": tuple(row["scopes"].split())})
