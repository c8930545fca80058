"""Sending files: ranges, conditions, and headers that keep a browser from running what it fetched.

Belongs here: the answer to a GET of stored bytes. Not here: who may read them (uploads/download.py).
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from types import MappingProxyType

from aiohttp import hdrs, web

from protocol.conditions import Condition, evaluate
from protocol.dates import http_date
from protocol.disposition import attachment
from protocol.errors import NotScannedYet, PreconditionFailed
from protocol.ranges import parse_range
from protocol.served_types import served_type
from storage_backends.base import (
    About,
    ObjectStore,
    SendsFiles,
    StorageBackend,
    StorageChanged,
    StorageError,
    Stored,
)
from tusd_py.access.may_read import bound_identity
from tusd_py.log import get_logger
from tusd_py.metadata.files import Version
from tusd_py.uploads.context import Context
from tusd_py.uploads.journal import Download

from .sending import SENDFILE_FROM, Outflow, ReaderStalled, own_socket, pump_blocks, pump_file

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


AddressOf = Callable[[web.Request], str | None]
"""The reader's address for the journal; None where it is not to be kept, or not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Giving:
    """What is given away at the moment when it is certain that it can be."""

    is_part: bool = False
    """A range of the file."""
    is_sent_away: bool = False
    """A URL of the store instead of bytes."""


Begin = Callable[[Giving], Awaitable[Mapping[str, str]]]
"""Called once for each GET that gives something away, just before: it notes and counts, and may still refuse.
Headers for the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How one request comes to a version."""

    begin: Begin
    may_be_sent_away: bool = True
    """A URL of the store may be had instead, where that is configured; whoever has that may use it again."""


def noted(
    context: Context, download: Download, *, headers: Mapping[str, str] = MappingProxyType({})
) -> Delivery:
    """A delivery that is written to the journal, and no more; `headers` are for its answer."""

    async def begin(giving: Giving) -> Mapping[str, str]:
        context.downloaded(replace(download, is_part=giving.is_part, is_sent_away=giving.is_sent_away))
        return headers

    return Delivery(begin=begin)


async def send_version(
    request: web.Request, context: Context, version: Version, delivery: Delivery
) -> web.StreamResponse:
    """200, 206, 304, 412 or 416 (RFC 9110 sections 13, 14). Raises StorageError only before the first byte.

    With `link_expiry` in seconds, a GET is sent to the store instead: 302 to a URL that lives so long.
    The verdict that let this version be read is bound to its bytes: others under the same name are not sent.
    """
    errand = _Errand(request=request, context=context, version=version, delivery=delivery)
    async with _no_other_bytes(context, version):
        if (link := await _link(errand)) is not None:
            return link
        return await _answer(errand)


@asynccontextmanager
async def _no_other_bytes(context: Context, version: Version) -> AsyncIterator[None]:
    """Where others lie under the name they are scanned. Raises NotScannedYet then."""
    try:
        yield
    except StorageChanged as changed:
        log.error("download.changed", ref=version.ref, error=str(changed))  # noqa: TRY400 - the cause is said
        await context.rescan(version)
        raise NotScannedYet from changed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Errand:
    request: web.Request
    context: Context
    version: Version
    delivery: Delivery

    @property
    def identity(self) -> str | None:
        """What has to be found when the bytes are opened."""
        return bound_identity(self.version, self.context.rules.read_policy)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    start: int
    stop: int
    is_part: bool


async def _answer(errand: _Errand) -> web.StreamResponse:
    request, version = errand.request, errand.version
    etag = f'"{_tag_of(version)}"'
    headers = {
        **SAFE_HEADERS,
        hdrs.ETAG: etag,
        hdrs.LAST_MODIFIED: http_date(version.created_at),
        hdrs.CONTENT_TYPE: served_type(version.declared_type, version.sniffed_type),
        hdrs.CONTENT_DISPOSITION: attachment(version.filename),
    }
    condition = evaluate(request.headers, etag=etag, modified_at=version.created_at)
    if condition is Condition.FAILED:
        raise PreconditionFailed
    if condition is Condition.NOT_MODIFIED:
        return web.Response(status=304, headers=headers)
    part = parse_range(_range_wanted(request, etag), version.length)
    start, stop = part or (0, version.length)
    headers[hdrs.CONTENT_LENGTH] = str(stop - start)
    if part is not None:
        headers[hdrs.CONTENT_RANGE] = f"bytes {start}-{stop - 1}/{version.length}"
    response = web.StreamResponse(status=200 if part is None else 206, headers=headers)
    if request.method == hdrs.METH_HEAD:
        await _check(errand.context.backend, version.ref, errand.identity)
        await response.prepare(request)
        return response
    span = _Span(start=start, stop=stop, is_part=part is not None)
    if not await _sent_by_kernel(errand, response, span):
        await _sent_by_us(errand, response, span)
    return response


