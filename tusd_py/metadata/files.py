"""Files and their versions: what finished uploads become.

Belongs here: rows of `files` and `versions`. Not here: uploads (uploads.py), who may read (access/).
"""

import json
from dataclasses import dataclass

from protocol.errors import InvalidMetadata
from protocol.metadata import parse_metadata
from protocol.upload import Upload, Verdict
from storage_backends.base import Stored

from .database import Database, Query, Row, Script
from .events import EventKind, record
from .usage import Used, give_back
from .words import Described, words_of


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
    INSERT INTO files (file_id, tenant, owner, path, filename, words, version, created_at, updated_at)
    VALUES (:file_id, :tenant, :owner, CAST(:path AS TEXT), CAST(:filename AS TEXT), :words, 1, {now}, {now})
"""

# Of two that want one path the second waits for the first, and then finds its file.
_INSERT_AT_PATH = (
    _INSERT_FILE
    + """
    ON CONFLICT (tenant, owner, path) WHERE path IS NOT NULL DO NOTHING
    RETURNING file_id
    """
)

_INSERT_VERSION = """
    INSERT INTO versions (file_id, n, upload_id, key, ref, identity, length, declared_type, sniffed_type,
                          verdict, metadata, charged, created_at)
    VALUES (:file_id, :n, :upload_id, :key, :ref, :identity, :length, :declared_type,
            CAST(:sniffed_type AS TEXT), :verdict, :metadata, CAST(:charged AS BIGINT), {now})
"""

_OWN_FILE = """
    SELECT file_id, tenant, owner, filename, path, tags, last_version FROM files
    WHERE tenant = :tenant AND owner = :owner AND
"""

_NEXT_VERSION = """
    UPDATE files
    SET version = last_version + 1, last_version = last_version + 1, words = :words,
        revision = revision + 1, updated_at = {now}
    WHERE file_id = :file_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What an upload became."""

    file_id: str
    n: int
    """The number of the version."""


def add_version(upload: Upload, stored: Stored) -> Script[Place]:
    """Part of the transaction that stores an upload: a version, and its file where that is a new one.

    It is the next version of the file that its metadata names by `file_id`, or else by `path`, if its owner
    has that file now. Its bytes are durable, so nothing that happened meanwhile to a file may refuse it.
    """
    place = yield from _placed(upload)
    if place.file_id != upload.file_id:
        yield Query(
            "UPDATE uploads SET file_id = :file_id WHERE id = :id",
            {"file_id": place.file_id, "id": upload.id},
        )
    yield Query(
        _INSERT_VERSION,
        {
            "file_id": place.file_id,
            "n": place.n,
            "metadata": upload.metadata,
            "upload_id": upload.id,
            "key": upload.key,
            "ref": stored.ref,
            "identity": stored.identity,
            "length": stored.length,
            "declared_type": upload.filetype,
            "sniffed_type": upload.sniffed_type,
            "verdict": Verdict.UNKNOWN,
            "charged": None if upload.charged is None else stored.length,
        },
    )
    return place


def _placed(upload: Upload) -> Script[Place]:
    file_id, path = _wanted(upload)
    if file_id is not None:
        rows = yield Query(_OWN_FILE + " file_id = :file_id {for_update}", _of(upload, file_id=file_id))
        if rows:
            return (yield from _next_version(upload, rows[0]))
    file = _of(
        upload,
        file_id=upload.file_id,
        path=path,
        filename=upload.filename,
        words=words_of(_described(upload, path)),
    )
    if path is None:
        yield Query(_INSERT_FILE, file)
        return Place(file_id=upload.file_id, n=1)
    while True:
        rows = yield Query(_INSERT_AT_PATH, file)
        if rows:
            return Place(file_id=upload.file_id, n=1)
        rows = yield Query(_OWN_FILE + " path = :path {for_update}", _of(upload, path=path))
        # None when it was deleted since: then its path is free.
        if rows:
            return (yield from _next_version(upload, rows[0]))


def _next_version(upload: Upload, file: Row) -> Script[Place]:
    """The file keeps its name, path and tags."""
    words = words_of(_described_anew(file, upload.metadata))
    yield Query(_NEXT_VERSION, {"file_id": file["file_id"], "words": words})
    return Place(file_id=file["file_id"], n=file["last_version"] + 1)


def may_name_place(metadata: str) -> bool:
    """The raw metadata may name a file or a path, so that looking for it is part of `add_version`."""
    return "file_id" in metadata or "path" in metadata


def _wanted(upload: Upload) -> tuple[str | None, str | None]:
    """The file and the path that the metadata names."""
    # For almost every upload, which names neither, nothing is parsed.
    if not may_name_place(upload.metadata):
        return None, None
    try:
        said = parse_metadata(upload.metadata, limit=len(upload.metadata))
    except InvalidMetadata:
        # Kept by a version that had other rules.
        return None, None
    return said.file_id, said.path


def _of(upload: Upload, **params: str | None) -> dict[str, str | None]:
    return {"tenant": upload.tenant, "owner": upload.owner, **params}


def _described_anew(file: Row, metadata: str) -> Described:
    """A file that is there, by the metadata of another version."""
    return Described(
        tenant=file["tenant"],
        owner=file["owner"],
        filename=file["filename"],
        path=file["path"],
        tags=json.loads(file["tags"]),
        metadata=metadata,
    )


def _described(upload: Upload, path: str | None) -> Described:
    return Described(
        tenant=upload.tenant,
        owner=upload.owner,
        filename=upload.filename,
        path=path,
        tags=(),
        metadata=upload.metadata,
    )


# Of a version that is about to go.
_LOCK_FILE = """
    SELECT file_id, tenant, owner FROM files
    WHERE file_id = (SELECT file_id FROM versions WHERE upload_id = :id)
    {for_update}
