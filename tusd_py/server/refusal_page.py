"""What people see in a browser when a link opens nothing: a few words, and nothing that runs.

Belongs here: who gets it, and its text. Not here: what went wrong (protocol/errors.py).
"""

from html import escape
from http import HTTPStatus

from aiohttp import hdrs, web

from protocol.answer import Answer
from protocol.errors import ProtocolError

_BELOW = ("/s/", "/file/")


def wants_page(request: web.BaseRequest) -> bool:
    """A browser that goes to a link, not a program, nor a script of a page."""
    accepted = request.headers.get(hdrs.ACCEPT, "")
    return request.method == "GET" and "text/html" in accepted and request.rel_url.raw_path.startswith(_BELOW)


def answer_page(error: ProtocolError) -> Answer:
    """A refusal in HTML."""
    title = escape(error.reason or HTTPStatus(error.status).phrase)
    said = escape(str(error)[:1].upper() + str(error)[1:])
    page = (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n<meta name="robots" content="noindex">\n'
        f"<title>{title}</title>\n<h1>{title}</h1>\n<p>{said}.</p>\n</html>\n"
    )
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        **error.headers,
    }
    return Answer(error.status, headers, page.encode("utf-8", "replace"), error.reason)
