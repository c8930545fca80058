"""The catalogue: files as people see them.

Belongs here: reading files and their versions, and changing what people call them. Not here: finding them
among many (search.py), what is stored and scanned (files.py, scans.py), who may (access/).
"""

import json
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypedDict

from protocol.upload import ScanJob, Status, Step, Transfer, UploadId, Verdict, status_of

from .database import Conflict, Database, Query, Row, Script
from .ending import end
from .events import EventKind, record
from .files import remove_version
from .jobs import NEVER
from .upload_row import Author
from .words import Described, words_of

BITE = 100
"""Versions that are deleted by one commit, which clients' commits wait for."""

COLUMNS = f"""
    f.file_id, f.tenant, f.owner, f.path, f.filename, f.tags, f.version, f.revision,
    f.created_at, f.updated_at,
    v.n, v.upload_id, v.ref, v.length, v.sha256, v.declared_type, v.sniffed_type, v.verdict, v.finding,
    v.engine, v.released_by, v.scanned_at, v.lost, v.metadata, v.created_at AS stored_at,
    (SELECT max(CASE WHEN j.due_at >= {NEVER} THEN 1 WHEN j.claimed_until > {{now}} THEN 3 ELSE 2 END)
     FROM jobs j WHERE j.subject = v.upload_id AND j.consumer IN ('scan', 'rescan')) AS scan
"""
"""Of `files f JOIN versions v`; what `to_file` reads."""

_SCANS = {None: ScanJob.NONE, 1: ScanJob.FAILED, 2: ScanJob.QUEUED, 3: ScanJob.RUNNING}

_CURRENT = f"SELECT {COLUMNS} FROM files f JOIN versions v ON v.file_id = f.file_id AND v.n = f.version"
_VERSIONS = f"SELECT {COLUMNS} FROM files f JOIN versions v ON v.file_id = f.file_id"
_VERSION_OF_UPLOAD = _VERSIONS + " WHERE v.upload_id = :id"

_OLDER = """
    SELECT v.upload_id, v.n FROM files f JOIN versions v ON v.file_id = f.file_id
    WHERE f.file_id = :id AND v.n <> f.version
    ORDER BY v.n LIMIT CAST(:limit AS BIGINT)
"""
_OLDER_UP_TO = _VERSIONS + " WHERE f.file_id = :id AND v.n <= :n AND v.n <> f.version ORDER BY v.n"

_LOCKED = "SELECT revision, version FROM files WHERE file_id = :file_id {for_update}"

_CHANGE = """
    UPDATE files
    SET filename = CAST(:filename AS TEXT), path = CAST(:path AS TEXT), tags = :tags, words = :words,
        version = :version, revision = revision + 1, updated_at = {now}
    WHERE file_id = :file_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file and one of its versions: the current one where nothing else is said. Times are microseconds."""

    file_id: str
    tenant: str
    owner: str
    path: str | None
    filename: str | None
    tags: tuple[str, ...]
    current: int
    """The number of the current version."""
    revision: int
    """Rises with every change of the file, not with what scanners say."""
    created_at: int
    updated_at: int
    n: int
    """The number of this version."""
    upload_id: str
    ref: str
    length: int
    sha256: str | None
    declared_type: str | None
    sniffed_type: str | None
    verdict: Verdict
    finding: str | None
    engine: str | None
    """The scanner that said so, with its signatures."""
    released_by: str | None
    scanned_at: int | None
    is_lost: bool
    metadata: str
    """The raw Upload-Metadata header of this version."""
    stored_at: int
    """When this version was."""
    scan: ScanJob

    @property
    def mime_type(self) -> str:
        """What the content shows, else what its client called it."""
        return self.sniffed_type or self.declared_type or "application/octet-stream"

    def status(self, *, is_served: bool) -> Status:
        """What people see; `is_served` says whether the policy lets this verdict be served."""
        transfer = Transfer.LOST if self.is_lost else Transfer.STORED
        released = self.released_by is not None
        return status_of(transfer, self.verdict, self.scan, served=is_served, released=released)


class Change(TypedDict, total=False):
    """What somebody wants a file to be called from now on; what is left out stays as it is."""

    filename: str | None
    path: str | None
    tags: tuple[str, ...]


