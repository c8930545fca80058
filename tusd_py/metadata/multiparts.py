"""Multipart uploads: parts that come in any order, and are put together when their client says so.

Each part is a partial upload, and the whole becomes a final one of them, with the id that the multipart
upload had from the beginning. So nothing that keeps bytes safe knows of multipart uploads; these rows only
say which part has which number, and keep partials from expiring before the whole does.

Locks are taken from multipart uploads to uploads.
Belongs here: rows of `multiparts` and `multipart_parts`. Not here: bytes (uploads/multipart.py), plans of
finals (plans.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import LiteralString

from protocol.errors import InvalidPart
from protocol.metadata import parse_metadata
from protocol.upload import Dialect, Kind, Upload, UploadId

from .creating import create_final
from .database import Database, Query, Row, Script
from .upload_row import EXPIRES, FOREVER, Author, NewUpload
from .usage import Used, give_back, reserve

_ALIVE = "id = :id AND (expires_at IS NULL OR expires_at > {now})"
_INSERT = """
    INSERT INTO multiparts (id, tenant, owner, metadata, length, key, file_id, charged, created_at)
    VALUES (:id, :tenant, :owner, :metadata, CAST(:length AS BIGINT), :key, :file_id,
            CAST(:charged AS BIGINT), {now})
"""
_RENEW = "UPDATE multiparts SET expires_at = " + EXPIRES + " WHERE id = :id RETURNING *"
_FIND = "SELECT * FROM multiparts WHERE " + _ALIVE
_LOCK = _FIND + " {for_update}"
_PARTS = """
    SELECT p.number AS number, u.id AS upload_id, u.length AS length, u.created_at AS created_at
    FROM multipart_parts p JOIN uploads u ON u.id = p.upload_id AND u.state IN ('completing', 'stored')
    WHERE p.multipart_id = :id AND p.number > CAST(:after AS BIGINT)
    ORDER BY p.number LIMIT CAST(:limit AS BIGINT)
"""
_SIZE = """
    SELECT CAST(coalesce(sum(u.length), 0) AS BIGINT) AS size
    FROM multipart_parts p JOIN uploads u ON u.id = p.upload_id
    WHERE p.multipart_id = :id
"""
# Lost by a power cut, or deleted as the partial uploads that they are; their rows may be forgotten since.
_GONE_PARTS = """
    SELECT p.number AS number
    FROM multipart_parts p LEFT JOIN uploads u ON u.id = p.upload_id AND u.state IN ('completing', 'stored')
    WHERE p.multipart_id = :id AND u.id IS NULL
    ORDER BY p.number
"""
_PUT = """
    INSERT INTO multipart_parts (multipart_id, number, upload_id)
    VALUES (:id, CAST(:number AS BIGINT), :upload_id)
    ON CONFLICT (multipart_id, number) DO UPDATE SET upload_id = excluded.upload_id
"""
# What is stored and pinned by no plan goes once its date passed, whoever lives to see it.
_GO = """
    UPDATE uploads SET expires_at = {now}
    WHERE state IN ('completing', 'stored') AND (expires_at IS NULL OR expires_at > {now}) AND id
"""
_LET_GO = _GO + "= :id"
_AT = "SELECT upload_id FROM multipart_parts WHERE multipart_id = :id AND number = CAST(:number AS BIGINT)"
_OF_PARTS = "IN (SELECT upload_id FROM multipart_parts WHERE multipart_id = :id)"
_LOCK_PARTS = "SELECT id FROM uploads WHERE id " + _OF_PARTS + " ORDER BY id {for_update}"
_LET_PARTS_GO = _GO + _OF_PARTS
_DROP_PARTS = "DELETE FROM multipart_parts WHERE multipart_id = :id"
_DROP = "DELETE FROM multiparts WHERE id = :id RETURNING tenant, owner, charged"
DUE = "SELECT id FROM multiparts WHERE expires_at <= {now} ORDER BY expires_at LIMIT CAST(:limit AS BIGINT)"
_DROP_DUE = """
    DELETE FROM multiparts WHERE id = :id AND expires_at <= {now} RETURNING tenant, owner, charged
"""
# Sent for a part that it never became: whoever sent it died, or its commit failed. What somebody may still be
# about to write, or to put, was written to a moment ago, or has a holder that lives.
_IS_LEFT = """
    part_of IS NOT NULL AND state IN ('created', 'receiving', 'stored')
    AND updated_at <= {now} - CAST(:age AS BIGINT)
    AND (expires_at IS NULL OR expires_at > {now})
    AND (holder IS NULL
         OR NOT EXISTS (SELECT 1 FROM workers w WHERE w.id = uploads.holder AND w.buried = 0))
    AND NOT EXISTS (SELECT 1 FROM multipart_parts m WHERE m.upload_id = uploads.id)
    AND NOT EXISTS (SELECT 1 FROM concat c WHERE c.partial_id = uploads.id)
