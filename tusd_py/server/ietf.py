"""The face of the IETF draft, behind the same URLs as tus: from a request to the service and back.

The tus face has looked at path and method, and hands over what does not speak tus. A client of the draft has
no mark on HEAD and DELETE, so there the upload decides whose business it is.

Belongs here: that way. Not here: fields (protocol/ietf), what is done (uploads/), bytes (intake.py).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from aiohttp import hdrs, web

from protocol.answer import Answer
from protocol.errors import DigestPending, Forbidden, MaxSizeExceeded, ProtocolError, WrongDialect
from protocol.headers import Headers
from protocol.ietf.answers import (
    answer_appended,
    answer_cancelled,
    answer_done,
    answer_offset,
    created_fields,
    progress_fields,
)
from protocol.ietf.append import parse_append
from protocol.ietf.create import parse_create
from protocol.ietf.interop import VERSION_FIELD, Interop, interop_of, is_append, is_creation
from protocol.ietf.limits import limits
from protocol.upload import Dialect, Upload, UploadId, parse_upload_id
from tusd_py.access.identity import Identity
from tusd_py.uploads.admit import most_for, most_of
from tusd_py.uploads.append import Appended, append
from tusd_py.uploads.context import Context
from tusd_py.uploads.create import create
from tusd_py.uploads.offset import current_offset
from tusd_py.uploads.receive import JUDGEMENTS, Ending
from tusd_py.uploads.terminate import terminate

from .bodies import Bodies, refusal_of
from .identify import Identify
from .interim import send_interim
from .responses import Bare, response_of
from .spoken import SPOKEN, Spoken


def is_ours(method: str, headers: Headers, *, names_upload: bool) -> bool:
    """The request is not one of tus, and may be one of the draft."""
    if headers.has("Tus-Resumable"):
        return False
    if method == hdrs.METH_POST or (method == hdrs.METH_PUT and not names_upload):
        return not names_upload and is_creation(headers)
    if method == hdrs.METH_PATCH:
        return is_append(headers)
    if method == hdrs.METH_GET:
        # Without the version it is a download: whoever only looks must not stop a writer.
        return names_upload and headers.has(VERSION_FIELD)
    return names_upload and method in (hdrs.METH_HEAD, hdrs.METH_DELETE)


class NotOurs(Exception):
    """HEAD, GET or DELETE of an upload that tus made, or a GET by somebody who may only read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IetfFace:
    """Serves the uploads of one base path."""

    context: Context
    bodies: Bodies
    identify: Identify
    url_of: Callable[[web.Request, UploadId], str]
    kick_jobs: Callable[[], None]
    may_tell: Callable[[web.Request], bool]
    """Interim responses reach whoever sent this."""

    async def answer(
        self, request: web.Request, headers: Headers, method: str, name: str
    ) -> web.StreamResponse:
        """POST or PUT (of no `name`), PATCH, HEAD, GET or DELETE of what has that name. Raises NotOurs."""
        interop = interop_of(headers)
        if not name:
            return await self._create(request, headers, interop)
        upload_id = parse_upload_id(name)
        if method == hdrs.METH_PATCH:
            return await self._append(request, headers, interop, upload_id)
        try:
            if method == hdrs.METH_DELETE:
                return await self._cancel(request, upload_id)
            return response_of(await self._offset(request, interop, upload_id))
        except WrongDialect:
            del request[SPOKEN]
            raise NotOurs from None
        except Forbidden:
            if method != hdrs.METH_GET:
                raise
            del request[SPOKEN]
            raise NotOurs from None

    def mark(self, request: web.Request, headers: Headers) -> None:
        """Whatever is refused from now on is refused in the words of this dialect."""
        request[SPOKEN] = Spoken(interop=interop_of(headers), limit=self.limit_of_any())

    def limit_of_any(self) -> dict[str, str]:
        """What OPTIONS says."""
        return limits(self.context.rules.features.max_size)

    # --- one method a verb

    async def _create(self, request: web.Request, headers: Headers, interop: Interop) -> web.StreamResponse:
        try:
            creation = parse_create(headers, self.context.rules.features, interop)
        except MaxSizeExceeded:
            # A client that tries again with less should not have to do it twice.
            self._mark_limit(request, await self.identify(request))
            raise
        identity = await self.identify(request)
        self._mark_limit(request, identity, creation.metadata.filetype)

        def told(upload: Upload) -> None:
            if upload.offset:
                send_interim(request, progress_fields(interop, upload))
            else:
                location = self.url_of(request, upload.id)
                send_interim(request, created_fields(interop, location, self._limit(upload)))

        listens = self._listens(request, interop)
        async with self.bodies.source(request, identity) as source:
            created = await create(
                self.context, identity, creation, source, on_commit=told if listens else None
            )
            location = self.url_of(request, created.upload.id)
            if created.ending is not Ending.COMPLETE:
                raise self._refusal(created, creation.length, location)
            return Bare(self._done(interop, created.upload, location))

    async def _append(
        self, request: web.Request, headers: Headers, interop: Interop, upload_id: UploadId
    ) -> web.StreamResponse:
        wanted = parse_append(headers, interop)
        identity = await self.identify(request)
        self._mark_limit(request, identity)

        def told(upload: Upload) -> None:
            send_interim(request, progress_fields(interop, upload))

        listens = self._listens(request, interop)
        async with self.bodies.source(request, identity) as source:
            appended = await append(
                self.context, identity, upload_id, wanted, source, on_commit=told if listens else None
            )
            if appended.ending is not Ending.COMPLETE:
                raise self._refusal(appended, wanted.length, None)
            if not appended.upload.is_told_complete:
                return Bare(answer_appended(interop, appended.upload, self._limit(appended.upload)))
            location = self.url_of(request, upload_id)
            return Bare(self._done(interop, appended.upload, location))

    async def _offset(self, request: web.Request, interop: Interop, upload_id: UploadId) -> Answer:
        identity = await self.identify(request)
        upload = await current_offset(self.context, identity, upload_id, Dialect.IETF)
        if upload.awaits_proof and interop.is_of_tus_js_client:
            raise DigestPending  # the offset alone tells it that the upload is complete
        return answer_offset(interop, upload, self._limit(upload))

    async def _cancel(self, request: web.Request, upload_id: UploadId) -> web.StreamResponse:
        identity = await self.identify(request)
        await terminate(self.context, identity, upload_id, Dialect.IETF)
        self.kick_jobs()
        return response_of(answer_cancelled())

    # --- what they say

    def _listens(self, request: web.Request, interop: Interop) -> bool:
        """The client understands our interim responses, and will get them."""
        return interop.version is not None and self.may_tell(request)

    def _mark_limit(self, request: web.Request, identity: Identity, filetype: str | None = None) -> None:
        """Whatever is refused from now on tells the limit of whoever asks."""
        most = most_for(self.context, identity.tenant, identity.subject, filetype)
        request[SPOKEN] = replace(request[SPOKEN], limit=limits(most))

    def _limit(self, upload: Upload) -> dict[str, str]:
        now = int(self.context.clock() * 1e6)
        return limits(most_of(self.context, upload), upload, now=now)

    def _done(self, interop: Interop, upload: Upload, location: str) -> Answer:
        return answer_done(interop, upload, location, self._limit(upload))

    def _refusal(self, ended: Appended, declared: int | None, location: str | None) -> ProtocolError:
        refusal = refusal_of(self.context, ended, declared)
        if location is not None and ended.ending not in JUDGEMENTS:  # after these it is gone
            refusal.headers["Location"] = location
        return refusal