def _tag_of(version: Version) -> str:
    """Names the bytes without naming the upload: where nobody has a name, whoever got them by a link could do
    everything with its id that whoever sent it may."""
    return sha256(b"tusd-py etag\n" + version.upload_id.encode()).hexdigest()[:32]


async def _sent_by_kernel(errand: _Errand, response: web.StreamResponse, span: _Span) -> bool:
    """False where the bytes have to go through us; then nothing was done."""
    request, backend = errand.request, errand.context.backend
    if span.stop - span.start < SENDFILE_FROM or not isinstance(backend, SendsFiles):
        return False
    with own_socket(request) as target:
        if target is None or not errand.context.rules.sendfile:
            return False
        opening = backend.sending(errand.version.ref, span.start, span.stop, identity=errand.identity)
        async with opening as sending:
            response.headers.update(await errand.delivery.begin(Giving(is_part=span.is_part)))
            writer = await response.prepare(request)
            with _only_the_connection_can_tell(request):
                await pump_file(request, writer, sending, target, _outflow(errand.context))
                await response.write_eof()
    return True


async def _sent_by_us(errand: _Errand, response: web.StreamResponse, span: _Span) -> None:
    reading = errand.context.backend.read(errand.version.ref, span.start, span.stop, identity=errand.identity)
    async with aclosing(reading) as blocks:
        # Missing or other bytes must show before the status is sent: afterwards only the connection can
        # say so. Once the first block is here, the rest comes from the same open file.
        first = await anext(blocks, b"")
        response.headers.update(await errand.delivery.begin(Giving(is_part=span.is_part)))
        await response.prepare(errand.request)
        with _only_the_connection_can_tell(errand.request):
            await pump_blocks(response, first, blocks, _outflow(errand.context))
            await response.write_eof()


def _outflow(context: Context) -> Outflow:
    return Outflow(patience=context.rules.send_patience, sent=context.meter.sent)


@contextmanager
def _only_the_connection_can_tell(request: web.Request) -> Iterator[None]:
    """The status is out: whatever goes wrong now cuts the connection; never padding."""
    try:
        yield
    except StorageError as failed:
        log.error("download.broken", error=str(failed))  # noqa: TRY400 - the cause is the message
        abort(request)
    except ReaderStalled:
        log.info("download.stalled")
        abort(request)
    except ConnectionError:
        abort(request)


async def _link(errand: _Errand) -> web.Response | None:
    """To the store itself, where that is configured and there is one."""
    store, expiry = errand.context.backend, errand.context.rules.link_expiry
    if expiry is None or errand.request.method != hdrs.METH_GET or not isinstance(store, ObjectStore):
        return None
    if not errand.delivery.may_be_sent_away:
        return None
    link = await store_url(errand.context, store, errand.version, expiry)
    given = await errand.delivery.begin(Giving(is_sent_away=True))
    # The URL lets in whoever has it: no cache may keep it, no page may pass it on.
    headers = {**SAFE_HEADERS, **given, hdrs.CACHE_CONTROL: "no-store", hdrs.LOCATION: link}
    return web.Response(status=302, headers=headers)


async def store_url(context: Context, store: ObjectStore, version: Version, expiry: int) -> str:
    """A URL of the store for whoever has it, for `expiry` seconds; for no other bytes than a download gives.

    Raises NotScannedYet and StorageError.
    """
    async with _no_other_bytes(context, version):
        await _check(context.backend, version.ref, bound_identity(version, context.rules.read_policy))
    about = About(upload_id=version.upload_id, filename=version.filename, media_type=version.declared_type)
    stored = Stored(ref=version.ref, length=version.length, identity=version.identity)
    return await store.link(stored, about, expiry)


async def _check(backend: StorageBackend, ref: str, identity: str | None) -> None:
    found = await backend.stat(ref)
    if identity is not None and found.identity != identity:
        raise StorageChanged(f"{ref} is {found.identity}, wanted {identity}")


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