"""
LEFT = "SELECT id FROM uploads WHERE " + _IS_LEFT + " ORDER BY updated_at LIMIT CAST(:limit AS BIGINT)"
_LOCK_LEFT = "SELECT id FROM uploads WHERE id = :id {for_update}"
_LET_LEFT_GO = "UPDATE uploads SET expires_at = {now} WHERE id = :id AND " + _IS_LEFT
_IS_THERE = "SELECT id FROM uploads WHERE id = :id AND state IN ('completing', 'stored') {for_update}"

_OPEN = Used(files=1, open=1)
"""What one that was begun is charged with; its parts are charged for themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Multipart:
    """One that was begun. Times are microseconds since the epoch, sizes bytes."""

    id: UploadId
    tenant: str
    owner: str
    metadata: str
    length: int | None
    """What its parts have to add up to, where its client said so."""
    key: str
    file_id: str
    created_at: int
    expires_at: int | None

    def as_new_upload(self) -> NewUpload:
        """What it becomes."""
        described = parse_metadata(self.metadata, limit=len(self.metadata))
        return NewUpload(
            id=self.id,
            tenant=self.tenant,
            owner=self.owner,
            metadata=self.metadata,
            filename=described.filename,
            filetype=described.filetype,
            length=None,
            dialect=Dialect.TUS,
            kind=Kind.FINAL,
            concat="",
            key=self.key,
            file_id=self.file_id,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MultipartPart:
    """A part that is there."""

    number: int
    upload_id: UploadId
    """Of its partial upload: another one for each time that the part is sent, so also its entity tag."""
    length: int
    created_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """A part that was taken."""

    replaced: UploadId | None
    """The partial upload that had this number before."""


class MultipartRows:
    """All of them."""

    def __init__(self, database: Database, author: Author) -> None:
        self._database = database
        self._author = author

    async def create(self, new: NewUpload) -> Multipart:
        """`new` is what it is to become; its length may be None.

        It counts as an unfinished upload of its owner's. Raises TooManyOpen, and QuotaExceeded also where
        there is no room for the length, which its parts are charged with as they come.
        """
        quota = self._author.quota(new.tenant, new.owner)

        def script() -> Script[Multipart]:
            yield Query(
                _INSERT,
                {
                    "id": new.id,
                    "tenant": new.tenant,
                    "owner": new.owner,
                    "metadata": new.metadata,
                    "length": new.length,
                    "key": new.key,
                    "file_id": new.file_id,
                    "charged": None if quota is None else 0,
                },
            )
            made = to_multipart((yield self._renew(new.id))[0])
            if quota is not None:
                yield from reserve(new.tenant, new.owner, replace(_OPEN, bytes=new.length or 0), quota)
                yield give_back(new.tenant, new.owner, Used(bytes=new.length or 0))
            return made

        return await self._database.transact(script)

    async def find(self, multipart_id: UploadId) -> Multipart | None:
        """None also for one whose date passed, or that was completed."""
        rows = await self._database.read(Query(_FIND, {"id": multipart_id}))
        return to_multipart(rows[0]) if rows else None

    async def parts(self, multipart_id: UploadId, *, after: int, limit: int) -> list[MultipartPart]:
        """Those with numbers above `after`, in order."""
        query = Query(_PARTS, {"id": multipart_id, "after": after, "limit": limit})
        return [_to_part(row) for row in await self._database.read(query)]

    async def size(self, multipart_id: UploadId) -> int:
        """How many bytes its parts have together."""
        return int((await self._database.read(Query(_SIZE, {"id": multipart_id})))[0]["size"])

    async def renew(self, multipart_id: UploadId) -> None:
        """Somebody is at work on it."""
        await self._database.execute(self._renew(multipart_id))

    async def put(self, multipart_id: UploadId, number: int, partial: UploadId) -> Put | None:
        """Make a partial upload with all its bytes the part of that number.

        None where there is nothing to be part of, or it is gone itself.
        """

        def script() -> Script[Put | None]:
            if not (yield Query(_LOCK, {"id": multipart_id})):
                return None
            if not (yield Query(_IS_THERE, {"id": partial})):
                return None
            before = yield Query(_AT, {"id": multipart_id, "number": number})
            yield Query(_PUT, {"id": multipart_id, "number": number, "upload_id": partial})
            yield self._renew(multipart_id)
            if not before:
                return Put(replaced=None)
            replaced = UploadId(before[0]["upload_id"])
            yield Query(_LET_GO, {"id": replaced})
            return Put(replaced=replaced)

        return await self._database.transact(script)

    async def complete(
        self,
        multipart_id: UploadId,
        wanted: Mapping[int, UploadId] | None,
        *,
        most: int,
        limit: int,
        actor: str,
    ) -> Upload | None:
        """Plan the upload of its parts, of which there are at most `most`, and forget that there were any.

        `wanted` says which; None is all of them, without a gap. None when there is no such multipart upload.
        What is left out of it goes at the next round of the reaper.
        Raises InvalidPart, MaxSizeExceeded above `limit` bytes (0 is none), QuotaExceeded, TooManyOpen.
        """

        def script() -> Script[Upload | None]:
            rows = yield Query(_LOCK, {"id": multipart_id})
            if not rows:
                return None
            multipart = to_multipart(rows[0])
            there = [
                _to_part(row)
                for row in (yield Query(_PARTS, {"id": multipart_id, "after": 0, "limit": most}))
            ]
            for gone in (yield Query(_GONE_PARTS, {"id": multipart_id})):
                if wanted is None or gone["number"] in wanted:
                    raise InvalidPart(f"part {gone['number']} was deleted or lost: send it again")
            chosen = _chosen(there, wanted)
            _check_length(chosen, multipart.length)
            yield from _forget(multipart_id, _DROP)
            partials = [part.upload_id for part in chosen]
            new = multipart.as_new_upload()
            return (yield from create_final(self._author, new, partials, limit=limit, actor=actor))

        return await self._database.transact(script)

    async def drop(self, multipart_id: UploadId) -> bool:
        """Give it up; its parts go at the next round of the reaper. False where there is none."""

        def script() -> Script[bool]:
            if not (yield Query(_LOCK, {"id": multipart_id})):
                return False
            yield from _forget(multipart_id, _DROP)
            return True

        return await self._database.transact(script)

    def _renew(self, multipart_id: UploadId) -> Query:
        lifetime = self._author.lifetime
        params = {"expiry": lifetime.expiry, "max_age": lifetime.max_age, "forever": FOREVER}
        return Query(_RENEW, {"id": multipart_id, **params})


def expire(multipart_id: str) -> Script[None]:
    """Forget it if its date passed."""
    yield from _forget(multipart_id, _DROP_DUE)


def let_go(upload_id: str, age: int) -> Script[int]:
    """Make it due if it became no part within `age` microseconds; 1 then."""
    # Whoever makes it one has this lock, and is asked about behind it.
    yield Query(_LOCK_LEFT, {"id": upload_id})
    return len((yield Query(_LET_LEFT_GO + " RETURNING id", {"id": upload_id, "age": age})))


def _forget(multipart_id: str, drop: LiteralString) -> Script[None]:
    """Its partial uploads are due at once but for what a plan pins, and then as soon as it does not.

    Whatever becomes of the final, nobody else has any use for them.
    """
    dropped = yield Query(drop, {"id": multipart_id})
    if not dropped:
        return
    # In the order of their ids, as whoever plans a final locks them.
    yield Query(_LOCK_PARTS, {"id": multipart_id})
    yield Query(_LET_PARTS_GO, {"id": multipart_id})
    yield Query(_DROP_PARTS, {"id": multipart_id})
    # Last, as everybody locks usage last.
    if dropped[0]["charged"] is not None:
        yield give_back(dropped[0]["tenant"], dropped[0]["owner"], _OPEN)


def _chosen(there: Sequence[MultipartPart], wanted: Mapping[int, UploadId] | None) -> Sequence[MultipartPart]:
    """Raises InvalidPart for what is not there, or is another than its client means."""
    if wanted is None:
        gap = next((n for n, part in enumerate(there, start=1) if part.number != n), None)
        if gap is not None:
            raise InvalidPart(f"part {gap} is not there, and a later one is")
        chosen = there
    else:
        known = {part.number: part for part in there}
        for number, upload_id in wanted.items():
            if number not in known:
                raise InvalidPart(f"part {number} is not there")
            if known[number].upload_id != upload_id:
                raise InvalidPart(f"part {number} has the etag {known[number].upload_id}, not that one")
        chosen = [known[number] for number in sorted(wanted)]
    if not chosen:
        raise InvalidPart("there is no part")
    return chosen


def _check_length(parts: Sequence[MultipartPart], length: int | None) -> None:
    total = sum(part.length for part in parts)
    if length is not None and total != length:
        raise InvalidPart(f"the parts have {total} bytes, and file_size was {length}")


def to_multipart(row: Row) -> Multipart:
    """A row of `multiparts`."""
    return Multipart(
        id=UploadId(row["id"]),
        tenant=row["tenant"],
        owner=row["owner"],
        metadata=row["metadata"],
        length=row["length"],
        key=row["key"],
        file_id=row["file_id"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
    )


def _to_part(row: Row) -> MultipartPart:
    return MultipartPart(
        number=row["number"],
        upload_id=UploadId(row["upload_id"]),
        length=row["length"],
        created_at=row["created_at"],
    )
