"""`/api/v1/uploads`: how far uploads are.

For people who watch: nothing here touches a lease, so a writer is never asked to stop.

Belongs here: the routes. Not here: going on with an upload (tus.py).
"""

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from protocol.errors import Forbidden, InvalidQuery, UploadNotFound
from protocol.upload import (
    Kind,
    ScanJob,
    Status,
    Transfer,
    UploadId,
    Verdict,
    parse_upload_id,
    status_of,
    visible,
)
from tusd_py.access.authorize import Action
from tusd_py.access.identity import Identity
from tusd_py.metadata.catalogue import CatalogueRows
from tusd_py.metadata.cursors import BadCursor
from tusd_py.metadata.progress import Progress, ProgressRows
from tusd_py.uploads.catalogue import status_for
from tusd_py.uploads.context import Context
from tusd_py.uploads.permit import permit

from .etags import polled
from .identify import Identify
from .json_bodies import rfc3339
from .queries import Said
from .route import Parameter, Reply, Route
from .schemas import CURSOR, ID, IF_NONE_MATCH, LIMIT, MOST, TIME, UPLOAD_ID, USUAL, page_of


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadsApi:
    """Answers for uploads."""

    context: Context
    identify: Identify
    progress: ProgressRows
    catalogue: CatalogueRows

    async def list(self, request: web.Request) -> web.Response:
        """A page of one's own that are not finished; of everybody's in the tenant for the admin."""
        identity, said = await self.identify(request), Said(request)
        owner = said.text("user_id")
        if not identity.is_admin:
            if owner is not None and owner != identity.subject:
                raise Forbidden("the scope 'admin' is needed to list what others have")
            owner = identity.subject
        limit = said.number("limit", usual=USUAL, most=MOST)
        try:
            found, following = await self.progress.unfinished(
                identity.tenant, owner, cursor=said.text("cursor"), limit=limit
            )
        except BadCursor as bad:
            raise InvalidQuery(f"cursor: {bad}") from None
        uploads = [upload_json(one, status_of_progress(one)) for one in found]
        return polled(request, {"uploads": uploads, "next": following})

    async def show(self, request: web.Request) -> web.Response:
        """One upload, whatever became of it, as long as it is remembered."""
        Said(request)
        identity = await self.identify(request)
        upload_id = parse_upload_id(request.match_info["upload_id"])
        found = await self.progress.of(upload_id)
        if found is None:
            raise UploadNotFound
        await permit(self.context, identity, Action.PROGRESS, found.upload)
        said = upload_json(found, await self._status(identity, found))
        return polled(request, said, revision=found.upload.epoch)

    async def _status(self, identity: Identity, found: Progress) -> Status:
        """Of what it became, once it became something."""
        if found.upload.state is Transfer.STORED:
            file = await self.catalogue.of_upload(UploadId(found.upload.id))
            if file is not None:
                return status_for(self.context, identity, file)
        return status_of_progress(found)


def status_of_progress(found: Progress) -> Status:
    """As far as its row tells."""
    if not visible(found.upload, found.now):
        return Status.FAILED
    return status_of(found.upload.state, Verdict.UNKNOWN, ScanJob.NONE, served=False, released=False)


def upload_json(found: Progress, status: Status) -> dict[str, Any]:
    """As UPLOAD says."""
    upload = found.upload
    share = None if upload.length is None else (upload.offset / upload.length if upload.length else 1.0)
    # Parts may be more than the whole was said to be, until it is completed.
    share = None if share is None else round(min(share, 1.0), 6)
    expires = None if upload.expires_at is None else rfc3339(upload.expires_at)
    return {
        "upload_id": upload.id,
        "file_id": None if upload.kind is Kind.PARTIAL else upload.file_id,
        "user_id": upload.owner,
        "tenant": upload.tenant,
        "filename": upload.filename,
        "declared_type": upload.filetype,
        "kind": upload.kind,
        "state": upload.state,
        "status": status,
        "file_size": upload.length,
        "offset": upload.offset,
        "progress": share,
        "parts_uploaded": found.parts_uploaded,
        "created_at": rfc3339(upload.created_at),
        "updated_at": rfc3339(upload.updated_at),
        "expires_at": expires,
    }


_OPTIONAL_TIME = {**TIME, "type": ["string", "null"]}
UPLOAD = {
    "type": "object",
    "required": [
        *(
            "upload_id",
            "file_id",
            "user_id",
            "tenant",
            "filename",
            "declared_type",
            "kind",
            "state",
            "status",
        ),
        *("file_size", "offset", "progress", "parts_uploaded", "created_at", "updated_at", "expires_at"),
    ],
    "properties": {
        "upload_id": ID,
        "file_id": {
            **ID,
            "type": ["string", "null"],
            "description": "The file that it becomes. Before it is stored that may still change, if its "
            "metadata names a file or a path. Null for a part of a concatenation, which becomes none.",
        },
        "user_id": {"type": "string"},
        "tenant": {"type": "string"},
        "filename": {"type": ["string", "null"]},
        "declared_type": {"type": ["string", "null"]},
        "kind": {
            "enum": [*map(str, Kind)],
            "description": "parts: a multipart upload that is not complete; it is ended by multipart_abort.",
        },
        "state": {"enum": [*map(str, Transfer)], "description": "Where its bytes are; docs/states.md."},
        "status": {"enum": [*map(str, Status)]},
        "file_size": {
            "type": ["integer", "null"],
            "minimum": 0,
            "description": "Bytes; null while its client has not said.",
        },
        "offset": {"type": "integer", "minimum": 0, "description": "Bytes that are safe."},
        "progress": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
        "parts_uploaded": {
            "type": "integer",
            "minimum": 0,
            "description": "Pieces that an object store has of it; 0 on a filesystem, and once it is whole. "
            "Of a multipart upload the parts that are there.",
        },
        "created_at": TIME,
        "updated_at": TIME,
        "expires_at": _OPTIONAL_TIME,
    },
}

UPLOADS_API_ROUTES = (
    Route(
        method="GET",
        path="/api/v1/uploads",
        name="uploads_list",
        handle=UploadsApi.list,
        action=Action.LIST,
        summary="Your uploads that are not finished, in parts too, newest first; everybody's for an admin",
        parameters=(
            Parameter(name="user_id", description="Whose; for admins.", schema={"type": "string"}),
            CURSOR,
            LIMIT,
            IF_NONE_MATCH,
        ),
        replies={
            200: Reply(
                description="A page.",
                schema=page_of("uploads", UPLOAD),
                headers={"ETag": "For If-None-Match."},
            ),
            304: Reply(description="It is as you have it."),
        },
    ),
    Route(
        method="GET",
        path="/api/v1/uploads/{upload_id}",
        name="uploads_show",
        handle=UploadsApi.show,
        action=Action.PROGRESS,
        hides=True,
        summary="How far an upload is, and what became of it",
        parameters=(UPLOAD_ID, IF_NONE_MATCH),
        replies={
            200: Reply(description="The upload.", schema=UPLOAD, headers={"ETag": "For If-None-Match."}),
            304: Reply(description="It is as you have it."),
        },
    ),
)
