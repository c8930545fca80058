"""Requests with bodies: parts and objects sent and fetched over plain HTTP.

botocore copies bodies and wants them in one piece; here they stay where they are. Large ones are sent by a
thread, small ones and those through a proxy by aiohttp. Names are whole keys.
Belongs here: one request, once. Not here: trying again (retries.py), requests without bodies (control.py).
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import quote

from aiohttp import ClientSession, ClientTimeout, TCPConnector
from yarl import URL

from storage_backends.base import StorageMissing

from .body import Blocks, Proven
from .failures import Refused, refused
from .profiles import Digest
from .sender import Sender, is_direct
from .signing import Signer

_MOST_ERROR = 64 << 10
"""Bytes of an error that are read."""
_OK, _PARTIAL, _FIRST_FAILURE = 200, 206, 300
_NOT_SATISFIABLE, _FAILED_CONDITION = 416, 412
IN_THREAD = 1 << 20
"""Bytes of a body from which on handing it to a thread costs less than the loop's way."""
SLOWEST = 64 << 10
"""Bytes per second; a body that goes out more slowly is stuck."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """The head of an answer with a body."""

    total: int
    """Bytes of the whole object."""
    etag: str


class Wire:
    """One bucket."""

    def __init__(
        self, base_url: str, signer: Signer, digest: Digest, *, timeout: float, connections: int, threads: int
    ) -> None:
        """`base_url` is the bucket's, without a slash at its end; `threads` send at once."""
        self._base_url = base_url
        self._signer = signer
        self._digest = digest
        self._timeout = timeout
        self._session = ClientSession(
            connector=TCPConnector(limit=connections),
            timeout=ClientTimeout(total=None, sock_connect=timeout, sock_read=timeout),
            auto_decompress=False,
            trust_env=True,
        )
        self._sender = Sender(base_url, timeout=timeout, threads=threads) if is_direct(base_url) else None

    async def close(self) -> None:
        await self._session.close()
        if self._sender is not None:
            self._sender.close()

    async def put_part(self, key: str, multipart: str, number: int, body: Proven) -> str:
        """Its ETag. Raises Vanished, Refused, NETWORK."""
        return await self._put("UploadPart", self._part(key, multipart, number), body, {})

    async def part_url(
        self, key: str, multipart: str, number: int, size: int, headers: Mapping[str, str], *, expiry: int
    ) -> str:
        """For whoever else sends this part, with these headers and `size` bytes, within `expiry` seconds."""
        sized = {"Content-Length": str(size), **headers}
        return await self._signer.url("PUT", self._part(key, multipart, number), sized, expiry)

    async def knock(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """The status that somebody else gets who has this URL. Raises NETWORK."""
        limit = ClientTimeout(total=self._timeout)
        async with self._session.put(
            URL(url, encoded=True), data=body, headers=headers, timeout=limit, allow_redirects=False
        ) as answer:
            await answer.read()
            return answer.status

    async def put_object(self, key: str, body: Proven, headers: Mapping[str, str]) -> str:
        """Its ETag. Raises Refused (412 where a condition failed), NETWORK."""
        return await self._put("PutObject", self._url(key), body, headers)

    async def _put(self, operation: str, url: str, body: Proven, more: Mapping[str, str]) -> str:
        headers = {
            "Content-Type": "application/octet-stream",
            **body.headers(self._digest),
            **more,
        }
        signed = await self._signer.headers("PUT", url, headers, body.sha256)
        if body.size >= IN_THREAD and self._sender is not None:
            return await self._put_by(self._sender, operation, url, body, signed)
        limit = ClientTimeout(total=self._within(body), sock_connect=self._timeout, sock_read=self._timeout)
        async with self._session.put(
            URL(url, encoded=True),
            data=Blocks(body.blocks),
            headers=signed,
            timeout=limit,
            allow_redirects=False,
        ) as answer:
            if answer.status >= _FIRST_FAILURE:
                raise refused(operation, answer.status, await answer.content.read(_MOST_ERROR))
            await answer.read()
            return _etag(operation, answer.status, answer.headers.get("ETag", ""))

    async def _put_by(
        self, sender: Sender, operation: str, url: str, body: Proven, signed: Mapping[str, str]
    ) -> str:
        headers = {**signed, "Content-Length": str(body.size)}
        answer = await sender.send("PUT", url, headers, body.blocks, within=self._within(body))
        if answer.status >= _FIRST_FAILURE:
            raise refused(operation, answer.status, answer.body)
        return _etag(operation, answer.status, answer.headers.get("etag", ""))

    def _within(self, body: Proven) -> float:
        return self._timeout + body.size / SLOWEST

    @asynccontextmanager
    async def get(
        self, key: str, start: int, stop: int, etag: str | None
    ) -> AsyncGenerator[tuple[Fetched, AsyncGenerator[bytes, None]], None]:
        """Bytes [start, stop) of an object, start < stop; of that ETag where one is given.

        Raises StorageMissing for an object that is not there, ends earlier, or is another one; Refused,
        NETWORK.
        """
        url = self._url(key)
        headers = {"Range": f"bytes={start}-{stop - 1}", **({"If-Match": etag} if etag else {})}
        signed = await self._signer.headers("GET", url, headers, None)
        async with self._session.get(URL(url, encoded=True), headers=signed, allow_redirects=False) as answer:
            if answer.status in (_NOT_SATISFIABLE, _FAILED_CONDITION):
                raise StorageMissing(f"{key} is another object, or ends before {stop}")
            if answer.status >= _FIRST_FAILURE:
                raise refused("GetObject", answer.status, await answer.content.read(_MOST_ERROR))
            total = _total(answer.status, answer.headers, start)
            if total < stop:
                raise StorageMissing(f"{key} has {total} bytes, wanted {stop}")
            yield (
                Fetched(total=total, etag=answer.headers.get("ETag", "")),
                _exactly(answer.content.iter_chunked(256 << 10), stop - start),
            )

    def _part(self, key: str, multipart: str, number: int) -> str:
        return f"{self._url(key)}?partNumber={number}&uploadId={quote(multipart, safe='')}"

    def _url(self, key: str) -> str:
        return f"{self._base_url}/{quote(key, safe='/~')}"


def _etag(operation: str, status: int, etag: str) -> str:
    if not etag:
        raise Refused(operation, "InternalError", status, "an answer without ETag")
    return etag


def _total(status: int, headers: Mapping[str, str], start: int) -> int:
    if status == _PARTIAL:
        unit, _, total = headers.get("Content-Range", "").rpartition("/")
        if unit.startswith(f"bytes {start}-") and total.isdecimal():
            return int(total)
    elif status == _OK and start == 0:
        return int(headers.get("Content-Length", "-1"))
    raise Refused("GetObject", "InternalError", status, "not the range that was asked for")


async def _exactly(chunks: AsyncIterator[bytes], size: int) -> AsyncGenerator[bytes, None]:
    """Never more; fewer raise EOFError."""
    async for chunk in chunks:
        yield chunk[:size]
        size -= len(chunk)
        if size <= 0:
            return
    raise EOFError(f"an answer ended {size} bytes early")
