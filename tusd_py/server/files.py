"""Sending files: ranges, conditions, and headers that keep a browser from running what it fetched.

Belongs here: the answer to a GET of stored bytes. Not here: who may read them (uploads/download.py).
"""

from contextlib import aclosing

from aiohttp import hdrs, web

from protocol.dates import http_date
from protocol.disposition import attachment
from protocol.ranges import parse_range
from protocol.served_types import served_type
from storage_backends.base import About, ObjectStore, StorageBackend, StorageError, Stored
from tusd_py.log import get_logger
from tusd_py.metadata.files import Version

log = get_logger("tusd_py.files")

SAFE_HEADERS = {
    # Whatever was uploaded must not run in the origin of this service.
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-site",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-cache",
    "Accept-Ranges": "bytes",
}


async def send_version(
    request: web.Request, backend: StorageBackend, version: Version, *, link_expiry: int | None = None
) -> web.StreamResponse:
    """200, 206, 304 or 416 (RFC 9110 sections 13, 14). Raises StorageError only before the first byte.

    With `link_expiry` in seconds, a GET is sent to the store instead: 302 to a URL that lives so long.
    """
    if link_expiry is not None and request.method == hdrs.METH_GET and isinstance(backend, ObjectStore):
        return await _send_away(backend, version, link_expiry)
    etag = f'"{version.upload_id}"'
    headers = {
        **SAFE_HEADERS,
        hdrs.ETAG: etag,
        hdrs.LAST_MODIFIED: http_date(version.created_at),
        hdrs.CONTENT_TYPE: served_type(version.declared_type),
        hdrs.CONTENT_DISPOSITION: attachment(version.filename),
    }
    if _matches(request.headers.get(hdrs.IF_NONE_MATCH, ""), etag):
        return web.Response(status=304, headers=headers)
    part = parse_range(_range_wanted(request, etag), version.length)
    start, stop = part or (0, version.length)
    headers[hdrs.CONTENT_LENGTH] = str(stop - start)
    if part is not None:
        headers[hdrs.CONTENT_RANGE] = f"bytes {start}-{stop - 1}/{version.length}"
    response = web.StreamResponse(status=200 if part is None else 206, headers=headers)
    await _send(request, response, backend, version.ref, slice(start, stop))
    return response


async def _send_away(store: ObjectStore, version: Version, expiry: int) -> web.Response:
    about = About(upload_id=version.upload_id, filename=version.filename, media_type=version.declared_type)
    stored = Stored(ref=version.ref, length=version.length, identity=version.identity)
    link = await store.link(stored, about, expiry)
    # The URL lets in whoever has it: no cache may keep it, no page may pass it on.
    headers = {**SAFE_HEADERS, hdrs.CACHE_CONTROL: "no-store", hdrs.LOCATION: link}
    return web.Response(status=302, headers=headers)


async def _send(
    request: web.Request,
    response: web.StreamResponse,
    backend: StorageBackend,
    ref: str,
    part: slice,
) -> None:
    # Missing bytes must show before the status is sent: afterwards only the connection can say so.
    await backend.stat(ref)
    await response.prepare(request)
    if request.method == hdrs.METH_HEAD:
        return
    try:
        async with aclosing(backend.read(ref, part.start, part.stop)) as blocks:
            async for block in blocks:
                await response.write(block)
        await response.write_eof()
    except StorageError as failed:
        # The status is out, so only a broken connection can say that bytes are missing; never padding.
        log.error("download.broken", ref=ref, error=str(failed))  # noqa: TRY400 - the cause is the message
        abort(request)
    except ConnectionError:
        abort(request)


def abort(request: web.Request) -> None:
    """Cut the connection, so that nobody takes what came for the whole."""
    if request.transport is not None:
        request.transport.abort()


def _range_wanted(request: web.Request, etag: str) -> str | None:
    condition = request.headers.get(hdrs.IF_RANGE)
    # Only a strong validator that matches keeps the range (RFC 9110 section 13.1.5).
    if condition is not None and condition != etag:
        return None
    return request.headers.get(hdrs.RANGE)


def _matches(condition: str, etag: str) -> bool:
    """If-None-Match compares weakly (RFC 9110 section 13.1.2)."""
    tags = {tag.strip().removeprefix("W/") for tag in condition.split(",")}
    return etag in tags or "*" in tags
