"""Parts in any order, for clients that speak neither tus nor the IETF draft: plain HTTP and JSON.

Belongs here: `/upload/...`. Not here: what is done (uploads/multipart.py, and uploads/direct.py where the
parts go to the store itself), what is said (multipart_bodies.py, multipart_json.py), what becomes of the
upload (uploads_api.py).
"""

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import hdrs, web

from protocol.body import Body, parse_body
from protocol.digest_fields import parse_content_digest
from protocol.errors import ChecksumMismatch, InvalidPart, NoDirectUpload, ProtocolError, UploadNotFound
from protocol.headers import Headers
from protocol.upload import Upload, UploadId, parse_upload_id
from tusd_py.access.authorize import Action
from tusd_py.access.identity import Identity
from tusd_py.metadata.multiparts import Multipart
from tusd_py.metadata.progress import ProgressRows
from tusd_py.uploads.append import Appended
from tusd_py.uploads.direct import Directs
from tusd_py.uploads.multipart import MOST_PARTS, Multiparts
from tusd_py.uploads.receive import Ending

from .bodies import Bodies, refusal_of
from .dialects import DIRECT_PARTS
from .identify import Identify
from .json_bodies import json_response, read_object
from .multipart_bodies import (
    BEGIN,
    COMPLETE,
    LONGEST_LIST,
    MOST_LISTED,
    WANTED_URLS,
    Beginning,
    part_number,
    read_beginning,
    read_etags,
    read_wanted_urls,
)
from .multipart_json import EITHER, NUMBER, PUT, URLS, direct_json, followed, multipart_json, urls_json
from .queries import Said
from .route import Parameter, Reply, Route
from .schemas import ID
from .uploads_api import UPLOAD, status_of_progress, upload_json


@dataclass(frozen=True, slots=True, kw_only=True)
class MultipartFace:
    """Serves multipart uploads."""

    multiparts: Multiparts
    directs: Directs
    """Those whose parts go to the store itself."""
    bodies: Bodies
    identify: Identify
    progress: ProgressRows
    metadata_limit: int
    origin_of: Callable[[web.Request], str]
    """What clients see before our paths."""
    clock: Callable[[], float]
    """Seconds since the epoch."""
    kick_jobs: Callable[[], None]

    async def initiate(self, request: web.Request) -> web.Response:
        """A new one; nothing of it is there yet."""
        identity = await self.identify(request)
        wanted = read_beginning(await read_object(request), metadata_limit=self.metadata_limit)
        if wanted.is_direct:
            return await self._initiate_direct(request, identity, wanted)
        begun = await self.multiparts.begin(identity, wanted.metadata, wanted.length)
        return json_response(
            multipart_json(begun, [], None), status=201, headers=self._located(request, begun.id)
        )

    async def _initiate_direct(
        self, request: web.Request, identity: Identity, wanted: Beginning
    ) -> web.Response:
        request[DIRECT_PARTS] = True
        begun = await self.directs.begin(
            identity, wanted.metadata, wanted.direct_length, proven=wanted.is_proven
        )
        return json_response(
            direct_json(begun, [], None), status=201, headers=self._located(request, begun.upload.id)
        )

    def _located(self, request: web.Request, upload_id: UploadId) -> dict[str, str]:
        return {str(hdrs.LOCATION): f"{self.origin_of(request)}/upload/{upload_id}"}

    async def show(self, request: web.Request) -> web.Response:
        """Which parts are there: what a client that lost its memory need not send again."""
        said = Said(request)
        after = said.number("after", usual=0, most=MOST_PARTS)
        limit = said.number("limit", usual=MOST_PARTS, most=MOST_PARTS)
        identity, multipart_id = await self.identify(request), _id(request)
        found = await self._found(identity, multipart_id)
        if found is None:
            direct, sent = await self.directs.show(identity, multipart_id)
            request[DIRECT_PARTS] = True
            return json_response(direct_json(direct, *followed(sent, after=after, limit=limit)))
        parts = await self.multiparts.parts(found, after=after, limit=limit + 1)
        following = parts[limit - 1].number if len(parts) > limit else None
        return json_response(multipart_json(found, parts[:limit], following))

    async def _found(self, identity: Identity, multipart_id: UploadId) -> Multipart | None:
        """None for one that is not there, unless its parts go to the store itself."""
        try:
            return await self.multiparts.find(identity, multipart_id)
        except UploadNotFound:
            return None

    async def urls(self, request: web.Request) -> web.Response:
        """Where the store takes these parts, for a while."""
        identity, multipart_id = await self.identify(request), _id(request)
        if await self._found(identity, multipart_id) is not None:
            raise NoDirectUpload("the parts of this upload come by here: PUT /upload/{id}/parts/{number}")
        await self.directs.find_open(identity, multipart_id)
        request[DIRECT_PARTS] = True
        wanted = read_wanted_urls(await read_object(request))
        until = int((self.clock() + (self.directs.expiry or 0)) * 1e6)
        signed = await self.directs.sign(identity, multipart_id, wanted)
        return json_response(urls_json(signed, until), headers={str(hdrs.CACHE_CONTROL): "no-store"})

    async def put(self, request: web.Request) -> web.Response:
        """One part, whole: 200 once it is durable."""
        number = part_number(request.match_info["part_number"])
        headers = Headers(request.headers.items())
        body, checksums = parse_body(headers), parse_content_digest(headers)
        identity, multipart_id = await self.identify(request), _id(request)
        found = await self._found(identity, multipart_id)
        if found is None:
            await self.directs.refuse_part(identity, multipart_id)
            raise UploadNotFound
        async with self.bodies.source(request, identity) as source:
            try:
                part = await self.multiparts.put(
                    identity, found, number, source, body=body, checksums=checksums
                )
            except ChecksumMismatch:
                raise _not_its_digest(number) from None
            if part.ending is not Ending.COMPLETE:
                raise self._refusal(part, number, body)
        said = {"part_number": number, "size": part.upload.length, "etag": part.upload.id}
        return json_response(said, headers={str(hdrs.ETAG): f'"{part.upload.id}"'})

    async def complete(self, request: web.Request) -> web.Response:
        """The upload of its parts, which becomes a file."""
        upload = await self._completed(request, await self.identify(request), _id(request))
        found = await self.progress.of(upload.id)
        if found is None:
            raise UploadNotFound
        return json_response(upload_json(found, status_of_progress(found)))

    async def _completed(self, request: web.Request, identity: Identity, multipart_id: UploadId) -> Upload:
        try:
            await self.multiparts.look(identity, multipart_id)
        except UploadNotFound:
            await self.directs.find(identity, multipart_id)
            request[DIRECT_PARTS] = True
            etags = read_etags(await read_object(request, longest=LONGEST_LIST), most=MOST_LISTED)
            return await self.directs.complete(identity, multipart_id, etags)
        etags = read_etags(await read_object(request, longest=LONGEST_LIST), most=MOST_PARTS)
        wanted = None if etags is None else {number: UploadId(etag) for number, etag in etags.items()}
        return await self.multiparts.complete(identity, multipart_id, wanted)

    async def abort(self, request: web.Request) -> web.Response:
        """Given up, with the parts that came."""
        identity, multipart_id = await self.identify(request), _id(request)
        try:
            await self.multiparts.abort(identity, multipart_id)
        except UploadNotFound:
            await self.directs.abort(identity, multipart_id)
            request[DIRECT_PARTS] = True
            self.kick_jobs()
        return web.Response(status=204)

    def _refusal(self, part: Appended, number: int, body: Body) -> ProtocolError:
        if part.ending is Ending.MISMATCH:
            return _not_its_digest(number)
        refusal = refusal_of(self.multiparts.context, part, body.expected)
        # Of an upload that nobody knows, and that is gone.
        for name in ("Upload-Offset", "Upload-Expires"):
            refusal.headers.pop(name, None)
        return refusal


