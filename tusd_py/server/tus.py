"""The tus face: from a request to the service and back.

One route takes everything under the base path and dispatches on the *effective* method, because
X-HTTP-Method-Override acts before routing, authorization and limits.

Belongs here: that way. Not here: headers (protocol/tus), what is done (uploads/), bytes (intake.py).
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from urllib.parse import unquote, urlsplit

from aiohttp import hdrs, web

from protocol.answer import Answer
from protocol.append import Append
from protocol.creation import Creation
from protocol.errors import InvalidConcat, InvalidContentType, MethodNotAllowed, NotFound
from protocol.headers import Headers
from protocol.tus.concat import uploads_of_urls
from protocol.tus.create import answer_created, parse_create
from protocol.tus.head import answer_head
from protocol.tus.options import answer_options
from protocol.tus.patch import answer_patched, parse_append
from protocol.tus.terminate import answer_terminated
from protocol.tus.version import check_version, effective_method
from protocol.upload import Dialect, Kind, UploadId, parse_upload_id
from tusd_py.access.authorize import Action
from tusd_py.access.identity import Identity
from tusd_py.uploads.append import Appended, append
from tusd_py.uploads.concatenate import concatenate
from tusd_py.uploads.context import Context
from tusd_py.uploads.create import create
from tusd_py.uploads.download import version_of_upload
from tusd_py.uploads.journal import Download, Via
from tusd_py.uploads.offset import current_offset
from tusd_py.uploads.receive import JUDGEMENTS, Ending, Source
from tusd_py.uploads.terminate import terminate

from .bodies import Bodies, refusal_of
from .files import AddressOf, noted, send_version
from .identify import Identify
from .ietf import IetfFace, NotOurs, is_ours
from .refusals import refuse
from .responses import Bare, response_of
from .route import BASE, Reply, Route
from .schemas import UPLOAD_ID

COLLECTION_METHODS = ("POST", "OPTIONS")
UPLOAD_METHODS = ("HEAD", "GET", "PATCH", "DELETE", "OPTIONS")


@dataclass(frozen=True, slots=True, kw_only=True)
class TusFace:
    """Serves one base path."""

    context: Context
    base_path: str
    bodies: Bodies
    identify: Identify
    url_of: Callable[[web.Request, UploadId], str]
    serves_downloads: bool
    address_of: AddressOf
    kick_jobs: Callable[[], None]
    """There may be something to purge, or to assemble."""
    ietf: IetfFace | None = None
    """For what speaks the IETF draft; None where that is switched off."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Every request under the base path."""
        headers = Headers(request.headers.items())
        method = effective_method(request.method, headers)
        try:
            return await self._dispatch(request, headers, method)
        except Exception as error:
            refuse(error)
            raise

    async def _dispatch(self, request: web.Request, headers: Headers, method: str) -> web.StreamResponse:
        name = self._name(request)
        if self.ietf is not None and is_ours(method, headers, names_upload=bool(name)):
            self.ietf.mark(request, headers)
            # An upload may be made by PUT, too (draft, 4.2.1).
            self._check_method(name, hdrs.METH_POST if method == hdrs.METH_PUT else method)
            with suppress(NotOurs):
                return await self.ietf.answer(request, headers, method, name)
        self._check_method(name, method)
        if method == hdrs.METH_OPTIONS:
            return response_of(self._options())
        if method == hdrs.METH_GET:
            # Downloads are not part of tus: browsers and curl fetch without Tus-Resumable.
            return await self._get(request, parse_upload_id(name))
        check_version(headers)
        if not name:
            return await self._post(request, headers)
        upload_id = parse_upload_id(name)
        if method == hdrs.METH_HEAD:
            return await self._head(request, upload_id)
        if method == hdrs.METH_PATCH:
            return await self._patch(request, headers, upload_id)
        return await self._delete(request, upload_id)

    def _options(self) -> Answer:
        answer = answer_options(self.context.rules.features)
        if self.ietf is not None:
            answer.headers.update(self.ietf.limit_of_any())
        return answer

    def _name(self, request: web.Request) -> str:
        """What follows the base path, undecoded: no encoding of an id is an id."""
        path = request.rel_url.raw_path
        if path == self.base_path.rstrip("/"):
            return ""
        if not path.startswith(self.base_path):
            raise NotFound
        return path.removeprefix(self.base_path)

    def _check_method(self, name: str, method: str) -> None:
        allowed = list(UPLOAD_METHODS if name else COLLECTION_METHODS)
        if not self.serves_downloads and "GET" in allowed:
            allowed.remove("GET")
        if not self.context.rules.features.termination and "DELETE" in allowed:
            allowed.remove("DELETE")
        if method not in allowed:
            raise MethodNotAllowed(headers={"Allow": ", ".join(allowed)})

    # --- one method a verb

    async def _post(self, request: web.Request, headers: Headers) -> web.StreamResponse:
        creation = await self._creation(request, headers)
        identity = await self.identify(request)
        if creation.concat is not None and creation.concat.urls is not None:
            return await self._post_final(request, identity, creation, creation.concat.urls)
        async with self.bodies.source(request, identity) as source:
            created, answer = await self.create(identity, creation, source, partial(self.url_of, request))
            return _closing(Bare(answer), created)

    async def _creation(self, request: web.Request, headers: Headers) -> Creation:
        features = self.context.rules.features
        try:
            return parse_create(headers, features)
        except (InvalidContentType, InvalidConcat):
            # They may be about a body that has no bytes. Some HTTP libraries put a type on every POST, and
            # know no length. It is read for nobody who may not send one.
            await self.identify(request)
            if not await self.bodies.is_empty(request):
                raise
            return parse_create(headers.without("Transfer-Encoding"), features)

    async def create(
        self, identity: Identity, creation: Creation, source: Source, url_of: Callable[[UploadId], str]
    ) -> tuple[Appended, Answer]:
        """An upload as asked for, with what came of its body."""
        created = await create(self.context, identity, creation, source)
        if created.ending in JUDGEMENTS:
            raise refusal_of(self.context, created, creation.length)
        # 201 also when the body was cut short: with the URL and the offset, the client can go on.
        location = url_of(created.upload.id)
        return created, answer_created(created.upload, location, with_body=creation.body.present)

    async def _post_final(
        self, request: web.Request, identity: Identity, creation: Creation, urls: Sequence[str]
    ) -> web.StreamResponse:
        base_paths, hosts = self._own_places(request)
        partials = uploads_of_urls(urls, base_paths=base_paths, hosts=hosts)
        created = await concatenate(self.context, identity, creation, partials)
        location = self.url_of(request, created.upload.id)
        return response_of(answer_created(created.upload, location, with_body=False))

    def _own_places(self, request: web.Request) -> tuple[set[str], set[str]]:
        """Base paths and hosts by which our uploads are called: in our Locations, and as this client asks."""
        told, asked = urlsplit(self.url_of(request, UploadId(""))), urlsplit(f"//{request.host}")
        # They differ where a proxy takes a prefix away before it asks us.
        base_paths = {unquote(told.path), self.base_path}
        return base_paths, {(place.hostname or "").lower() for place in (told, asked)}

    async def _head(self, request: web.Request, upload_id: UploadId) -> web.StreamResponse:
        identity = await self.identify(request)
        return response_of(answer_head(await current_offset(self.context, identity, upload_id, Dialect.TUS)))

    async def _patch(self, request: web.Request, headers: Headers, upload_id: UploadId) -> web.StreamResponse:
        wanted = parse_append(headers, self.context.rules.features)
        identity = await self.identify(request)
        async with self.bodies.source(request, identity) as source:
            return Bare(await self.append(identity, upload_id, wanted, source))

    async def append(self, identity: Identity, upload_id: UploadId, wanted: Append, source: Source) -> Answer:
        """The bytes that the source gives, added."""
        appended = await append(self.context, identity, upload_id, wanted, source)
        if appended.upload.kind is Kind.PARTIAL and appended.upload.has_all_bytes:
            self.kick_jobs()  # a final upload may have waited for it
        if appended.ending is not Ending.COMPLETE:
            raise refusal_of(self.context, appended, wanted.length)
        return answer_patched(appended.upload)

    async def _delete(self, request: web.Request, upload_id: UploadId) -> web.StreamResponse:
        identity = await self.identify(request)
        await terminate(self.context, identity, upload_id, Dialect.TUS)
        self.kick_jobs()
        return response_of(answer_terminated())

    async def _get(self, request: web.Request, upload_id: UploadId) -> web.StreamResponse:
        identity = await self.identify(request)
        version = await version_of_upload(self.context, identity, upload_id)
        download = Download(
            version=version, via=Via.UPLOAD, actor=identity.actor, client=self.address_of(request)
        )
        return await send_version(request, self.context, version, noted(self.context, download))


