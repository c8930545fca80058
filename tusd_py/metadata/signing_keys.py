"""Keys that links are signed with: rows, so that every node signs with the same ones.

The newest signs. What an older one signed counts for as long as the older one is there, so that a rotation
breaks nothing that is on its way; dropping the older ones at once takes everything back that they signed.

Belongs here: making, rotating and forgetting them. Not here: what is signed (access/signing.py).
"""

from dataclasses import dataclass, field

from .database import Database, Query, Row, Script
from .events import EventKind, record

_INSERT = """
    INSERT INTO signing_keys (generation, id, secret, created_at)
    SELECT coalesce(max(generation), 0) + 1, CAST(:id AS TEXT), CAST(:secret AS TEXT), {now}
    FROM signing_keys
    RETURNING *
"""
_INSERT_FIRST = """
    INSERT INTO signing_keys (generation, id, secret, created_at)
    VALUES (1, :id, :secret, {now})
    ON CONFLICT (generation) DO NOTHING
"""
_NEWEST = "SELECT * FROM signing_keys ORDER BY generation DESC LIMIT 1"
_RETIRE = "UPDATE signing_keys SET retired_at = {now} WHERE retired_at IS NULL AND id <> :id"
_DROP_OLDER = "DELETE FROM signing_keys WHERE id <> :id"
_FORGET = "DELETE FROM signing_keys WHERE retired_at < {now} - CAST(:age AS BIGINT) RETURNING id"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key that is no row yet."""

    id: str
    secret: bytes = field(repr=False)
    """At least 32 bytes of good randomness."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A key that counts. Times are microseconds since the epoch."""

    id: str
    secret: bytes = field(repr=False)
    created_at: int
    retired_at: int | None
    """Another one signs since then."""


class SigningKeyRows:
    """The keys of the whole installation."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(self, proposed: NewKey) -> SigningKey:
        """The key to sign with; `proposed` where there is none yet, unless another node is faster."""
        rows = await self._database.read(Query(_NEWEST))
        if rows:
            return _to_key(rows[0])

        def script() -> Script[SigningKey]:
            yield Query(_INSERT_FIRST, _named(proposed))
            rows = yield Query(_NEWEST)
            return _to_key(rows[0])

        return await self._database.transact(script)

    async def find(self, key_id: str) -> SigningKey | None:
        """A key whose signatures count; None also for one that was forgotten."""
        rows = await self._database.read(Query("SELECT * FROM signing_keys WHERE id = :id", {"id": key_id}))
        return _to_key(rows[0]) if rows else None

    async def all(self) -> list[SigningKey]:
        """Newest first."""
        rows = await self._database.read(Query("SELECT * FROM signing_keys ORDER BY generation DESC"))
        return [_to_key(row) for row in rows]

    async def rotate(self, new: NewKey, *, actor: str, at_once: bool) -> SigningKey:
        """Sign with `new` from now on; `at_once` also takes back what the others signed.

        Raises Conflict when somebody else rotated in the same moment.
        """

        def script() -> Script[SigningKey]:
            rows = yield Query(_INSERT, _named(new))
            yield Query(_DROP_OLDER if at_once else _RETIRE, {"id": new.id})
            yield record(EventKind.KEYS_ROTATED, new.id, actor, None, at_once=int(at_once))
            return _to_key(rows[0])

        return await self._database.transact(script)

    async def forget(self, age: int) -> int:
        """Drop keys that were retired more than `age` microseconds ago; how many."""
        return len(await self._database.execute(Query(_FORGET, {"age": age})))


def _named(new: NewKey) -> dict[str, str]:
    return {"id": new.id, "secret": new.secret.hex()}


def _to_key(row: Row) -> SigningKey:
    return SigningKey(
        id=row["id"],
        secret=bytes.fromhex(row["secret"]),
        created_at=row["created_at"],
        retired_at=row["retired_at"],
    )
