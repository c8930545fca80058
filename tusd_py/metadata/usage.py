"""How much of a quota each owner uses, reserved and given back by the transactions that are the reason.

What is charged, by whom, while:

    upload (whole)      its length, one file, one open    created .. stored
    upload (partial)    its length, one open              created .. stored; its length until it is ended
    upload (final)      one file, one open                created .. stored
    version             its length, one file              as long as it is there

A final takes over what its partials are charged with when it is stored, so that their bytes count once. An
upload of unknown length is charged in steps, each before the line moves past the one before. `charged` in a
row is what the row is charged with; NULL is a row from before there was a quota, which is charged with the
owner's first reservation after that.

Locks are taken from uploads to usage: whatever locks an upload does so before it touches the usage.
Belongs here: those rows. Not here: who has which quota (access/quotas.py).
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

from protocol.errors import QuotaExceeded, TooManyOpen
from protocol.upload import UNFINISHED, Kind, Transfer, Upload

from .database import Database, Query, Row, Script

NO_LIMIT = 4 * 10**18
"""Stands for "no limit" where SQL wants a number."""
BITE = 1000
"""Files that are charged by one commit, which clients' commits wait for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What an owner may use. 0 is no limit."""

    bytes: int = 0
    files: int = 0
    open: int = 0
    """Uploads that are not finished."""
    step: int = 64 << 20
    """Bytes that an upload of unknown length reserves at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What an owner uses, or is about to."""

    bytes: int = 0
    files: int = 0
    open: int = 0

    def __neg__(self) -> "Used":
        return Used(bytes=-self.bytes, files=-self.files, open=-self.open)


QuotaOf = Callable[[str, str], Quota]
"""By tenant and owner."""

_RESERVE = """
    UPDATE usage
    SET bytes = bytes + CAST(:bytes AS BIGINT), files = files + CAST(:files AS BIGINT),
        open = open + CAST(:open AS BIGINT)
    WHERE tenant = :tenant AND owner = :owner
      AND (CAST(:bytes AS BIGINT) <= 0 OR bytes <= CAST(:room AS BIGINT))
      AND (CAST(:files AS BIGINT) <= 0 OR files + CAST(:files AS BIGINT) <= CAST(:most_files AS BIGINT))
      AND (CAST(:open AS BIGINT) <= 0 OR open + CAST(:open AS BIGINT) <= CAST(:most_open AS BIGINT))
    RETURNING bytes
"""
_READ = "SELECT bytes, files, open FROM usage WHERE tenant = :tenant AND owner = :owner"
_BEGIN = """
    INSERT INTO usage (tenant, owner) VALUES (:tenant, :owner)
    ON CONFLICT (tenant, owner) DO NOTHING
"""
_ADD = """
    INSERT INTO usage (tenant, owner, bytes, files, open)
    VALUES (:tenant, :owner, CAST(:bytes AS BIGINT), CAST(:files AS BIGINT), CAST(:open AS BIGINT))
    ON CONFLICT (tenant, owner) DO UPDATE
    SET bytes = usage.bytes + excluded.bytes, files = usage.files + excluded.files,
        open = usage.open + excluded.open
"""
_CHARGE = "UPDATE uploads SET charged = :charged WHERE id = :id"

_ADOPT_UPLOADS = """
    UPDATE uploads SET charged = CASE WHEN kind = 'final' THEN 0 ELSE coalesce(length, "offset") END
    WHERE tenant = :tenant AND owner = :owner AND charged IS NULL
      AND (state IN ('created', 'receiving', 'waiting', 'completing')
           OR (state = 'stored' AND kind = 'partial'))
    RETURNING charged, kind, state
"""
_FILES_FROM = """
    SELECT created_at, file_id FROM files
    WHERE tenant = :tenant AND owner = :owner AND (created_at, file_id) > (:after_at, :after_id)
    ORDER BY created_at, file_id LIMIT CAST(:limit AS BIGINT)
"""
_ADOPT_VERSIONS = """
    UPDATE versions SET charged = length
    WHERE charged IS NULL AND lost = 0
      AND file_id IN (SELECT file_id FROM files
                      WHERE tenant = :tenant AND owner = :owner
                        AND (created_at, file_id) > (:after_at, :after_id)
                        AND (created_at, file_id) <= (:until_at, :until_id))
    RETURNING charged
"""
_OF_PARTIALS = """
    SELECT id, charged FROM uploads
    WHERE charged > 0 AND kind = 'partial' AND state = 'stored'
      AND id IN (SELECT partial_id FROM concat WHERE final_id = :id)
    ORDER BY id
    {for_update}
"""