def _closing(response: Bare, appended: Appended) -> Bare:
    """The rest of a body that was not read to its end would be taken for the next request."""
    if appended.ending is not Ending.COMPLETE:
        response.force_close()
    return response


# They are all registered as one: see Face.takes_all. Headers are not listed here: tus 1.0.0 describes them.
TUS_ROUTES = (
    Route(
        method="OPTIONS",
        path=BASE,
        name="tus_options",
        handle=TusFace.handle,
        action=None,
        summary="What this server can do",
        replies={200: Reply(description="In headers.")},
    ),
    Route(
        method="POST",
        path=BASE,
        name="tus_create",
        handle=TusFace.handle,
        action=Action.CREATE,
        summary="Create an upload, perhaps with its first bytes (tus 1.0.0, or the IETF draft)",
        reads="application/offset+octet-stream",
        replies={201: Reply(description="Created.", headers={"Location": "Where the bytes go."})},
    ),
    Route(
        method="HEAD",
        path=BASE + "{upload_id}",
        name="tus_offset",
        handle=TusFace.handle,
        action=Action.OFFSET,
        hides=True,
        summary="Where to go on (tus 1.0.0; of an upload of the IETF draft, 204)",
        parameters=(UPLOAD_ID,),
        replies={
            200: Reply(description="There.", headers={"Upload-Offset": "Bytes."}),
            204: Reply(description="There, of the IETF draft.", headers={"Upload-Offset": "Bytes."}),
        },
    ),
    Route(
        method="PATCH",
        path=BASE + "{upload_id}",
        name="tus_append",
        handle=TusFace.handle,
        action=Action.APPEND,
        hides=True,
        summary="Send bytes (tus 1.0.0; of the IETF draft, application/partial-upload)",
        parameters=(UPLOAD_ID,),
        reads="application/offset+octet-stream",
        replies={
            201: Reply(
                description="Kept, and complete: of the IETF draft.", headers={"Upload-Offset": "Bytes."}
            ),
            204: Reply(description="Kept.", headers={"Upload-Offset": "Bytes."}),
        },
    ),
    Route(
        method="DELETE",
        path=BASE + "{upload_id}",
        name="tus_terminate",
        handle=TusFace.handle,
        action=Action.TERMINATE,
        hides=True,
        summary="Give an upload up, with its bytes",
        parameters=(UPLOAD_ID,),
        replies={204: Reply(description="Gone.")},
    ),
    Route(
        method="GET",
        path=BASE + "{upload_id}",
        name="tus_download",
        handle=TusFace.handle,
        action=Action.DOWNLOAD,
        hides=True,
        summary="The bytes of a finished upload",
        parameters=(UPLOAD_ID,),
        replies={
            200: Reply(description="The bytes.", media_type="*/*"),
            206: Reply(description="The range that was asked for.", media_type="*/*"),
            302: Reply(description="They are to be had from the store, for a short while."),
            304: Reply(description="If-None-Match named what is there."),
        },
    ),
)
