"""The upload page at /: files that were built from `web/`, and what they ask the server for.

The files are read once, when the worker starts. Names in `assets/` carry a hash of their content, so
browsers keep those for ever; index.html is asked for anew each time.

Belongs here: serving the built page. Not here: the page itself (web/), and what stands in for it where it
was not built (plain_page.py).
"""

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from tusd_py.config.settings import Settings

from .location import public_origin
from .plain_page import PlainPage
from .route import Parameter, Reply, Route

BUILT = Path(__file__).with_name("web")
"""Where `make web` and the wheel's build put it."""

_INDEX = "index.html"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Vary": "Accept-Encoding",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltFile:
    """One file of the page, as it is sent."""

    content_type: str
    plain: bytes
    zipped: bytes
    etag: str
    cache: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The face of the page, with its files as read."""

    settings: Settings
    files: Mapping[str, BuiltFile]

    async def index(self, request: web.Request) -> web.Response:
        """GET / and every other view: which one is for the page to know."""
        response = _answer(request, self.files[_INDEX])
        response.headers["Content-Security-Policy"] = _policy(self.settings)
        return response

    async def asset(self, request: web.Request) -> web.Response:
        """GET /assets/{name}."""
        found = self.files.get(f"assets/{request.match_info['name']}")
        if found is None:
            raise web.HTTPNotFound
        return _answer(request, found)

    async def config(self, request: web.Request) -> web.Response:
        """What the page must know before it sends anything; docs/page.md describes it."""
        uploads = self.settings.uploads
        return web.json_response(
            {
                "endpoint": public_origin(request, self.settings) + self.settings.server.base_path,
                "max_size": uploads.max_size,
                "expiry": uploads.expiry,
                "downloads": not uploads.disable_download,
                "termination": not uploads.disable_termination,
                "scanning": self.settings.scan.is_configured,
            },
            headers={"Cache-Control": "no-store"},
        )


def make_page(settings: Settings, built: Path = BUILT) -> Page | PlainPage | None:
    """The page, or the plain one where it was not built; None if it is switched off."""
    if not settings.server.page:
        return None
    files = dict(_read(built))
    return Page(settings=settings, files=files) if _INDEX in files else PlainPage(settings=settings)


def _read(built: Path) -> Iterator[tuple[str, BuiltFile]]:
    """Every file, by its path as in a URL."""
    for path in sorted(built.rglob("*")):
        content_type = _TYPES.get(path.suffix)
        if content_type is None:
            continue
        name = path.relative_to(built).as_posix()
        content = path.read_bytes()
        yield (
            name,
            BuiltFile(
                content_type=content_type,
                plain=content,
                zipped=gzip.compress(content, mtime=0),
                etag=sha256(content).hexdigest()[:32],
                cache="no-cache" if name == _INDEX else "public, max-age=31536000, immutable",
            ),
        )


def _answer(request: web.Request, file: BuiltFile) -> web.Response:
    zipped = "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, "")
    # Two representations, two strong validators (RFC 9110, 8.8.3.3).
    etag = f'"{file.etag}-gzip"' if zipped else f'"{file.etag}"'
    headers = {**_HEADERS, hdrs.CACHE_CONTROL: file.cache, hdrs.ETAG: etag}
    if etag in request.headers.get(hdrs.IF_NONE_MATCH, ""):
        return web.Response(status=web.HTTPNotModified.status_code, headers=headers)
    headers[hdrs.CONTENT_TYPE] = file.content_type
    if zipped:
        headers[hdrs.CONTENT_ENCODING] = "gzip"
    return web.Response(body=file.zipped if zipped else file.plain, headers=headers)


def _policy(settings: Settings) -> str:
    """Own files only, nothing inline, and no requests but to us, by either of our names, and to the provider
    that gives the page its tokens."""
    public = urlsplit(settings.server.public_url)
    ours = "'self'"
    if public.netloc:
        socket = "wss" if public.scheme == "https" else "ws"
        ours += f" {public.scheme}://{public.netloc} {socket}://{public.netloc}"
    if settings.access.oidc_client_id and settings.access.jwt_issuer:
        issuer = urlsplit(settings.access.jwt_issuer)
        ours += f" {issuer.scheme}://{issuer.netloc}"
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src {ours}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


_CONFIG = {
    "type": "object",
    "required": ["endpoint", "max_size", "expiry", "downloads", "termination", "scanning"],
    "properties": {
        "endpoint": {"type": "string", "format": "uri", "description": "Where tus uploads are created."},
        "max_size": {"type": "integer", "minimum": 0, "description": "Bytes; 0 is no limit."},
        "expiry": {"type": "number", "minimum": 0, "description": "Seconds; 0 is never."},
        "downloads": {"type": "boolean"},
        "termination": {"type": "boolean"},
        "scanning": {"type": "boolean", "description": "Nothing is served before a scanner has seen it."},
    },
}


def _view(path: str, name: str, summary: str) -> Route:
    return Route(
        method="GET",
        path=path,
        name=name,
        handle=Page.index,
        action=None,
        summary=summary,
        replies={200: Reply(description="The page.", media_type="text/html")},
    )


PAGE_ROUTES = (
    Route(
        method="GET",
        path="/api/v1/config",
        name="config",
        handle=Page.config,
        action=None,
        summary="What a page must know before it uploads",
        replies={200: Reply(description="The limits.", schema=_CONFIG)},
    ),
    _view("/", "page", "The page, where people upload"),
    _view("/library", "library_page", "The page, where people find their files"),
    _view("/operate", "operate_page", "The page, for who runs this server"),
    Route(
        method="GET",
        path="/assets/{name}",
        name="asset",
        handle=Page.asset,
        action=None,
        summary="A file that the page consists of",
        parameters=(
            Parameter(
                name="name", where="path", description="As the page names it.", schema={"type": "string"}
            ),
        ),
        replies={200: Reply(description="The file.", media_type="*/*")},
    ),
)
