"""A file, as the API shows it.

Belongs here: the document and its schema. Not here: routes (files_api.py).
"""

from typing import Any

from protocol.upload import Status, Verdict
from tusd_py.metadata.catalogue import File

from .json_bodies import rfc3339
from .route import Schema
from .schemas import ID, TIME

LONGEST_TAG = 100
"""Characters."""
MOST_TAGS = 50

FILENAME: Schema = {"type": ["string", "null"], "minLength": 1, "maxLength": 255}
PATH: Schema = {
    "type": ["string", "null"],
    "minLength": 1,
    "maxLength": 1024,
    "description": "Unique among the files of one owner; an upload to it is the next version.",
}
TAGS: Schema = {
    "type": "array",
    "items": {"type": "string", "minLength": 1, "maxLength": LONGEST_TAG},
    "maxItems": MOST_TAGS,
    "uniqueItems": True,
}
FILE: Schema = {
    "type": "object",
    "required": [
        *("file_id", "user_id", "tenant", "path", "filename", "file_size", "mime_type", "declared_type"),
        *("sniffed_type", "status", "virus_status", "sha256", "version", "tags", "created_at", "updated_at"),
    ],
    "properties": {
        "file_id": ID,
        "user_id": {"type": "string", "description": "Whose it is."},
        "tenant": {"type": "string"},
        "path": PATH,
        "filename": FILENAME,
        "file_size": {"type": "integer", "minimum": 0, "description": "Bytes."},
        "mime_type": {"type": "string", "description": "What the content shows, else what its client said."},
        "declared_type": {"type": ["string", "null"]},
        "sniffed_type": {"type": ["string", "null"]},
        "status": {"enum": [*map(str, Status)]},
        "virus_status": {"enum": [*map(str, Verdict)]},
        "sha256": {"type": ["string", "null"], "pattern": "^[0-9a-f]{64}$"},
        "version": {"type": "integer", "minimum": 1},
        "tags": TAGS,
        "created_at": {**TIME, "description": "Of the file; of the version where versions are listed."},
        "updated_at": TIME,
    },
}
VERSION: Schema = {
    **FILE,
    "required": [*FILE["required"], "is_current"],
    "properties": {**FILE["properties"], "is_current": {"type": "boolean"}},
}


def file_json(file: File, status: Status) -> dict[str, Any]:
    """As FILE says."""
    return {
        "file_id": file.file_id,
        "user_id": file.owner,
        "tenant": file.tenant,
        "path": file.path,
        "filename": file.filename,
        "file_size": file.length,
        "mime_type": file.mime_type,
        "declared_type": file.declared_type,
        "sniffed_type": file.sniffed_type,
        "status": status,
        "virus_status": file.verdict,
        "sha256": file.sha256,
        "version": file.n,
        "tags": list(file.tags),
        "created_at": rfc3339(file.created_at),
        "updated_at": rfc3339(file.updated_at),
    }


def version_json(file: File, status: Status) -> dict[str, Any]:
    """As VERSION says."""
    shown = file_json(file, status)
    return {**shown, "created_at": rfc3339(file.stored_at), "is_current": file.n == file.current}
