"""Rows of uploads whose parts clients send to the store themselves.

What the bytes of a part hash to is said before they are sent, and once: so whatever comes under its number,
late or again, is the same. It is kept beside the upload's parts, as what it is until then: a promise.

Belongs here: these promises, and the date that moves with them. Not here: the line (writing.py).
"""

from collections.abc import Sequence

from protocol.errors import InvalidPart
from protocol.upload import Upload, UploadId
from storage_backends.base import Part

from .database import Database, Query, Script
from .upload_row import EXPIRES, FOREVER, Author, to_upload

_RENEW = (
    "UPDATE uploads SET updated_at = {now}, expires_at = "
    + EXPIRES
    + """
    WHERE id = :id AND state IN ('created', 'receiving') AND (expires_at IS NULL OR expires_at > {now})
    RETURNING *
    """
)
_PROMISED = """
    SELECT part_no, "offset", length, digest, ref FROM parts
    WHERE upload_id = :id AND state = 'promised'
    ORDER BY part_no
"""
_PROMISE = """
    INSERT INTO parts (upload_id, part_no, "offset", length, state, digest, epoch, ref)
    VALUES (:id, :part_no, :offset, :length, 'promised', :digest, :epoch, :ref)
"""


class DirectRows:
    """All of them."""

    def __init__(self, database: Database, author: Author) -> None:
        self._database = database
        self._author = author

    async def promise(self, upload: Upload, parts: Sequence[Part]) -> Upload | None:
        """Somebody is at work on it, and will send these, where they say what these hash to.

        None when it is not open any more. Raises InvalidPart for a part that was promised otherwise.
        """

        def script() -> Script[Upload | None]:
            rows = yield self._renew(upload)
            if not rows:
                return None
            known = {row["part_no"]: row["digest"] for row in (yield Query(_PROMISED, {"id": upload.id}))}
            for part in parts:
                if part.part_no not in known:
                    yield _promise(upload, part)
                elif known[part.part_no] != part.digest:
                    raise InvalidPart(
                        f"part {part.part_no} was asked for with the digest {known[part.part_no]}, "
                        "and there is no other one for it: begin anew"
                    )
            return to_upload(rows[0])

        return await self._database.transact(script)

    async def promised(self, upload_id: UploadId) -> list[Part]:
        """In the order of their numbers."""
        rows = await self._database.read(Query(_PROMISED, {"id": upload_id}))
        return [
            Part(
                part_no=row["part_no"],
                offset=row["offset"],
                length=row["length"],
                digest=row["digest"],
                ref=row["ref"],
            )
            for row in rows
        ]

    def _renew(self, upload: Upload) -> Query:
        expiry, max_age = self._author.lifetime.of(upload.kind, upload.state)
        return Query(_RENEW, {"id": upload.id, "expiry": expiry, "max_age": max_age, "forever": FOREVER})


def _promise(upload: Upload, part: Part) -> Query:
    return Query(
        _PROMISE,
        {
            "id": upload.id,
            "part_no": part.part_no,
            "offset": part.offset,
            "length": part.length,
            "digest": part.digest,
            "epoch": upload.epoch,
            "ref": part.ref,
        },
    )
