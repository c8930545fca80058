"""One plain page at /, where the upload page was not built: a checkout without `make setup`.

Belongs here: the upload address and a recipe that works by copy and paste. Not here: an upload form.
"""

from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from string import Template

from aiohttp import web

from tusd_py.config.settings import Settings

from .location import public_origin
from .route import Reply, Route

_STYLE = (
    "body{max-width:48rem;margin:3rem auto;padding:0 1rem;font:1rem/1.5 system-ui,sans-serif;"
    "color:CanvasText;background:Canvas;color-scheme:light dark}"
    "pre{padding:1rem;overflow-x:auto;border:1px solid GrayText;border-radius:.3rem}"
)

_PAGE = Template(
    """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>tusd-py</title>
<style>$style</style>
</head>
<body>
<main>
<h1>Resumable uploads</h1>
<p>This server takes uploads by the
<a href="https://tus.io/protocols/resumable-upload">tus protocol</a> at</p>
<pre>$url</pre>
<h2>With curl</h2>
<p>Create an upload; the answer's <code>Location</code> is its address:</p>
<pre>curl -i -X POST $url \\
  -H 'Tus-Resumable: 1.0.0' \\
  -H "Upload-Length: $$(wc -c &lt; photo.jpg | tr -d ' ')" \\
  -H "Upload-Metadata: filename $$(printf %s photo.jpg | base64)"</pre>
<p>Send the bytes to that address:</p>
<pre>curl -i -X PATCH <var>LOCATION</var> \\
  -H 'Tus-Resumable: 1.0.0' \\
  -H 'Upload-Offset: 0' \\
  -H 'Content-Type: application/offset+octet-stream' \\
  -T photo.jpg</pre>
<h2>With a client</h2>
<p><a href="https://github.com/tus/tus-js-client">tus-js-client</a>,
<a href="https://uppy.io/docs/tus/">Uppy</a>,
<a href="https://tus.io/implementations">and others</a> resume by themselves after a cut.</p>
</main>
</body>
</html>
"""
)

_HEADERS = {
    # The one style is named by its digest; nothing else may load, run, or frame this page.
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainPage:
    """The face where nobody built the page."""

    settings: Settings

    async def index(self, request: web.Request) -> web.Response:
        """GET /."""
        url = public_origin(request, self.settings) + self.settings.server.base_path
        text = _PAGE.substitute(style=_STYLE, url=escape(url))
        return web.Response(text=text, content_type="text/html", headers=_HEADERS)


PLAIN_PAGE_ROUTES = (
    Route(
        method="GET",
        path="/",
        name="plain_page",
        handle=PlainPage.index,
        action=None,
        summary="How to upload, for people",
        replies={200: Reply(description="The page.", media_type="text/html")},
    ),
)
