"""Sending files: ranges, conditions, and headers that keep a browser from running what it fetched.

Belongs here: the answer to a GET of stored bytes. Not here: who may read them (uploads/download.py).
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from aiohttp import hdrs, web

from protocol.dates import http_date
from protocol.disposition import attachment
from protocol.errors import NotScannedYet
from protocol.ranges import parse_range
from protocol.served_types import served_type
from storage_backends.base import About, ObjectStore, StorageBackend, StorageChanged, StorageError, Stored
from tusd_py.access.may_read import bound_identity
from tusd_py.log import get_logger
from tusd_py.metadata.files import Version
from tusd_py.uploads.context import Context

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


async def send_version(request: web.Request, context: Context, version: Version) -> web.StreamResponse:
    """200, 206, 304 or 416 (RFC 9110 sections 13, 14). Raises StorageError only before the first byte.

    With `link_expiry` in seconds, a GET is sent to the store instead: 302 to a URL that lives so long.
    The verdict that let this version be read is bound to its bytes: others under the same name are not sent.
    """
    try:
        if (link := await _link(request, context, version)) is not None:
            return link
        return await _answer(request, context, version)
    except StorageChanged as changed:
        log.error("download.changed", ref=version.ref, error=str(changed))  # noqa: TRY400 - the cause is said
        await context.rescan(version)
        raise NotScannedYet from changed


async def _answer(request: web.Request, context: Context, version: Version) -> web.StreamResponse:
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
    identity = bound_identity(version, context.rules.read_policy)
    if request.method == hdrs.METH_HEAD:
        await _check(context.backend, version.ref, identity)
        await response.prepare(request)
        return response
    async with aclosing(context.backend.read(version.ref, start, stop, identity=identity)) as blocks:
        # Missing or other bytes must show before the status is sent: afterwards only the connection can
        # say so. Once the first block is here, the rest comes from the same open file.
        first = await anext(blocks, b"")
        await _send(request, response, first, blocks)
    return response


async def _link(request: web.Request, context: Context, version: Version) -> web.Response | None:
    """To the store itself, where that is configured and there is one."""
    store, expiry = context.backend, context.rules.link_expiry
    if expiry is None or request.method != hdrs.METH_GET or not isinstance(store, ObjectStore):
        return None
    if (identity := bound_identity(version, context.rules.read_policy)) is not None:
        await _check(store, version.ref, identity)
    return await _send_away(store, version, expiry)


async def _send_away(store: ObjectStore, version: Version, expiry: int) -> web.Response:
    about = About(upload_id=version.upload_id, filename=version.filename, media_type=version.declared_type)
    stored = Stored(ref=version.ref, length=version.length, identity=version.identity)
    link = await store.link(stored, about, expiry)
    # The URL lets in whoever has it: no cache may keep it, no page may pass it on.
    headers = {**SAFE_HEADERS, hdrs.CACHE_CONTROL: "no-store", hdrs.LOCATION: link}
    return web.Response(status=302, headers=headers)


async def _check(backend: StorageBackend, ref: str, identity: str | None) -> None:
    found = await backend.stat(ref)
    if identity is not None and found.identity != identity:
        raise StorageChanged(f"{ref} is {found.identity}, wanted {identity}")


async def _send(
    request: web.Request,
    response: web.StreamResponse,
    first: bytes,
    blocks: AsyncGenerator[bytes, None],
) -> None:
    await response.prepare(request)
    try:
        await response.write(first)
        async for block in blocks:
            await response.write(block)
        await response.write_eof()
    except StorageError as failed:
        # The status is out, so only a broken connection can say that bytes are missing; never padding.
        log.error("download.broken", error=str(failed))  # noqa: TRY400 - the cause is the message
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
