"""`/api/v1/files`: the catalogue.

Belongs here: requests to operations, files to JSON. Not here: who may (uploads/catalogue.py), how files are
found (metadata/search.py), their bytes (file_face.py).
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from aiohttp import hdrs, web

from protocol.errors import Forbidden, InvalidBody, InvalidQuery, NotFound, PreconditionFailed, UploadNotFound
from protocol.filenames import LONGEST, safe_filename
from protocol.integers import shown
from protocol.media_types import essence_of
from protocol.paths import NoPath, parse_path
from protocol.upload import Status, Verdict, parse_upload_id
from tusd_py.access.authorize import Action
from tusd_py.access.identity import Identity
from tusd_py.metadata.catalogue import CatalogueRows, Change, File
from tusd_py.metadata.cursors import BadCursor
from tusd_py.metadata.search import Search
from tusd_py.metadata.upload_row import FOREVER
from tusd_py.metadata.wanted import Served, Wanted
from tusd_py.metadata.words import TooManyWords, asked
from tusd_py.uploads.catalogue import change_file, delete_file, find_file, restore_version, status_for
from tusd_py.uploads.context import Context

from .etags import polled, tag_of, wanted_revisions
from .file_json import FILE, FILENAME, LONGEST_TAG, MOST_TAGS, PATH, TAGS, VERSION, file_json, version_json
from .identify import Identify
from .json_bodies import as_bytes, json_response, read_object
from .queries import Said
from .route import Parameter, Reply, Route
from .schemas import CURSOR, FILE_ID, IF_MATCH, IF_NONE_MATCH, LIMIT, MOST, TIME, USUAL, page_of

_NUMBER = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
_SORTS = ("-created_at", "created_at")
_LAST = 10**18
"""More versions than any file has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesApi:
    """Answers for files."""

    context: Context
    identify: Identify
    catalogue: CatalogueRows
    search: Search
    kick_jobs: Callable[[], None]
    """There may be something to purge."""

    async def list(self, request: web.Request) -> web.Response:
        """A page of one's own files; of everybody's in the tenant for the admin."""
        identity, said = await self.identify(request), Said(request)
        policy = self.context.rules.read_policy
        served = Served(
            verdicts=policy.served,
            verdicts_to_owner=policy.served_to_owner,
            reader=(identity.tenant, identity.subject),
        )
        wanted, limit = _wanted(identity, said), said.number("limit", usual=USUAL, most=MOST)
        try:
            page = await self.search.page(wanted, served, cursor=said.text("cursor"), limit=limit)
        except BadCursor as bad:
            raise InvalidQuery(f"cursor: {bad}") from None
        files = [file_json(file, status_for(self.context, identity, file)) for file in page.files]
        return polled(request, {"files": files, "next": page.next})

    async def show(self, request: web.Request) -> web.Response:
        """One file, unless the client has it as it is."""
        Said(request)
        identity, file = await self._found(request, Action.SEE)
        return self._answer(identity, file, request)

    async def change(self, request: web.Request) -> web.Response:
        """Its name, path and tags."""
        Said(request)
        identity, file = await self._found(request, Action.CHANGE)
        strictly = _check_match(request, file)
        wanted = _change(await read_object(request))
        changed = await change_file(self.context, self.catalogue, identity, file, wanted, strictly=strictly)
        return self._answer(identity, changed)

    async def delete(self, request: web.Request) -> web.Response:
        """A file with all its versions."""
        Said(request)
        identity, file = await self._found(request, Action.DELETE)
        strictly = _check_match(request, file)
        await delete_file(self.context, self.catalogue, identity, file, strictly=strictly)
        self.kick_jobs()
        return web.Response(status=web.HTTPNoContent.status_code)

    async def versions(self, request: web.Request) -> web.Response:
        """A page of its versions, the newest first."""
        said = Said(request)
        identity, file = await self._found(request, Action.SEE)
        limit, cursor = said.number("limit", usual=USUAL, most=MOST), said.text("cursor")
        if cursor is not None and not _NUMBER.fullmatch(cursor):
            raise InvalidQuery("cursor: it is none that came with a page")
        below = _LAST if cursor is None else int(cursor)
        found = await self.catalogue.versions(file.file_id, below=below, limit=limit + 1)
        shown_ones = [version_json(one, status_for(self.context, identity, one)) for one in found[:limit]]
        more = len(found) > limit
        return json_response(
            {"versions": shown_ones, "next": str(shown_ones[-1]["version"]) if more else None}
        )

    async def restore(self, request: web.Request) -> web.Response:
        """Make one of its versions the current one."""
        Said(request)
        identity, file = await self._found(request, Action.CHANGE)
        number = request.match_info["n"]
        if not _NUMBER.fullmatch(number):
            raise NotFound(f"there is no version {shown(number)}")
        strictly = _check_match(request, file)
        restored = await restore_version(
            self.context, self.catalogue, identity, file, int(number), strictly=strictly
        )
        return self._answer(identity, restored)

    async def _found(self, request: web.Request, action: Action) -> tuple[Identity, File]:
        identity = await self.identify(request)
        try:
            file_id = parse_upload_id(request.match_info["file_id"])
        except UploadNotFound:
            raise NotFound from None
        return identity, await find_file(self.context, self.catalogue, identity, action, file_id)

    def _answer(self, identity: Identity, file: File, asked_by: web.Request | None = None) -> web.Response:
        said = file_json(file, status_for(self.context, identity, file))
        if asked_by is not None:
            return polled(asked_by, said, revision=file.revision)
        return json_response(said, headers={hdrs.ETAG: tag_of(file.revision, as_bytes(said))})


