"""What the reaper, the sweep, the syncer and fsck ask of the rows.

Belongs here: statements over many uploads. Not here: the life of one (uploads.py), what is done with the
answers (work/).
"""

from collections.abc import Sequence
from functools import partial

from protocol.upload import Upload, UploadId
from storage_backends.base import Synced

from . import multiparts
from .database import Database, Query, Script
from .upload_row import DUE, to_upload

UNSYNCABLE = "!"
"""Before the boot in `dirty_boot`; see `mark_unsyncable`."""
RAISED_AT_ONCE = 200
"""Rows changed by one commit of the syncer, which clients' commits wait for."""

_NEEDED = """(u.state NOT IN ('terminated', 'expired', 'refused', 'lost')
       OR EXISTS (SELECT 1 FROM concat c WHERE c.partial_id = u.id))"""
"""Its bytes are."""

_LEFT_DIRTY = f"""
    SELECT u.id AS id,
           coalesce(p.ref, u.ref) AS ref,
           coalesce(p."offset", u.ref_offset) AS start,
           coalesce(p."offset" + p.length, u."offset") AS stop
    FROM uploads u
    LEFT JOIN parts p ON p.upload_id = u.id AND p.state = 'segment'
         AND p."offset" <= u.synced_offset AND p."offset" + p.length > u.synced_offset
    WHERE u.dirty_boot = :boot AND u.updated_at <= {{now}} - CAST(:age AS BIGINT)
      AND {_NEEDED}
    LIMIT CAST(:limit AS BIGINT)
"""

_FROM_OTHER_BOOTS = f"""
    SELECT u.id FROM uploads u
    WHERE u.dirty_boot IS NOT NULL AND u.dirty_boot NOT IN (:boot, :unsyncable) AND u.id > :after
      AND {_NEEDED}
    ORDER BY u.id LIMIT :limit
"""

_KNOW_BYTES = """
    SELECT 1 AS found
    WHERE EXISTS (SELECT 1 FROM uploads WHERE state NOT IN ('terminated', 'expired', 'refused', 'lost'))
       OR EXISTS (SELECT 1 FROM versions)
"""

_MARK_UNSYNCABLE = "UPDATE uploads SET dirty_boot = :unsyncable WHERE id = :id AND dirty_boot = :boot"

# The consumers are named, as the table's key begins with them: without, every row of jobs would be looked at
# for each upload, while all others wait for the lock that this holds.
FORGET = """
    DELETE FROM uploads WHERE id IN (
        SELECT id FROM uploads u
        WHERE expires_at <= {now}
          AND (state IN ('terminated', 'expired', 'refused', 'lost')
               OR (state = 'stored' AND kind <> 'partial' AND dirty_boot IS NULL))
          AND NOT EXISTS (SELECT 1 FROM jobs j
                          WHERE j.consumer IN ('finish', 'purge', 'scan', 'rescan') AND j.subject = u.id)
          AND NOT EXISTS (SELECT 1 FROM concat c WHERE c.partial_id = u.id)
        ORDER BY expires_at LIMIT :limit)
    RETURNING id
"""