def _id(request: web.Request) -> UploadId:
    return parse_upload_id(request.match_info["multipart_id"])


def _not_its_digest(number: int) -> InvalidPart:
    """400: the 460 of tus has no meaning to others."""
    return InvalidPart(f"what came of part {number} is not what its Content-Digest says")


_MULTIPART_ID = Parameter(name="multipart_id", where="path", description="Of the upload.", schema=ID)

MULTIPART_ROUTES = (
    Route(
        method="POST",
        path="/upload/initiate",
        name="multipart_initiate",
        handle=MultipartFace.initiate,
        action=Action.CREATE,
        summary="Begin an upload whose parts come in any order",
        body=BEGIN,
        replies={201: Reply(description="Begun.", schema=EITHER, headers={"Location": "Where it is seen."})},
    ),
    Route(
        method="GET",
        path="/upload/{multipart_id}",
        name="multipart_show",
        handle=MultipartFace.show,
        action=Action.ASSEMBLE,
        hides=True,
        summary="Which parts of it are there, until it is complete",
        parameters=(
            _MULTIPART_ID,
            Parameter(
                name="after",
                description="Only parts behind this number.",
                schema=NUMBER,
            ),
            Parameter(name="limit", description="Of one page.", schema={**NUMBER, "default": MOST_PARTS}),
        ),
        replies={200: Reply(description="It, and its parts in order.", schema=EITHER)},
    ),
    Route(
        method="PUT",
        path="/upload/{multipart_id}/parts/{part_number}",
        name="multipart_put",
        handle=MultipartFace.put,
        action=Action.ASSEMBLE,
        hides=True,
        summary="Send a part, whole; it takes the place of one that had its number",
        parameters=(
            _MULTIPART_ID,
            Parameter(name="part_number", where="path", description="Its place.", schema=NUMBER),
            Parameter(
                name="Content-Digest",
                where="header",
                description="What its bytes hash to: sha-256 or sha-512 (RFC 9530).",
                schema={"type": "string"},
            ),
        ),
        reads="application/octet-stream",
        replies={
            200: Reply(
                description="Durable.",
                schema=PUT,
                headers={"ETag": "Of this part."},
            )
        },
    ),
    Route(
        method="POST",
        path="/upload/{multipart_id}/urls",
        name="multipart_urls",
        handle=MultipartFace.urls,
        action=Action.ASSEMBLE,
        hides=True,
        summary="Where the store itself takes parts, of an upload that was begun with direct",
        parameters=(_MULTIPART_ID,),
        body=WANTED_URLS,
        replies={200: Reply(description="For each of them.", schema=URLS)},
    ),
    Route(
        method="POST",
        path="/upload/{multipart_id}/complete",
        name="multipart_complete",
        handle=MultipartFace.complete,
        action=Action.ASSEMBLE,
        hides=True,
        summary="Put the parts together",
        parameters=(_MULTIPART_ID,),
        body=COMPLETE,
        replies={200: Reply(description="What it became, or is about to; see uploads_show.", schema=UPLOAD)},
    ),
    Route(
        method="DELETE",
        path="/upload/{multipart_id}",
        name="multipart_abort",
        handle=MultipartFace.abort,
        action=Action.CREATE,
        hides=True,
        summary="Give it up, with its parts",
        parameters=(_MULTIPART_ID,),
        replies={204: Reply(description="Gone.")},
    ),
)