class Refusal(StrEnum):
    """Why a file was not changed."""

    GONE = "gone"
    CHANGED = "changed"
    """It is not as it was seen."""
    PATH_TAKEN = "path taken"
    NO_VERSION = "no version"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """What is left to be done for a file that was deleted."""

    refs: tuple[str, ...]
    """Names of bytes that nothing names any more, and that no purge job knows of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bite:
    """Some versions of a file that is being deleted."""

    refs: list[str]
    is_last: bool
    """The file is gone."""


class CatalogueRows:
    """Files, as a worker or a command reads and changes them."""

    def __init__(self, database: Database, author: Author) -> None:
        self._database = database
        self._author = author

    async def find(self, file_id: str) -> File | None:
        """With its current version."""
        return await self._one(Query(_CURRENT + " WHERE f.file_id = :id", {"id": file_id}))

    async def of_upload(self, upload_id: str) -> File | None:
        """With the version that an upload became."""
        return await self._one(Query(_VERSION_OF_UPLOAD, {"id": upload_id}))

    async def version(self, file_id: str, n: int) -> File | None:
        """With one of its versions."""
        text = _VERSIONS + " WHERE f.file_id = :id AND v.n = :n"
        return await self._one(Query(text, {"id": file_id, "n": n}))

    async def versions(self, file_id: str, *, below: int, limit: int) -> list[File]:
        """Its versions, the newest first, from the one before `below` on."""
        rows = await self._database.read(
            Query(
                _VERSIONS + " WHERE f.file_id = :id AND v.n < :below ORDER BY v.n DESC LIMIT :limit",
                {"id": file_id, "below": below, "limit": limit},
            )
        )
        return [to_file(row) for row in rows]

    async def change(self, seen: File, wanted: Change, *, strictly: bool, actor: str) -> File | Refusal:
        """Call it something else. `strictly` only if nobody changed it since it was seen."""
        try:
            return await self._database.transact(
                lambda: self._change(seen, wanted, strictly=strictly, actor=actor)
            )
        except Conflict:
            return Refusal.PATH_TAKEN

    def _change(self, seen: File, wanted: Change, *, strictly: bool, actor: str) -> Script[File | Refusal]:
        file = yield from self._locked(seen, strictly=strictly)
        if isinstance(file, Refusal):
            return file
        renamed = replace(file, **wanted)
        if renamed == file:
            return file
        facts: dict[str, str | int | None] = {"filename": renamed.filename, "path": renamed.path}
        yield from _rewrite(renamed)
        yield record(EventKind.CHANGED, file.upload_id, actor, file, **facts, tags=json.dumps(renamed.tags))
        return (yield from _found(Query(_CURRENT + " WHERE f.file_id = :id", {"id": file.file_id})))

    async def restore(self, seen: File, n: int, *, strictly: bool, actor: str) -> File | Refusal:
        """Make one of its versions the current one. NO_VERSION for one that is gone or lost."""
        return await self._database.transact(lambda: self._restore(seen, n, strictly=strictly, actor=actor))

    def _restore(self, seen: File, n: int, *, strictly: bool, actor: str) -> Script[File | Refusal]:
        file = yield from self._locked(seen, strictly=strictly)
        if isinstance(file, Refusal):
            return file
        version = yield from _found(
            Query(_VERSIONS + " WHERE f.file_id = :id AND v.n = :n", {"id": file.file_id, "n": n})
        )
        if not isinstance(version, File) or version.is_lost:
            return Refusal.NO_VERSION
        if n == file.n:
            return file
        yield from _rewrite(version)
        yield record(EventKind.RESTORED, version.upload_id, actor, version, version=n, instead_of=file.n)
        return (yield from _found(Query(_CURRENT + " WHERE f.file_id = :id", {"id": file.file_id})))

    def _locked(self, seen: File, *, strictly: bool) -> Script[File | Refusal]:
        rows = yield Query(_LOCKED, {"file_id": seen.file_id})
        if not rows:
            return Refusal.GONE
        if strictly and rows[0]["revision"] != seen.revision:
            return Refusal.CHANGED
        return (yield from _found(Query(_CURRENT + " WHERE f.file_id = :id", {"id": seen.file_id})))

    async def delete(self, file_id: str, *, actor: str, revision: int | None = None) -> Deleted | Refusal:
        """Remove a file with all its versions, whatever a scanner does or said. Never comes back.

        With `revision` only if it is that one. Every version whose upload is remembered is ended like one
        that its client deletes, so a purge job removes its bytes. One of many versions goes in several
        commits: what ends this in between, like a change of the file with `revision`, leaves it with the
        newest of them.
        """
        refs: list[str] = []
        is_begun = False
        while True:
            bite = await self._database.transact(
                lambda: self._delete_some(file_id, actor=actor, revision=revision)
            )
            if bite is Refusal.GONE and is_begun:
                # Somebody else who deletes it took the rest.
                return Deleted(refs=tuple(refs))
            if isinstance(bite, Refusal):
                # No row names the bytes of a bite before, so the sweep finds them.
                return bite
            refs += bite.refs
            if bite.is_last:
                return Deleted(refs=tuple(refs))
            is_begun = True

    def _delete_some(self, file_id: str, *, actor: str, revision: int | None) -> Script[_Bite | Refusal]:
        """Older versions first, which is no change of the file; the last bite takes what is left, and it."""
        chosen = yield Query(_OLDER, {"id": file_id, "limit": BITE})
        is_last = len(chosen) < BITE
        if is_last:
            which = Query(_VERSIONS + " WHERE f.file_id = :id ORDER BY v.n", {"id": file_id})
            chosen = yield Query("SELECT upload_id FROM versions WHERE file_id = :id", {"id": file_id})
        else:
            which = Query(_OLDER_UP_TO, {"id": file_id, "n": chosen[-1]["n"]})
        # Uploads before files, and in one order: so does everybody who ends one.
        for upload_id in sorted(row["upload_id"] for row in chosen):
            yield Query("SELECT id FROM uploads WHERE id = :id {for_update}", {"id": upload_id})
        rows = yield Query(_LOCKED, {"file_id": file_id})
        if not rows:
            return Refusal.GONE
        if revision is not None and rows[0]["revision"] != revision:
            return Refusal.CHANGED
        refs: list[str] = []
        for row in (yield which):
            refs += yield from self._delete_version(to_file(row), actor)
        return _Bite(refs=refs, is_last=is_last)

    def _delete_version(self, version: File, actor: str) -> Script[list[str]]:
        ended = yield from end(
            self._author,
            UploadId(version.upload_id),
            Step.TERMINATE,
            actor=actor,
            seen=None,
            only_due=False,
        )
        if ended is None:
            # Its upload was forgotten, or is lost and remembered for the operator.
            yield from remove_version(version.upload_id)
        yield record(EventKind.DELETED, version.upload_id, actor, version, version=version.n)
        return [] if ended is not None else [version.ref]

    async def index_some(self, limit: int) -> int:
        """Cut the words of up to `limit` files that have none yet, from before there was an index."""
        return await self._database.transact(lambda: _index_some(limit))

    async def _one(self, query: Query) -> File | None:
        rows = await self._database.read(query)
        return to_file(rows[0]) if rows else None


def _index_some(limit: int) -> Script[int]:
    rows = yield Query(
        _CURRENT + " WHERE f.words IS NULL ORDER BY f.file_id LIMIT CAST(:limit AS BIGINT)", {"limit": limit}
    )
    for row in rows:
        yield Query(
            "UPDATE files SET words = :words WHERE file_id = :file_id AND words IS NULL",
            {"file_id": row["file_id"], "words": words_of(_described(to_file(row)))},
        )
    return len(rows)


def _rewrite(file: File) -> Script[None]:
    """It is called as is said here, and this version is its current one."""
    yield Query(
        _CHANGE,
        {
            "file_id": file.file_id,
            "filename": file.filename,
            "path": file.path,
            "tags": json.dumps(file.tags),
            "words": words_of(_described(file)),
            "version": file.n,
        },
    )


def _described(file: File) -> Described:
    return Described(
        tenant=file.tenant,
        owner=file.owner,
        filename=file.filename,
        path=file.path,
        tags=file.tags,
        metadata=file.metadata,
    )


def _found(query: Query) -> Script[File | Refusal]:
    rows = yield query
    return to_file(rows[0]) if rows else Refusal.GONE


def to_file(row: Row) -> File:
    """A row of COLUMNS."""
    return File(
        file_id=row["file_id"],
        tenant=row["tenant"],
        owner=row["owner"],
        path=row["path"],
        filename=row["filename"],
        tags=tuple(json.loads(row["tags"])),
        current=row["version"],
        revision=row["revision"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        n=row["n"],
        upload_id=row["upload_id"],
        ref=row["ref"],
        length=row["length"],
        sha256=row["sha256"],
        declared_type=row["declared_type"],
        sniffed_type=row["sniffed_type"],
        verdict=Verdict(row["verdict"]),
        finding=row["finding"],
        engine=row["engine"],
        released_by=row["released_by"],
        scanned_at=row["scanned_at"],
        is_lost=bool(row["lost"]),
        metadata=row["metadata"],
        stored_at=row["stored_at"],
        scan=_SCANS[row["scan"]],
    )
