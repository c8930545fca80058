"""The client that programs use.

Belongs here: its options and life, and choosing between one upload and several parts.
Not here: how an upload goes (transfer.py, parallel.py).
"""

import mimetypes
import os
from collections.abc import AsyncIterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import PurePath
from types import TracebackType
from typing import Self

import aiohttp

from protocol.errors import InvalidMetadata
from protocol.metadata import format_metadata

from .errors import BadOptions, NotOffered, StoreFailed, UploadGone, WrongAnswer
from .ietf import IetfServer
from .memo import Memo
from .options import Options
from .origins import endpoint_of, proxy_for
from .parallel import Parallel, parts_of, spans_of
from .progress import OnProgress, Tally
from .retry import Notice, Patience, patiently
from .sources import Content, FileSource, Source, opened
from .store import MemoryStore, Remembered, Store, key_of
from .transfer import Circumstances, Transfer
from .tus import TusServer
from .verbs import Announced, Server
from .wire import Wire


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploaded:
    """An upload whose every byte the server has."""

    url: str
    length: int
    """Bytes."""
    resumed_from: int
    """Bytes that the server had from earlier calls."""


class TusClient:
    """Uploads to one endpoint, several at once if you like.

        async with TusClient("https://example.org/files/") as client:
            uploaded = await client.upload("photo.jpg")

    Connections that break, servers that restart, and answers that ask to come back are waited out; what the
    server has is never sent again. `store` remembers uploads under way, so that the same call goes on
    where one stopped that failed, or whose process died: `FileStore` for the latter.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        options: Options | None = None,
        store: Store | None = None,
        on_notice: Notice | None = None,
        session: aiohttp.ClientSession | None = None,
    ) -> None:
        """`url` creates uploads; `headers` go to its host only. Raises BadOptions.

        `on_notice` is told what goes on besides progress. `session` brings TLS, proxies and limits of your
        own; you close it.
        """
        self._endpoint = endpoint_of(url, headers or {})
        self._options = options or Options()
        self._store: Store = MemoryStore() if store is None else store
        self._notice: Notice = on_notice or _not_told
        self._session = session
        self._owns_session = session is None
        self._announced: Announced | None = None

    async def __aenter__(self) -> Self:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._owns_session and self._session is not None:
            await self._session.close()
            self._session = None

    async def upload(
        self,
        content: Content,
        *,
        metadata: Mapping[str, str | bytes] | None = None,
        on_progress: OnProgress | None = None,
    ) -> Uploaded:
        """Send a file (by its path), bytes, or a stream; return when the server has every byte.

        Of a path, `filename` and `filetype` are told, unless `metadata` says otherwise. Raises UploadError;
        where its `is_resumable`, the same call goes on with a file. A stream can be sent once.
        """
        header = _metadata_header(content, metadata or {})
        async with opened(content, held=self._options.chunk_size or self._options.held) as source:
            parts = parts_of(source.length, self._options)
            with ExitStack() as stack:
                memo = self._memo(source, header, parts, stack)
                tally = Tally(on_progress, parts)
                tally.length = source.length
                around = Circumstances(
                    server=self._server,
                    announced=await self._needed(source, parts),
                    options=self._options,
                    memo=memo,
                    tally=tally,
                    notice=self._notice,
                )
                sender = self._sender(around, source, header, await memo.recall(), parts)
                url = await sender.run()
                await memo.forget()
            return Uploaded(url=str(url), length=source.length or 0, resumed_from=sender.resumed_from)

    async def offset(self, url: str) -> int:
        """How many bytes of an upload the server has. Raises UploadGone."""
        where = self._endpoint.locate(url)
        standing = await patiently(self._patience(), lambda: self._server.head(where))
        if standing.offset is None:
            raise WrongAnswer(f"HEAD {where}: no Upload-Offset")
        return standing.offset

    async def terminate(self, url: str) -> None:
        """Delete an upload; one that is gone already is not missed. Raises UploadError."""
        where = self._endpoint.locate(url)
        try:
            await patiently(self._patience(), lambda: self._server.terminate(where))
        except UploadGone:
            # Also after an attempt whose answer was lost.
            return

    @property
    def _server(self) -> Server:
        if self._session is None:
            raise RuntimeError("a TusClient is used inside `async with`")
        wire = Wire(
            session=self._session,
            endpoint=self._endpoint,
            idle=self._options.timeout,
            proxy_for=proxy_for if self._owns_session else lambda _: None,
        )
        if self._options.protocol == "ietf":
            return IetfServer(replace(wire, spoken={}))
        return TusServer(wire)

    def _patience(self) -> Patience:
        return Patience(self._options.retries, self._notice)

    def _memo(self, source: Source, header: str, parts: int, stack: ExitStack) -> Memo:
        """Notes in the store for files; nobody could find those of bytes and streams again."""
        if not isinstance(source, FileSource):
            return Memo(MemoryStore(), "", "", self._notice)
        key = key_of(
            str(self._endpoint.url),
            source.identity,
            metadata=header,
            parts=parts,
            protocol=self._options.protocol,
        )
        try:
            stack.enter_context(self._store.claimed(key))
        except StoreFailed as failed:
            self._notice(f"{failed}; if this upload stops, it will begin again")
            return Memo(MemoryStore(), "", "", self._notice)
        return Memo(self._store, key, source.identity.path, self._notice)

    async def _needed(self, source: Source, parts: int) -> Announced:
        """What the server offers; asked only where that matters. Raises NotOffered."""
        options, length = self._options, source.length
        is_small = length is not None and 0 < length <= options.with_creation
        # Of the draft it is not what it can do, but how much it takes.
        is_asked = options.protocol == "ietf" or parts > 1 or options.checksum
        if not (is_asked or length is None or is_small):
            return Announced()
        if self._announced is None:
            self._announced = await patiently(self._patience(), self._server.announced)
        announced = self._announced
        if parts > 1 and "concatenation" not in announced.extensions:
            raise NotOffered(
                f"{self._endpoint.url} does not announce concatenation, so parts cannot be sent side by side"
            )
        if options.checksum and options.checksum not in announced.checksums:
            offered = ", ".join(announced.checksums) or "none"
            raise NotOffered(
                f"{self._endpoint.url} does not announce the checksum {options.checksum}, but {offered}"
            )
        return announced

    def _sender(
        self, around: Circumstances, source: Source, header: str, known: Remembered, parts: int
    ) -> Transfer | Parallel:
        urls = {number: self._endpoint.locate(url) for number, url in known.parts.items()}
        if parts == 1:
            return Transfer(around=around, source=source, metadata=header, url=urls.get(0))
        return Parallel(
            around=around,
            source=source,
            spans=spans_of(source.length or 0, parts),
            metadata=header,
            urls=urls,
            final=self._endpoint.locate(known.final) if known.final else None,
        )


def _not_told(_text: str) -> None:
    """Nobody asked."""


def _metadata_header(content: Content, given: Mapping[str, str | bytes]) -> str:
    """Raises BadOptions."""
    try:
        return format_metadata({**_described(content), **given})
    except (InvalidMetadata, UnicodeEncodeError) as wrong:
        raise BadOptions(str(wrong)) from None


def _described(content: Content) -> dict[str, str | bytes]:
    """What a path says of its file, under the names that tus clients use."""
    if isinstance(content, bytes | AsyncIterable):
        return {}
    name = PurePath(os.fspath(content)).name
    filetype = mimetypes.guess_type(name)[0]
    # A file name is bytes on the disk; they need not be UTF-8.
    return {"filename": os.fsencode(name), **({"filetype": filetype} if filetype else {})}
