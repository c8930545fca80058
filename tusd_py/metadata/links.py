"""Share links: who has the token may fetch a file, so often and until then.

The token is in the URL and nowhere else; the row has its SHA-256. A use is counted by one compare-and-set
that also looks at every reason to refuse it, so that no two nodes give out the last use twice.

Belongs here: rows of `links`. Not here: who may make one (access/), what is a use (server/link_face.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from hashlib import sha256

from protocol.errors import TooManyLinks

from .database import Database, Query, Row, Script
from .events import EventKind, record
from .files import Version

_ALIVE = """
    revoked_at IS NULL AND expires_at > {now} AND (max_uses IS NULL OR uses < max_uses)
"""
_INSERT = """
    INSERT INTO links (id, token_hash, file_id, version, tenant, owner, created_by, created_at, expires_at,
                       max_uses)
    VALUES (:id, :token_hash, :file_id, CAST(:version AS BIGINT), :tenant, :owner, :created_by, {now},
            {now} + CAST(:lifetime AS BIGINT), CAST(:max_uses AS BIGINT))
    RETURNING *, 0 AS is_gone, {now} AS seen_at
"""
_SELECT = """
    SELECT links.*, {now} AS seen_at,
           CASE WHEN EXISTS (SELECT 1 FROM files f JOIN versions v
                                 ON v.file_id = f.file_id AND v.n = coalesce(links.version, f.version)
                             WHERE f.file_id = links.file_id AND v.lost = 0) THEN 0 ELSE 1 END AS is_gone
    FROM links
"""
# However many were closed since, the limit leaves out none that opens.
_ALIVE_FIRST = (
    " WHERE file_id = :file_id ORDER BY CASE WHEN "
    + _ALIVE
    + " THEN 0 ELSE 1 END, created_at DESC, id DESC LIMIT :limit"
)
# The verdict is looked at once more by the statement that counts: a use and a quarantine have an order.
_COUNT = (
    "UPDATE links SET uses = uses + 1, last_used_at = {now} WHERE id = :id AND "
    + _ALIVE
    + """
      AND EXISTS (SELECT 1 FROM versions v
                  WHERE v.upload_id = :upload_id AND v.verdict = :verdict AND v.identity = :identity
                    AND (v.released_by IS NULL) = (CAST(:released_by AS TEXT) IS NULL) AND v.lost = 0)
    RETURNING uses
    """
)
_ADD = """
    UPDATE links SET uses = uses + CAST(:uses AS BIGINT), last_used_at = {now}
    WHERE id = :id AND max_uses IS NULL
"""
_REVOKE = "UPDATE links SET revoked_at = {now} WHERE id = :id AND revoked_at IS NULL RETURNING file_id"
_LONG_CLOSED = """
    (expires_at <= {now} - CAST(:age AS BIGINT)
     OR revoked_at <= {now} - CAST(:age AS BIGINT)
     OR NOT EXISTS (SELECT 1 FROM files f WHERE f.file_id = links.file_id))
"""
# Looked for beside the write lock, which everybody waits for: few of many may be closed.
_LOOK_AT = (
    "SELECT id, CASE WHEN "
    + _LONG_CLOSED
    + " THEN 1 ELSE 0 END AS is_closed FROM links WHERE id > :after ORDER BY id LIMIT CAST(:limit AS BIGINT)"
)
FORGET = "DELETE FROM links WHERE id = :id AND " + _LONG_CLOSED + " RETURNING id"


class LinkState(StrEnum):
    """Whether a link opens anything."""

    ACTIVE = "active"
    REVOKED = "revoked"
    EXPIRED = "expired"
    USED_UP = "used up"
    GONE = "gone"
    """What it led to was deleted, or is lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLink:
    """What is known when a link is made."""

    id: str
    token: str
    file_id: str
    version: int | None
    """None follows the file to its current version."""
    created_by: str
    lifetime: int
    """Microseconds."""
    max_uses: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link as it was read. Times are microseconds since the epoch."""

    id: str
    file_id: str
    version: int | None
    tenant: str
    owner: str
    created_by: str
    created_at: int
    expires_at: int
    max_uses: int | None
    uses: int
    last_used_at: int | None
    revoked_at: int | None
    is_gone: bool
    """There is no such file or version any more, or its bytes are lost."""
    seen_at: int
    """When it was read, by the database's clock."""

    @property
    def state(self) -> LinkState:
        """As of when it was read. A revoked link stays revoked when it has expired too."""
        if self.revoked_at is not None:
            return LinkState.REVOKED
        if self.expires_at <= self.seen_at:
            return LinkState.EXPIRED
        if self.is_gone:
            return LinkState.GONE
        if self.max_uses is not None and self.uses >= self.max_uses:
            return LinkState.USED_UP
        return LinkState.ACTIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A download by a link that starts."""

    link: Link
    version: Version
    actor: str
    client: str | None
    """The visitor's address, where that is to be kept."""


def hash_of(token: str) -> str:
    """What the row has of a token. Its 256 random bits need no salt and no slow hash.

    Rows are found by it, so no comparison of ours has a duration that tells of a token.
    """
    return sha256(token.encode()).hexdigest()