# What the rows say, in one statement: every change of theirs is committed together with the usage.
_COUNTED = """
    SELECT tenant, owner, CAST(sum(bytes) AS BIGINT) AS bytes, CAST(sum(files) AS BIGINT) AS files,
           CAST(sum(open) AS BIGINT) AS open
    FROM (
        SELECT tenant, owner, charged AS bytes,
               CASE WHEN state <> 'stored' AND kind <> 'partial' THEN 1 ELSE 0 END AS files,
               CASE WHEN state <> 'stored' THEN 1 ELSE 0 END AS open
        FROM uploads
        WHERE charged IS NOT NULL
          AND (state IN ('created', 'receiving', 'waiting', 'completing')
               OR (state = 'stored' AND kind = 'partial'))
        UNION ALL
        SELECT f.tenant, f.owner, v.charged AS bytes, 1 AS files, 0 AS open
        FROM versions v JOIN files f ON f.file_id = v.file_id
        WHERE v.charged IS NOT NULL
        UNION ALL
        SELECT tenant, owner, charged AS bytes, 1 AS files, 1 AS open
        FROM multiparts WHERE charged IS NOT NULL
    ) counted
"""
_BY_OWNER = " GROUP BY tenant, owner"
_OF_ONE = " WHERE tenant = :tenant AND owner = :owner GROUP BY tenant, owner"
_LOCK = _READ + " {for_update}"
_SET = """
    UPDATE usage SET bytes = :bytes, files = :files, open = :open
    WHERE tenant = :tenant AND owner = :owner
"""
_ALL = "SELECT tenant, owner, bytes, files, open FROM usage"


def reserve(tenant: str, owner: str, wanted: Used, quota: Quota) -> Script[None]:
    """Part of the transaction that needs it. Raises QuotaExceeded, TooManyOpen."""
    who = {"tenant": tenant, "owner": owner}
    query = _reserving(who, wanted, quota)
    if (yield query):
        return
    yield Query(_BEGIN, who)
    if (yield query):
        return
    used = _to_used((yield Query(_READ, who))[0])
    raise _refusal(used, wanted, quota)


def give_back(tenant: str, owner: str, what: Used) -> Query:
    """Part of the transaction that ends the reason for it; also moves what is charged, without a limit."""
    given = -what
    return _reserving({"tenant": tenant, "owner": owner}, given, Quota())


def charge_of(upload: Upload) -> Used | None:
    """What an upload gives back when it ends; its version, if it has one, is charged for itself."""
    if upload.charged is None:
        return None
    if upload.state in UNFINISHED or upload.state is Transfer.COMPLETING:
        return Used(bytes=upload.charged, files=int(upload.kind is not Kind.PARTIAL), open=1)
    if upload.state is Transfer.STORED and upload.kind is Kind.PARTIAL:
        return Used(bytes=upload.charged)
    return None


def reserve_step(upload: Upload, offset: int, length: int | None, quota: Quota) -> Script[None]:
    """Part of the transaction that moves the line of an upload of unknown length, or declares it.

    Raises QuotaExceeded.
    """
    charged = upload.charged or 0
    if length is None and offset <= charged:
        return
    wanted = length if length is not None else offset + quota.step
    try:
        yield from reserve(upload.tenant, upload.owner, Used(bytes=wanted - charged), quota)
    except QuotaExceeded:
        if length is not None or offset >= wanted:
            raise
        # Not a whole step any more, but what has come.
        wanted = offset
        yield from reserve(upload.tenant, upload.owner, Used(bytes=wanted - charged), quota)
    yield Query(_CHARGE, {"id": upload.id, "charged": wanted})


def closed(upload: Upload, length: int) -> Script[None]:
    """Part of the transaction that stores an upload, of so many bytes: it is not open any more."""
    if upload.charged is None:
        return
    surplus = upload.charged - length if upload.kind is not Kind.FINAL else 0
    if surplus:
        # What was reserved in steps, before its length was known.
        yield Query(_CHARGE, {"id": upload.id, "charged": length})
    yield give_back(upload.tenant, upload.owner, Used(bytes=surplus, open=1))


def take_over(final: Upload, length: int, quota: Quota | None) -> Script[None]:
    """Part of the transaction that stores a final: it is charged, its partials are not any more.

    Raises QuotaExceeded where they were charged with less.
    """
    # Locked before they are summed: of two finals at once, the second finds what the first left of them.
    partials = yield Query(_OF_PARTIALS, {"id": final.id})
    for partial in partials:
        yield Query(_CHARGE, {"id": partial["id"], "charged": 0})
    needed = Used(bytes=length - sum(int(partial["charged"]) for partial in partials))
    yield from reserve(final.tenant, final.owner, needed, quota or Quota())


