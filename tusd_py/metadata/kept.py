"""What an object store keeps in the rows: its parts and tails, and a memory of its own.

Parts are committed by the statement that moves the line (writing.py); numbers and names are remembered before
they are used. Belongs here: reading them, and that memory. Not here: what the memory says (storage_backends).
"""

from collections.abc import Sequence

from protocol.upload import Upload, UploadId
from storage_backends.base import Kept, Part

from .database import Database, Query, Row, Script
from .upload_row import NOT_BURIED, Author, overtaken

_KEPT = """
    SELECT u.storage,
           coalesce((SELECT max(q."offset" + q.length) FROM parts q
                     WHERE q.upload_id = u.id AND q.state = 'part'), 0) AS parted,
           p.part_no, p."offset", p.length, p.etag, p.digest, p.ref
    FROM uploads u LEFT JOIN parts p ON p.upload_id = u.id AND p.state = 'tail'
    WHERE u.id = :id
    ORDER BY p."offset"
"""

_PARTS = """
    SELECT part_no, "offset", length, etag, digest, ref
    FROM parts
    WHERE upload_id = :id AND state IN ('part', 'tail')
    ORDER BY "offset"
"""

# A writer is alone. Of those that finish, which hold no lease, only one may find what it saw.
_REMEMBER = (
    """
    UPDATE uploads SET storage = :memory
    WHERE id = :id AND epoch = :epoch
      AND ((state IN ('created', 'receiving') AND holder = :worker)
           OR (state IN ('completing', 'terminated') AND storage = :before))
      AND """
    + NOT_BURIED
    + " RETURNING id"
)

# A number once used stays used: an upload that is sent again after its row was gone has another key.
_INSERT = """
    INSERT INTO parts (upload_id, part_no, "offset", length, state, etag, digest, epoch, ref)
    VALUES (:id, :part_no, :offset, :length, :state, CAST(:etag AS TEXT), CAST(:digest AS TEXT), :epoch, :ref)
"""

_DROP = "DELETE FROM parts WHERE upload_id = :id AND part_no = :part_no AND ref = :ref"


class KeptRows:
    """The rows, as one worker changes them."""

    def __init__(self, database: Database, author: Author) -> None:
        self._database = database
        self._author = author

    async def find(self, upload_id: UploadId) -> Kept | None:
        """As committed now; None for no such upload."""
        rows = await self._database.read(Query(_KEPT, {"id": upload_id}))
        if not rows:
            return None
        tails = tuple(_to_part(row) for row in rows if row["part_no"] is not None)
        return Kept(memory=rows[0]["storage"], parted=rows[0]["parted"], tails=tails)

    async def parts(self, upload_id: UploadId) -> list[Part]:
        """Every part and tail in order."""
        return [_to_part(row) for row in await self._database.read(Query(_PARTS, {"id": upload_id}))]

    async def remember(self, upload: Upload, memory: str, *, instead_of: str) -> bool:
        """False when overtaken. Raises Buried."""
        params = {
            "id": upload.id,
            "epoch": upload.epoch,
            "memory": memory,
            "before": instead_of,
            "worker": self._author.worker,
        }
        if await self._database.execute(Query(_REMEMBER, params)):
            return True
        await self._database.transact(lambda: overtaken(self._author))
        return False


def insert(upload: Upload, part: Part) -> Query:
    """Part of the transaction that moves the line over it."""
    return Query(
        _INSERT,
        {
            "id": upload.id,
            "part_no": part.part_no,
            "offset": part.offset,
            "length": part.length,
            "state": "tail" if part.is_tail else "part",
            "etag": part.etag,
            "digest": part.digest,
            "epoch": upload.epoch,
            "ref": part.ref,
        },
    )


def drop(upload: Upload, dropped: Sequence[Part]) -> Script[None]:
    """Part of the transaction that commits where the bytes of these tails are now."""
    for part in dropped:
        yield Query(_DROP, {"id": upload.id, "part_no": part.part_no, "ref": part.ref})


def _to_part(row: Row) -> Part:
    return Part(
        part_no=row["part_no"],
        offset=row["offset"],
        length=row["length"],
        ref=row["ref"],
        etag=row["etag"],
        digest=row["digest"],
    )