def _check_match(request: web.Request, file: File) -> bool:
    """Whether the change counts only for the file as it is now. Raises PreconditionFailed."""
    revisions = wanted_revisions(request)
    if revisions is not None and file.revision not in revisions:
        raise PreconditionFailed
    return revisions is not None


def _wanted(identity: Identity, said: Said) -> Wanted:
    text = said.text("q")
    try:
        words = asked(text or "")
    except TooManyWords as many:
        raise InvalidQuery(f"q has {many}") from None
    if text is not None and not words:
        raise InvalidQuery(f"q is {shown(text)}, wanted a letter or a digit in it")
    before = said.time("created_before")
    return Wanted(
        tenant=identity.tenant,
        owner=_owner(identity, said.text("user_id")),
        words=words,
        tags=_tags_sought(said),
        mime_type=_mime_type(said.text("mime_type")),
        statuses=said.words("status", Status),
        verdicts=said.words("virus_status", Verdict),
        created_from=min(max(said.time("created_after") or 0, 0), FOREVER),
        created_before=FOREVER if before is None else min(max(before, 0), FOREVER),
        oldest_first=said.one_of("sort", _SORTS, usual=_SORTS[0]) == "created_at",
    )


def _tags_sought(said: Said) -> list[str]:
    tags = said.every("tag")
    if len(tags) > MOST_TAGS:
        raise InvalidQuery(f"tag was given {len(tags)} times, wanted at most {MOST_TAGS}")
    return tags


def _owner(identity: Identity, wanted: str | None) -> str | None:
    """Whose files; None is everybody's."""
    if identity.is_admin:
        return wanted
    if wanted is not None and wanted != identity.subject:
        raise Forbidden("the scope 'admin' is needed to list what others have")
    return identity.subject


def _mime_type(text: str | None) -> str | None:
    if text is None:
        return None
    essence = essence_of(text)
    if essence is None or essence != text.lower():
        raise InvalidQuery(f"mime_type is {shown(text)}, wanted one such as 'image/png' or 'image/*'")
    return essence


# --- the body of a change


def _change(said: dict[str, Any]) -> Change:
    """What is not named stays (RFC 7396). Raises InvalidBody."""
    readers: dict[str, Callable[[Any], Any]] = {"filename": _filename, "path": _path, "tags": _tags}
    unknown = sorted(said.keys() - readers.keys())
    if unknown:
        raise InvalidBody(f"the body has {shown(unknown[0])}, wanted any of: {', '.join(readers)}")
    return cast(Change, {name: readers[name](value) for name, value in said.items()})