class Housekeeping:
    """Reads and changes rows in bulk."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, limit: int) -> list[UploadId]:
        """Uploads whose date passed: unfinished ones, and stored partials that no final waits for."""
        rows = await self._database.read(
            Query(f"SELECT id FROM uploads WHERE {DUE} ORDER BY expires_at LIMIT :limit", {"limit": limit})
        )
        return [UploadId(row["id"]) for row in rows]

    async def expire_multiparts(self, limit: int) -> int:
        """Forget multipart uploads whose date passed; how many. Their parts are due then."""
        due = await self._database.read(Query(multiparts.DUE, {"limit": limit}))
        for multipart_id in (row["id"] for row in due):
            await self._database.transact(partial(multiparts.expire, multipart_id))
        return len(due)

    async def let_parts_go(self, age: int, limit: int) -> int:
        """Make due what was sent for parts, and became none within `age` microseconds; how many."""
        left = await self._database.read(Query(multiparts.LEFT, {"age": age, "limit": limit}))
        gone = 0
        for upload_id in (row["id"] for row in left):
            gone += await self._database.transact(partial(multiparts.let_go, upload_id, age))
        return gone

    async def forget(self, limit: int) -> int:
        """Drop rows that were remembered long enough; how many. What they became lives on as versions.

        Not before their bytes are synced: only the row knows that a power cut may still undo them.
        """

        def script() -> Script[int]:
            return len((yield Query(FORGET, {"limit": limit})))

        return await self._database.transact(script)

    async def refs_to_purge(self, upload_id: UploadId) -> list[str]:
        """Every name that holds bytes of an upload that ended, and that no plan and no version needs."""
        rows = await self._database.read(
            Query(
                """
                SELECT ref FROM uploads
                WHERE id = :id AND state IN ('terminated', 'expired', 'refused')
                  AND NOT EXISTS (SELECT 1 FROM concat c WHERE c.partial_id = :id)
                UNION
                SELECT p.ref FROM parts p JOIN uploads u ON u.id = p.upload_id
                WHERE p.upload_id = :id AND u.state IN ('terminated', 'expired', 'refused')
                  AND NOT EXISTS (SELECT 1 FROM concat c WHERE c.partial_id = :id)
                """,
                {"id": upload_id},
            )
        )
        return [row["ref"] for row in rows]

    async def memory_to_discard(self, upload_id: UploadId) -> tuple[str, str] | None:
        """Key and storage memory of an upload that ended, and that no plan needs."""
        rows = await self._database.read(
            Query(
                """
                SELECT key, storage FROM uploads
                WHERE id = :id AND state IN ('terminated', 'expired', 'refused')
                  AND NOT EXISTS (SELECT 1 FROM concat c WHERE c.partial_id = :id)
                """,
                {"id": upload_id},
            )
        )
        return (rows[0]["key"], rows[0]["storage"]) if rows else None

    async def memory_needed(self, key: str) -> tuple[str | None, str] | None:
        """Holder and storage memory of the unfinished upload of a key; None when none needs it any more."""
        rows = await self._database.read(
            Query(
                """
                SELECT holder, storage FROM uploads u
                WHERE key = :key
                  AND (state IN ('created', 'receiving', 'completing', 'lost')
                       OR (state IN ('terminated', 'expired', 'refused')
                           AND EXISTS (SELECT 1 FROM concat c WHERE c.partial_id = u.id)))
                """,
                {"key": key},
            )
        )
        return (rows[0]["holder"], rows[0]["storage"]) if rows else None

    async def refs_named(self, key: str) -> set[str]:
        """The names under a key that some row still needs."""
        rows = await self._database.read(
            Query(
                """
                SELECT ref FROM uploads u
                WHERE key = :key
                  AND (state NOT IN ('terminated', 'expired', 'refused')
                       OR EXISTS (SELECT 1 FROM concat c WHERE c.partial_id = u.id))
                UNION
                SELECT p.ref FROM parts p JOIN uploads u ON u.id = p.upload_id
                WHERE u.key = :key
                  AND (u.state NOT IN ('terminated', 'expired', 'refused')
                       OR EXISTS (SELECT 1 FROM concat c WHERE c.partial_id = u.id))
                UNION
                SELECT ref FROM versions WHERE key = :key
                """,
                {"key": key},
            )
        )
        return {row["ref"] for row in rows}

    async def is_being_purged(self, key: str) -> bool:
        """A job is about to remove what ended uploads have left under a key."""
        query = """
            SELECT 1 FROM jobs j JOIN uploads u ON u.id = j.subject
            WHERE j.consumer = 'purge' AND u.key = :key
        """
        return bool(await self._database.read(Query(query, {"key": key})))

    async def know_bytes(self) -> bool:
        """Some row tells of an upload that is not over, or of a file: their bytes are somewhere."""
        return bool(await self._database.read(Query(_KNOW_BYTES)))

    async def dirty_from_other_boots(self, boot_id: str, after: str, limit: int) -> list[UploadId]:
        """Uploads with acknowledged bytes that were never synced before the machine went down.

        In the order of their ids, behind `after`.
        """
        unsyncable = UNSYNCABLE + boot_id
        params = {"boot": boot_id, "unsyncable": unsyncable, "after": after, "limit": limit}
        rows = await self._database.read(Query(_FROM_OTHER_BOOTS, params))
        return [UploadId(row["id"]) for row in rows]

    async def left_dirty(self, boot_id: str, age: int, limit: int) -> list[Synced]:
        """Bytes written in this boot and not synced for `age` microseconds: their writer's process died.

        The lowest run of each upload only: the next one counts once that is synced.
        """
        rows = await self._database.read(Query(_LEFT_DIRTY, {"boot": boot_id, "age": age, "limit": limit}))
        return [
            Synced(upload_id=row["id"], ref=row["ref"], start=row["start"], offset=row["stop"])
            for row in rows
        ]

    async def mark_unsyncable(self, upload_ids: Sequence[str], boot_id: str) -> None:
        """They have bytes whose sync failed in this boot: nobody adopts them, and the next boot ends them."""
        for start in range(0, len(upload_ids), RAISED_AT_ONCE):
            await self._mark_some(upload_ids[start : start + RAISED_AT_ONCE], boot_id)

    async def _mark_some(self, upload_ids: Sequence[str], boot_id: str) -> None:
        def script() -> Script[None]:
            for upload_id in upload_ids:
                yield Query(
                    _MARK_UNSYNCABLE, {"id": upload_id, "boot": boot_id, "unsyncable": UNSYNCABLE + boot_id}
                )

        await self._database.transact(script)

    async def raise_synced(self, synced: Sequence[Synced]) -> None:
        """Record what reached the medium in the background; see `Synced` for when it counts."""
        for start in range(0, len(synced), RAISED_AT_ONCE):
            await self._raise_some(synced[start : start + RAISED_AT_ONCE])

    async def _raise_some(self, synced: Sequence[Synced]) -> None:
        def script() -> Script[None]:
            for one in synced:
                yield Query(
                    """
                    UPDATE uploads
                    SET synced_offset = CASE WHEN synced_offset < :offset THEN :offset ELSE synced_offset END,
                        dirty_boot = CASE WHEN "offset" <= :offset THEN NULL ELSE dirty_boot END
                    WHERE id = :id AND "offset" >= :offset AND synced_offset >= :start
                      AND (dirty_boot IS NULL OR dirty_boot NOT LIKE '!%')
                      -- Most are told twice, and the second time there is nothing to write.
                      AND (synced_offset < :offset OR (dirty_boot IS NOT NULL AND "offset" <= :offset))
                      AND (ref = :ref
                           OR EXISTS (SELECT 1 FROM parts p
                                      WHERE p.upload_id = uploads.id AND p.ref = :ref
                                        AND p."offset" + p.length >= :offset))
                    """,
                    {"id": one.upload_id, "ref": one.ref, "start": one.start, "offset": one.offset},
                )

        await self._database.transact(script)

    async def page(self, after: str, limit: int) -> list[Upload]:
        """Uploads in the order of their ids behind `after`; for fsck."""
        rows = await self._database.read(
            Query(
                "SELECT * FROM uploads WHERE id > :after ORDER BY id LIMIT :limit",
                {"after": after, "limit": limit},
            )
        )
        return [to_upload(row) for row in rows]
