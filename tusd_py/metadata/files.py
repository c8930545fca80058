"""Files and their versions: what finished uploads become.

Belongs here: rows of `files` and `versions`. Not here: uploads (uploads.py), who may read (access/).
"""

from dataclasses import dataclass

from protocol.upload import Upload, Verdict
from storage_backends.base import Stored

from .database import Database, Query, Row, Script


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One stored content of a file."""

    file_id: str
    n: int
    upload_id: str
    tenant: str
    owner: str
    filename: str | None
    ref: str
    identity: str
    length: int
    sha256: str | None
    declared_type: str | None
    sniffed_type: str | None
    verdict: Verdict
    finding: str | None
    """The name of what was found, or why it could not be scanned."""
    released_by: str | None
    """Who let it out of quarantine."""
    engine: str | None
    """The scanner and its signatures, as of before the scan."""
    scanned_at: int | None
    is_lost: bool
    created_at: int


VERSIONS = """
    SELECT v.*, f.tenant, f.owner, f.filename
    FROM versions v JOIN files f ON f.file_id = v.file_id
"""

_INSERT_FILE = """
    INSERT INTO files (file_id, tenant, owner, filename, version, created_at)
    VALUES (:file_id, :tenant, :owner, :filename, 1, {now})
"""

_INSERT_VERSION = """
    INSERT INTO versions (file_id, n, upload_id, key, ref, identity, length, declared_type, verdict,
                          created_at)
    VALUES (:file_id, 1, :upload_id, :key, :ref, :identity, :length, :declared_type, :verdict, {now})
"""


def add_version(upload: Upload, stored: Stored) -> Script[None]:
    """Part of the transaction that stores an upload: its file, and the file's first version."""
    yield Query(
        _INSERT_FILE,
        {
            "file_id": upload.file_id,
            "tenant": upload.tenant,
            "owner": upload.owner,
            "filename": upload.filename,
        },
    )
    yield Query(
        _INSERT_VERSION,
        {
            "file_id": upload.file_id,
            "upload_id": upload.id,
            "key": upload.key,
            "ref": stored.ref,
            "identity": stored.identity,
            "length": stored.length,
            "declared_type": upload.filetype,
            "verdict": Verdict.UNKNOWN,
        },
    )


def remove_version(upload_id: str, file_id: str) -> Script[None]:
    """Part of the transaction that removes what an upload became: a version, and its file if none is left."""
    # Also one that was given up, which would wait for ever.
    yield Query("DELETE FROM jobs WHERE subject = :id AND consumer IN ('scan', 'rescan')", {"id": upload_id})
    yield Query("DELETE FROM versions WHERE upload_id = :id", {"id": upload_id})
    yield Query(
        """
        UPDATE files
        SET version = coalesce((SELECT max(n) FROM versions v WHERE v.file_id = files.file_id), 0)
        WHERE file_id = :file_id
        """,
        {"file_id": file_id},
    )
    yield Query("DELETE FROM files WHERE file_id = :file_id AND version = 0", {"file_id": file_id})


def lose_version(upload: Upload) -> Query:
    """Marks the version of an upload whose bytes are gone; it stays listed, and is never served."""
    return Query("UPDATE versions SET lost = 1 WHERE upload_id = :id", {"id": upload.id})


class FileRows:
    """Reads files."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_upload(self, upload_id: str) -> Version | None:
        """The version that an upload became; known for as long as the file is, not only as the upload."""
        return await self._one(Query(VERSIONS + " WHERE v.upload_id = :id", {"id": upload_id}))

    async def current(self, file_id: str) -> Version | None:
        """The current version of a file."""
        return await self._one(
            Query(VERSIONS + " WHERE v.file_id = :id AND v.n = f.version", {"id": file_id})
        )

    async def page(self, after: tuple[str, int], limit: int) -> list[Version]:
        """Versions in the order of (file_id, n) behind `after`; for fsck."""
        file_id, n = after
        rows = await self._database.read(
            Query(
                VERSIONS
                + """
                WHERE v.file_id > :file_id OR (v.file_id = :file_id AND v.n > :n)
                ORDER BY v.file_id, v.n LIMIT :limit
                """,
                {"file_id": file_id, "n": n, "limit": limit},
            )
        )
        return [to_version(row) for row in rows]

    async def _one(self, query: Query) -> Version | None:
        rows = await self._database.read(query)
        return to_version(rows[0]) if rows else None


def to_version(row: Row) -> Version:
    """A row of VERSIONS."""
    return Version(
        file_id=row["file_id"],
        n=row["n"],
        upload_id=row["upload_id"],
        tenant=row["tenant"],
        owner=row["owner"],
        filename=row["filename"],
        ref=row["ref"],
        identity=row["identity"],
        length=row["length"],
        sha256=row["sha256"],
        declared_type=row["declared_type"],
        sniffed_type=row["sniffed_type"],
        verdict=Verdict(row["verdict"]),
        finding=row["finding"],
        released_by=row["released_by"],
        engine=row["engine"],
        scanned_at=row["scanned_at"],
        is_lost=bool(row["lost"]),
        created_at=row["created_at"],
    )