"""


def remove_version(upload_id: str) -> Script[None]:
    """Part of the transaction that removes what an upload became: a version, and its file if none is left."""
    # Also one that was given up, which would wait for ever.
    yield Query("DELETE FROM jobs WHERE subject = :id AND consumer IN ('scan', 'rescan')", {"id": upload_id})
    # Whoever adds a version, or restores one, has this lock too: what is left is looked at without them. On
    # Postgres a statement that waits for them itself would go on with the versions from before it waited.
    for file in (yield Query(_LOCK_FILE, {"id": upload_id})):
        removed = yield Query(
            "DELETE FROM versions WHERE upload_id = :id RETURNING charged", {"id": upload_id}
        )
        yield from _fall_back(file["file_id"])
        yield from _give_back(file["tenant"], file["owner"], removed)


# To the newest that is left and may be read, else to the newest, where the current one is gone.
_FALL_BACK = """
    UPDATE files
    SET version = coalesce((SELECT max(n) FROM versions v
                            WHERE v.file_id = files.file_id AND v.lost = 0
                              AND (v.verdict NOT IN ('infected', 'unscannable')
                                   OR v.released_by IS NOT NULL)),
                           (SELECT max(n) FROM versions v WHERE v.file_id = files.file_id),
                           0),
        revision = revision + 1, updated_at = {now}
    WHERE file_id = :file_id
      AND NOT EXISTS (SELECT 1 FROM versions v WHERE v.file_id = files.file_id AND v.n = files.version)
    RETURNING version, tenant, owner, filename, path, tags
"""


def _fall_back(file_id: str) -> Script[None]:
    for file in (yield Query(_FALL_BACK, {"file_id": file_id})):
        if not file["version"]:
            yield Query("DELETE FROM files WHERE file_id = :file_id", {"file_id": file_id})
            return
        (version,) = yield Query(
            "SELECT metadata FROM versions WHERE file_id = :file_id AND n = :n",
            {"file_id": file_id, "n": file["version"]},
        )
        words = words_of(_described_anew(file, version["metadata"]))
        yield Query(
            "UPDATE files SET words = :words WHERE file_id = :file_id", {"file_id": file_id, "words": words}
        )


def lose_version(upload_id: str, tenant: str, owner: str) -> Script[None]:
    """Marks the version of an upload whose bytes are gone; it stays listed, and is never served."""
    lost = yield Query(
        "SELECT charged FROM versions WHERE upload_id = :id AND charged IS NOT NULL", {"id": upload_id}
    )
    yield Query("UPDATE versions SET lost = 1, charged = NULL WHERE upload_id = :id", {"id": upload_id})
    yield from _give_back(tenant, owner, lost)


def _give_back(tenant: str, owner: str, versions: list[Row]) -> Script[None]:
    """Last, as it locks a row that others lock last."""
    charged = [int(row["charged"]) for row in versions if row["charged"] is not None]
    if charged:
        yield give_back(tenant, owner, Used(bytes=sum(charged), files=len(charged)))


def _lose(version: Version, actor: str) -> Script[None]:
    rows = yield Query(
        "SELECT n FROM versions WHERE upload_id = :id AND lost = 0 {for_update}", {"id": version.upload_id}
    )
    if not rows:
        return
    yield record(EventKind.LOST, version.upload_id, actor, version, offset=version.length)
    yield from lose_version(version.upload_id, version.tenant, version.owner)


class FileRows:
    """Reads files, and loses them."""

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

    async def numbered(self, file_id: str, n: int) -> Version | None:
        """Version `n` of a file."""
        return await self._one(
            Query(VERSIONS + " WHERE v.file_id = :id AND v.n = :n", {"id": file_id, "n": n})
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

    async def lose(self, version: Version, *, actor: str) -> None:
        """Its bytes are gone. For what is left of an upload that was forgotten; others end with theirs."""
        await self._database.transact(lambda: _lose(version, actor))

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
