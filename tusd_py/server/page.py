"""The upload page at /: files that were built from `web/`, and what they ask the server for.

The files are read once, when the worker starts. Names in `assets/` carry a hash of their content, so
browsers keep those for ever; index.html is asked for anew each time.

Belongs here: serving the built page. Not here: the page itself (web/), and what stands in for it where it
was not built (plain_page.py).
"""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from tusd_py.config.settings import Settings

from .location import public_origin
from .plain_page import add_plain_page

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


def add_page(app: web.Application, settings: Settings, built: Path = BUILT) -> None:
    """Add the routes of the page, or of the plain one where it was not built; none if it is switched off."""
    if not settings.server.page:
        return
    files = dict(_read(built))
    if _INDEX not in files:
        add_plain_page(app, settings)
        return
    app.router.add_get("/api/v1/config", _config_of(settings))

    async def index(request: web.Request) -> web.Response:
        response = _answer(request, files[_INDEX])
        response.headers["Content-Security-Policy"] = _policy(settings)
        return response

    async def asset(request: web.Request) -> web.Response:
        found = files.get(f"assets/{request.match_info['name']}")
        if found is None:
            raise web.HTTPNotFound
        return _answer(request, found)

    app.router.add_get("/", index)
    app.router.add_get("/assets/{name}", asset)


def _config_of(settings: Settings) -> Handler:
    async def config(request: web.Request) -> web.Response:
        """What the page must know before it sends anything; docs/page.md describes it."""
        uploads = settings.uploads
        return web.json_response(
            {
                "endpoint": public_origin(request, settings) + settings.server.base_path,
                "max_size": uploads.max_size,
                "expiry": uploads.expiry,
                "downloads": not uploads.disable_download,
                "termination": not uploads.disable_termination,
            },
            headers={"Cache-Control": "no-store"},
        )

    return config


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
    """Own files only, nothing inline, and no requests but to us, by either of our names."""
    public = urlsplit(settings.server.public_url)
    ours = f"'self' {public.scheme}://{public.netloc}" if public.netloc else "'self'"
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src {ours}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