class UsageRows:
    """What is used, as others ask."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, tenant: str, owner: str) -> Used:
        """As committed now."""
        rows = await self._database.read(Query(_READ, {"tenant": tenant, "owner": owner}))
        return _to_used(rows[0]) if rows else Used()

    async def adopt(self, tenant: str, owner: str) -> None:
        """Charge what an owner has from before there was a quota. Does nothing when that was done.

        Some files at a time: an owner may have a million, and everybody's commits wait meanwhile.
        """
        who = {"tenant": tenant, "owner": owner}
        await self._database.transact(lambda: _adopt_uploads(who))
        after: tuple[int, str] | None = (-1, "")
        while after is not None:
            after = await self._database.transact(functools.partial(_adopt_files, who, after))

    async def wrong(self) -> list[tuple[str, str, Used, Used]]:
        """Owners whose usage is not what their rows say: (tenant, owner, usage, by the rows)."""

        # In one statement and so at one moment; rows that only one of both has count as zeros.
        return [
            (
                row["tenant"],
                row["owner"],
                Used(bytes=row["bytes"], files=row["files"], open=row["open"]),
                Used(bytes=row["c_bytes"], files=row["c_files"], open=row["c_open"]),
            )
            for row in await self._database.read(Query(_DIFFERENT))
        ]

    async def recount(self, tenant: str, owner: str) -> None:
        """Set one owner's usage to what the rows say."""

        def script() -> Script[None]:
            who = {"tenant": tenant, "owner": owner}
            yield Query(_BEGIN, who)
            # Whoever changes it waits from here on, and adds to what is set now.
            yield Query(_LOCK, who)
            rows = yield Query(_COUNTED + _OF_ONE, who)
            used = _to_used(rows[0]) if rows else Used()
            yield Query(_SET, {**who, **_params(used)})

        await self._database.transact(script)


_DIFFERENT = (
    """
    SELECT tenant, owner, CAST(sum(bytes) AS BIGINT) AS bytes, CAST(sum(files) AS BIGINT) AS files,
           CAST(sum(open) AS BIGINT) AS open, CAST(sum(c_bytes) AS BIGINT) AS c_bytes,
           CAST(sum(c_files) AS BIGINT) AS c_files, CAST(sum(c_open) AS BIGINT) AS c_open
    FROM (
        SELECT tenant, owner, bytes, files, open, 0 AS c_bytes, 0 AS c_files, 0 AS c_open FROM usage
        UNION ALL
        SELECT tenant, owner, 0, 0, 0, bytes, files, open FROM ("""
    + _COUNTED
    + _BY_OWNER
    + """) by_rows
    ) both_ways
    GROUP BY tenant, owner
    HAVING sum(bytes) <> sum(c_bytes) OR sum(files) <> sum(c_files) OR sum(open) <> sum(c_open)
    ORDER BY tenant, owner
    """
)


def _adopt_uploads(who: dict[str, str]) -> Script[None]:
    if uploads := (yield Query(_ADOPT_UPLOADS, who)):
        yield Query(_ADD, {**who, **_params(_sum_of(uploads, []))})


def _adopt_files(who: dict[str, str], after: tuple[int, str]) -> Script[tuple[int, str] | None]:
    """Those of a bite behind the file `after`; the last of them, None where there is none."""
    start = {"after_at": after[0], "after_id": after[1]}
    found = yield Query(_FILES_FROM, {**who, **start, "limit": BITE})
    if not found:
        return None
    last = found[-1]["created_at"], found[-1]["file_id"]
    stop = {"until_at": last[0], "until_id": last[1]}
    if versions := (yield Query(_ADOPT_VERSIONS, {**who, **start, **stop})):
        yield Query(_ADD, {**who, **_params(_sum_of([], versions))})
    return last


def _reserving(who: dict[str, str], wanted: Used, quota: Quota) -> Query:
    return Query(
        _RESERVE,
        {
            **who,
            **_params(wanted),
            # Not added in SQL: a client may declare what makes more than a BIGINT holds.
            "room": (quota.bytes or NO_LIMIT) - max(0, wanted.bytes),
            "most_files": quota.files or NO_LIMIT,
            "most_open": quota.open or NO_LIMIT,
        },
    )


def _params(used: Used) -> dict[str, int]:
    return {"bytes": used.bytes, "files": used.files, "open": used.open}


def _to_used(row: Row) -> Used:
    return Used(bytes=int(row["bytes"]), files=int(row["files"]), open=int(row["open"]))


def _sum_of(uploads: list[Row], versions: list[Row]) -> Used:
    is_open = [row for row in uploads if row["state"] != "stored"]
    return Used(
        bytes=sum(int(row["charged"]) for row in (*uploads, *versions)),
        files=len(versions) + sum(row["kind"] != "partial" for row in is_open),
        open=len(is_open),
    )


def _refusal(used: Used, wanted: Used, quota: Quota) -> QuotaExceeded | TooManyOpen:
    most = quota.bytes or NO_LIMIT
    if used.bytes + wanted.bytes > most:
        left = max(0, most - used.bytes)
        return QuotaExceeded(f"quota exceeded: {wanted.bytes} bytes wanted, {left} of {most} are left")
    if quota.files and used.files + wanted.files > quota.files:
        return QuotaExceeded(f"quota exceeded: all of {quota.files} files are used")
    return TooManyOpen(f"too many unfinished uploads: {used.open}, wanted at most {quota.open}")
