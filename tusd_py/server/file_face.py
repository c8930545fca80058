"""Downloads of finished files, by file id, and the URLs that stand in for saying who one is.

Belongs here: `/file/{file_id}` and `/api/v1/files/{file_id}/url`. Not here: the bytes (files.py), what
such a URL opens (visit_face.py).
"""

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import hdrs, web

from protocol.errors import InvalidQuery, NotFound, UploadNotFound
from protocol.integers import number_in
from protocol.upload import UploadId, parse_upload_id
from storage_backends.base import ObjectStore
from tusd_py.access.authorize import Action
from tusd_py.access.identity import Identity
from tusd_py.access.signing import Purpose
from tusd_py.metadata.files import Version
from tusd_py.uploads.context import Context
from tusd_py.uploads.download import version_of_file
from tusd_py.uploads.journal import Download, Via
from tusd_py.uploads.tickets import Tickets

from .files import SAFE_HEADERS, AddressOf, Giving, noted, send_version, store_url
from .identify import Identify
from .json_bodies import json_response, rfc3339
from .route import Parameter, Reply, Route
from .schemas import FILE_ID, TIME

_LARGEST = 2**53
"""What JSON numbers hold exactly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFace:
    """Serves files."""

    context: Context
    identify: Identify
    tickets: Tickets
    address_of: AddressOf
    origin_of: Callable[[web.Request], str]
    """What clients see before our paths."""
    url_expiry: float
    """Seconds that a signed URL of ours lives."""
    gives_urls: bool
    """A download is answered with such a URL."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """GET and HEAD."""
        file_id, n = _file_id(request), _version(request)
        identity = await self.identify(request)
        version = await version_of_file(self.context, identity, file_id, n)
        if self.gives_urls and request.method == hdrs.METH_GET and self._store() is None:
            url, _ = await self._signed(request, identity, version)
            headers = {**SAFE_HEADERS, hdrs.CACHE_CONTROL: "no-store", hdrs.LOCATION: url}
            return web.Response(status=302, headers=headers)
        download = self._download(request, version, Via.FILE, identity)
        return await send_version(request, self.context, version, noted(self.context, download))

    async def url(self, request: web.Request) -> web.Response:
        """A URL that gives the bytes to whoever has it."""
        file_id, n = _file_id(request), _version(request)
        identity = await self.identify(request)
        version = await version_of_file(self.context, identity, file_id, n)
        url, expires_at = await self._url(request, identity, version)
        said = {"url": url, "expires_at": rfc3339(expires_at * 1_000_000)}
        return json_response(said, headers={hdrs.CACHE_CONTROL: "no-store"})

    async def _url(self, request: web.Request, identity: Identity, version: Version) -> tuple[str, int]:
        store, expiry = self._store(), self.context.rules.link_expiry
        if store is None or expiry is None:
            return await self._signed(request, identity, version)
        expires_at = int(self.tickets.clock()) + expiry
        url = await store_url(self.context, store, version, expiry)
        download = self._download(request, version, Via.URL, identity)
        await noted(self.context, download).begin(Giving(is_sent_away=True))
        return url, expires_at

    async def _signed(self, request: web.Request, identity: Identity, version: Version) -> tuple[str, int]:
        bearer = (identity.tenant, identity.subject)
        ticket, expires_at = await self.tickets.give(
            Purpose.DOWNLOAD, version.file_id, version.n, bearer, lifetime=self.url_expiry
        )
        return f"{self.origin_of(request)}/s/{ticket}", expires_at

    def _store(self) -> ObjectStore | None:
        """The store that gives its own URLs, where it shall."""
        backend = self.context.backend
        sends_away = self.context.rules.link_expiry is not None and isinstance(backend, ObjectStore)
        return backend if sends_away and isinstance(backend, ObjectStore) else None

    def _download(self, request: web.Request, version: Version, via: Via, identity: Identity) -> Download:
        return Download(version=version, via=via, actor=identity.actor, client=self.address_of(request))


def single(request: web.BaseRequest, name: str) -> str | None:
    """A parameter of the query. Raises InvalidQuery when it was given twice."""
    found = request.query.getall(name, [])
    if len(found) > 1:
        raise InvalidQuery(f"{name} was given {len(found)} times, wanted once")
    return found[0] if found else None


def _file_id(request: web.Request) -> UploadId:
    try:
        # File ids have the form of upload ids, and the same strict way in.
        return parse_upload_id(request.match_info["file_id"])
    except UploadNotFound:
        raise NotFound from None


def _version(request: web.Request) -> int | None:
    text = single(request, "version")
    if text is None:
        return None
    n = number_in(text)
    if n is None or not 1 <= n <= _LARGEST:
        raise InvalidQuery(f"version is {text[:40]!r}, wanted a number from 1")
    return n


VERSION = Parameter(
    name="version",
    description="Which version; the current one where it is left out.",
    schema={"type": "integer", "minimum": 1},
)

FILE_ROUTES = (
    Route(
        method="GET",
        path="/file/{file_id}",
        name="download",
        handle=FileFace.handle,
        action=Action.DOWNLOAD,
        hides=True,
        summary="The bytes of a file",
        parameters=(FILE_ID, VERSION),
        replies={
            200: Reply(description="The bytes.", media_type="*/*"),
            206: Reply(description="The range that was asked for.", media_type="*/*"),
            302: Reply(description="They are to be had elsewhere, for a short while."),
            304: Reply(description="What is there is what the asker has."),
        },
    ),
    Route(
        method="GET",
        path="/api/v1/files/{file_id}/url",
        name="download_url",
        handle=FileFace.url,
        action=Action.DOWNLOAD,
        hides=True,
        summary="A URL that gives the bytes of a file to whoever has it, for a short while",
        parameters=(FILE_ID, VERSION),
        replies={
            200: Reply(
                description="The URL.",
                schema={
                    "type": "object",
                    "required": ["url", "expires_at"],
                    "properties": {"url": {"type": "string", "format": "uri"}, "expires_at": TIME},
                },
            ),
        },
    ),
)