class LinkRows:
    """The links of the whole installation."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, new: NewLink, *, most: int) -> Link | None:
        """None when there is no such file. Raises TooManyLinks where it has `most` that are active."""

        def script() -> Script[Link | None]:
            files = yield Query(
                "SELECT tenant, owner FROM files WHERE file_id = :file_id {for_update}",
                {"file_id": new.file_id},
            )
            if not files:
                return None
            counted = yield Query(
                "SELECT count(*) AS n FROM links WHERE file_id = :file_id AND " + _ALIVE,
                {"file_id": new.file_id},
            )
            if counted[0]["n"] >= most:
                raise TooManyLinks(f"the file has {counted[0]['n']} links, at most {most} are allowed")
            rows = yield _insert(new, tenant=files[0]["tenant"], owner=files[0]["owner"])
            link = _to_link(rows[0])
            yield record(EventKind.LINK_CREATED, link.id, new.created_by, link, **_facts(link))
            return link

        return await self._database.transact(script)

    async def find(self, link_id: str) -> Link | None:
        return await self._one(Query(_SELECT + " WHERE id = :id", {"id": link_id}))

    async def by_token(self, token: str) -> Link | None:
        return await self._one(Query(_SELECT + " WHERE token_hash = :hash", {"hash": hash_of(token)}))

    async def of_file(self, file_id: str, *, limit: int) -> list[Link]:
        """Newest first; behind them those that open nothing any more, until they are purged."""
        query = Query(_SELECT + _ALIVE_FIRST, {"file_id": file_id, "limit": limit})
        return [_to_link(row) for row in await self._database.read(query)]

    async def page(self, after: tuple[int, str], limit: int) -> list[Link]:
        """Links in the order of (created_at, id) behind `after`; for operators."""
        query = Query(
            _SELECT
            + """
            WHERE created_at > :at OR (created_at = :at AND id > :id)
            ORDER BY created_at, id LIMIT :limit
            """,
            {"at": after[0], "id": after[1], "limit": limit},
        )
        return [_to_link(row) for row in await self._database.read(query)]

    async def count(self, use: Use) -> bool:
        """One use, with its event, if the link is still active and the version as it was read."""

        def script() -> Script[bool]:
            version = use.version
            counted = yield Query(
                _COUNT,
                {
                    "id": use.link.id,
                    "upload_id": version.upload_id,
                    "verdict": version.verdict,
                    "identity": version.identity,
                    "released_by": version.released_by,
                },
            )
            if not counted:
                return False
            yield used(use)
            return True

        return await self._database.transact(script)

    async def revoke(self, link: Link, *, actor: str) -> bool:
        """False when it was revoked before, or is gone."""

        def script() -> Script[bool]:
            if not (yield Query(_REVOKE, {"id": link.id})):
                return False
            yield record(EventKind.LINK_REVOKED, link.id, actor, link)
            return True

        return await self._database.transact(script)

    async def purge(self, *, age: int, at_once: int) -> int:
        """Forget links of files that are gone, and those that closed more than `age` microseconds ago.

        Looks at `at_once` links at a time. How many were forgotten.
        """
        forgotten, after = 0, ""
        while page := await self._database.browse(
            Query(_LOOK_AT, {"age": age, "after": after, "limit": at_once})
        ):
            closed = [row["id"] for row in page if row["is_closed"]]
            if closed:
                forgotten += await self._database.transact(partial(_forget, closed, age))
            after = page[-1]["id"]
        return forgotten

    async def _one(self, query: Query) -> Link | None:
        rows = await self._database.read(query)
        return _to_link(rows[0]) if rows else None


def used(use: Use) -> Query:
    """The event of a use."""
    facts: dict[str, str | int | None] = {"version": use.version.n}
    if use.client is not None:
        facts["client"] = use.client
    facts["upload_id"] = use.version.upload_id
    return record(EventKind.LINK_USED, use.link.id, use.actor, use.link, **facts)


def added(link_id: str, uses: int) -> Query:
    """Uses of a link without a limit, which need not be counted before they happen."""
    return Query(_ADD, {"id": link_id, "uses": uses})


def _forget(links: Sequence[str], age: int) -> Script[int]:
    forgotten = 0
    for link_id in links:
        forgotten += len((yield Query(FORGET, {"id": link_id, "age": age})))
    return forgotten


def _insert(new: NewLink, *, tenant: str, owner: str) -> Query:
    return Query(
        _INSERT,
        {
            "id": new.id,
            "token_hash": hash_of(new.token),
            "file_id": new.file_id,
            "version": new.version,
            "tenant": tenant,
            "owner": owner,
            "created_by": new.created_by,
            "lifetime": new.lifetime,
            "max_uses": new.max_uses,
        },
    )


def _facts(link: Link) -> dict[str, str | int | None]:
    return {
        "version": link.version,
        "expires_at": link.expires_at,
        "max_uses": link.max_uses,
    }


def _to_link(row: Row) -> Link:
    return Link(
        id=row["id"],
        file_id=row["file_id"],
        version=row["version"],
        tenant=row["tenant"],
        owner=row["owner"],
        created_by=row["created_by"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        max_uses=row["max_uses"],
        uses=row["uses"],
        last_used_at=row["last_used_at"],
        revoked_at=row["revoked_at"],
        is_gone=bool(row["is_gone"]),
        seen_at=row["seen_at"],
    )
