"""Files in a catalogue, for the tests of it: made by the statements that uploads are stored with."""

import secrets

from protocol.metadata import format_metadata, parse_metadata
from protocol.upload import Dialect, Kind, Upload, UploadId, Verdict
from storage_backends.base import Stored
from tusd_py.metadata.catalogue import CatalogueRows, File
from tusd_py.metadata.database import Database
from tusd_py.metadata.upload_row import FOREVER, Author, Lifetime, NewUpload
from tusd_py.metadata.uploads import UploadRows
from tusd_py.metadata.wanted import Served
from tusd_py.metadata.workers import WorkerRows

MINUTE = 60_000_000
LIFETIME = Lifetime(expiry=MINUTE, max_age=FOREVER, retention=MINUTE)
SERVED = Served(
    verdicts=frozenset({Verdict.UNKNOWN, Verdict.CLEAN}),
    verdicts_to_owner=frozenset(),
    reader=("", "ann"),
)


def author(*, scans: bool = False) -> Author:
    return Author(worker="a1", boot_id="boot", lifetime=LIFETIME, scans=scans)


def rows_of(database: Database) -> CatalogueRows:
    return CatalogueRows(database, author())


def new_upload(owner: str = "ann", tenant: str = "", **metadata: str) -> NewUpload:
    """new_upload(filename="a.txt", path="b/a.txt")"""
    name, raw = secrets.token_hex(16), format_metadata(metadata)
    said = parse_metadata(raw, limit=len(raw))
    return NewUpload(
        id=UploadId(name),
        tenant=tenant,
        owner=owner,
        metadata=raw,
        filename=said.filename,
        filetype=said.filetype,
        length=10,
        dialect=Dialect.TUS,
        kind=Kind.WHOLE,
        concat="",
        key=f"{owner}/{name}",
        file_id=name,
    )


async def store(
    database: Database, owner: str = "ann", tenant: str = "", *, scans: bool = False, **metadata: str
) -> Upload:
    """A whole upload of ten bytes, and what it became."""
    if await WorkerRows(database).find("a1") is None:
        await WorkerRows(database).register("a1", "host", "boot", "", MINUTE)
    new = new_upload(owner, tenant, **metadata)
    bytes_stored = Stored(ref=new.key, length=10, identity="first")
    rows = UploadRows(database, author(scans=scans))
    return await rows.create_whole(new, bytes_stored, synced=True, actor=owner)


async def file_of(database: Database, upload: Upload) -> File:
    """With the version that an upload became."""
    file = await rows_of(database).of_upload(upload.id)
    assert file is not None
    return file