def _filename(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > LONGEST or safe_filename(value) != value:
        raise InvalidBody(
            f"filename is {_brief(value)}, wanted null or a name of at most {LONGEST} characters, without "
            "slashes, control characters, and spaces at its ends"
        )
    return value


def _path(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidBody(f"path is {_brief(value)}, wanted null or text")
    try:
        return parse_path(value)
    except NoPath as problem:
        raise InvalidBody(f"the body has {problem}") from None


def _tags(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MOST_TAGS:
        raise InvalidBody(f"tags is {_brief(value)}, wanted a list of at most {MOST_TAGS}")
    for tag in value:
        if not isinstance(tag, str) or not 0 < len(tag) <= LONGEST_TAG or not tag.isprintable():
            raise InvalidBody(
                f"a tag is {_brief(tag)}, wanted printable text of 1 to {LONGEST_TAG} characters"
            )
    if len(set(value)) < len(value):
        raise InvalidBody("tags has one of them twice")
    return tuple(value)


def _brief(value: Any) -> str:
    return shown(value) if isinstance(value, str) else shown(json.dumps(value))


# --- the rows of the table

_FOUND = Reply(description="The file.", schema=FILE, headers={"ETag": "For If-Match and If-None-Match."})
_NAMES = ", ".join(Status)
_N = Parameter(
    name="n", where="path", description="Of the version.", schema={"type": "integer", "minimum": 1}
)

FILES_API_ROUTES = (
    Route(
        method="GET",
        path="/api/v1/files",
        name="files_list",
        handle=FilesApi.list,
        action=Action.LIST,
        summary="Your files, the newest first; everybody's in the tenant for an admin",
        parameters=(
            Parameter(
                name="q",
                description="Words, each the beginning of one in name, path, tags or metadata. Without case "
                "and accents; a single letter is a word of its own.",
                schema={"type": "string", "minLength": 1, "maxLength": 512},
            ),
            Parameter(
                name="status",
                description=f"Any of these: {_NAMES}. May be repeated.",
                schema={"type": "array", "items": {"enum": [*map(str, Status)]}},
            ),
            Parameter(
                name="virus_status",
                description="May be repeated.",
                schema={"type": "array", "items": {"enum": [*map(str, Verdict)]}},
            ),
            Parameter(
                name="mime_type",
                description="A media type, or all of a kind: image/*",
                schema={"type": "string", "maxLength": 255},
            ),
            Parameter(
                name="tag",
                description="Exactly this tag. May be repeated; then all of them.",
                schema={
                    "type": "array",
                    "items": {"type": "string", "maxLength": LONGEST_TAG},
                    "maxItems": MOST_TAGS,
                },
            ),
            Parameter(name="created_after", description="From this moment on.", schema=TIME),
            Parameter(name="created_before", description="Until before this moment.", schema=TIME),
            Parameter(name="user_id", description="Whose; for admins.", schema={"type": "string"}),
            Parameter(name="sort", description="The order.", schema={"enum": [*_SORTS]}),
            CURSOR,
            LIMIT,
            IF_NONE_MATCH,
        ),
        replies={
            200: Reply(
                description="A page. With status, virus_status or mime_type it may hold fewer files than "
                "there are, even none: go on until next is null.",
                schema=page_of("files", FILE),
                headers={"ETag": "For If-None-Match."},
            ),
            304: Reply(description="It is as you have it."),
        },
    ),
    Route(
        method="GET",
        path="/api/v1/files/{file_id}",
        name="files_show",
        handle=FilesApi.show,
        action=Action.SEE,
        hides=True,
        summary="A file in its current version",
        parameters=(FILE_ID, IF_NONE_MATCH),
        replies={200: _FOUND, 304: Reply(description="It is as you have it.")},
    ),
    Route(
        method="PATCH",
        path="/api/v1/files/{file_id}",
        name="files_change",
        handle=FilesApi.change,
        action=Action.CHANGE,
        hides=True,
        summary="Rename, move or tag a file; what is not named stays as it is",
        parameters=(FILE_ID, IF_MATCH),
        body={
            "type": "object",
            "additionalProperties": False,
            "properties": {"filename": FILENAME, "path": PATH, "tags": TAGS},
        },
        replies={200: _FOUND},
    ),
    Route(
        method="DELETE",
        path="/api/v1/files/{file_id}",
        name="files_delete",
        handle=FilesApi.delete,
        action=Action.DELETE,
        hides=True,
        summary="Delete a file for good, with all its versions and their bytes",
        parameters=(FILE_ID, IF_MATCH),
        replies={204: Reply(description="Gone.")},
    ),
    Route(
        method="GET",
        path="/api/v1/files/{file_id}/versions",
        name="files_versions",
        handle=FilesApi.versions,
        action=Action.SEE,
        hides=True,
        summary="The versions of a file, the newest first",
        parameters=(FILE_ID, CURSOR, LIMIT),
        replies={200: Reply(description="A page.", schema=page_of("versions", VERSION))},
    ),
    Route(
        method="POST",
        path="/api/v1/files/{file_id}/versions/{n}/restore",
        name="files_restore",
        handle=FilesApi.restore,
        action=Action.CHANGE,
        hides=True,
        summary="Make a version the current one; nothing is copied, and later ones stay",
        parameters=(FILE_ID, _N, IF_MATCH),
        replies={200: _FOUND},
    ),
)
