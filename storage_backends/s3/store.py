"""The bucket as the rest of this package uses it: by ref, with retries, within the limits.

Belongs here: what one step on one object is. Not here: which steps follow each other (writer.py, finish.py).
"""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from protocol.disposition import attachment
from protocol.served_types import served_type
from storage_backends.base import About, Block, Part, StorageError, StorageMissing
from storage_backends.refs import components

from .body import Sum, proven
from .budget import Budget
from .control import ATTEMPT, UPLOAD_ID, Begun, Control, Head, Sent
from .failures import Refused, Vanished
from .options import Options
from .profiles import Digest
from .retries import Retries
from .sizes import Sizes
from .wire import Wire

_EXISTS = 412


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Bytes [start, stop) of an object."""

    ref: str
    start: int
    stop: int

    @property
    def size(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """One bucket, and this process's share of it."""

    options: Options
    control: Control
    wire: Wire
    retries: Retries
    budget: Budget
    sizes: Sizes
    sending: asyncio.Semaphore
    """Parts on their way at once."""
    receiving: asyncio.Semaphore
    """Bodies that threads receive at once: who waits for a thread needs no pages yet."""

    def key(self, ref: str) -> str:
        """Raises BadRef."""
        components(ref)
        return self.options.prefix + ref

    # --- objects

    async def put(self, ref: str, blocks: Sequence[Block], about: About, *, only_new: bool = False) -> Part:
        """A whole object. With `only_new`, raises StorageError where one is there."""
        key = self.key(ref)
        body = await proven(blocks, self.options.profile.digest, signed=self.options.sign_bodies)
        if only_new and not self.options.profile.conditional_put:
            await self._refuse_taken(ref)
        headers = _headers(about)
        if only_new and self.options.profile.conditional_put:
            headers["If-None-Match"] = "*"

        async def attempt() -> str:
            return await self.wire.put_object(key, body, headers)

        try:
            etag = await self.retries.run("PutObject", attempt)
        except Refused as failed:
            if failed.status != _EXISTS:
                raise
            # Perhaps by an attempt of ours whose answer was lost: it says so.
            head = await self.head(ref)
            if head.attempt != headers[f"x-amz-meta-{ATTEMPT}"]:
                raise StorageError(f"{ref} exists") from None
            etag = head.etag
        return Part(part_no=-1, offset=0, length=body.size, ref=ref, etag=etag, digest=body.digest)

    async def _refuse_taken(self, ref: str) -> None:
        try:
            await self.head(ref)
        except StorageMissing:
            return
        raise StorageError(f"{ref} exists")

    async def head(self, ref: str) -> Head:
        """Raises StorageMissing."""
        key = self.key(ref)
        return await self.retries.run("HeadObject", lambda: self.control.head(key))

    async def load(self, parts: Sequence[Part]) -> list[bytes]:
        """The bytes of objects that rows name, whole. Raises StorageMissing, also for other bytes."""
        return [await self._load(part) for part in parts]

    async def _load(self, part: Part) -> bytes:
        key = self.key(part.ref)

        async def attempt() -> bytes:
            async with self.wire.get(key, 0, part.length, part.etag) as (_, chunks):
                return b"".join([chunk async for chunk in chunks])

        return await self.retries.run("GetObject", attempt) if part.length else b""

    async def delete(self, refs: Sequence[str]) -> None:
        keys = [self.key(ref) for ref in refs]
        limit = asyncio.Semaphore(8)

        async def one(key: str) -> None:
            async with limit:
                await self.retries.run("DeleteObject", lambda: self.control.delete(key))

        await asyncio.gather(*map(one, keys))

    # --- multipart uploads

    async def begin(self, ref: str, about: About) -> str:
        """The id of a new multipart upload, whose parts we send. One whose answer was lost is the sweep's."""
        return await self.begin_with(ref, about, self.options.profile.digest)

    async def begin_with(self, ref: str, about: About, digest: Digest | None) -> str:
        """The same with parts that come with this digest; None is without one."""
        key = self.key(ref)
        headers = {
            "ContentType": served_type(about.media_type),
            "ContentDisposition": attachment(about.filename),
            "Metadata": {UPLOAD_ID: about.upload_id},
        }
        return await self.retries.run(
            "CreateMultipartUpload", lambda: self.control.create(key, headers, digest)
        )

    async def put_part(
        self,
        ref: str,
        multipart: str,
        number: int,
        blocks: Sequence[Block],
        *,
        offset: int,
        begun: Sum | None = None,
    ) -> Part:
        """May be tried several times under one number: its bytes are always the same. Raises Vanished.

        `begun` is the digest of its first bytes.
        """
        key = self.key(ref)
        options = self.options
        body = await proven(blocks, options.profile.digest, signed=options.sign_bodies, begun=begun)

        async def attempt() -> str:
            return await self.wire.put_part(key, multipart, number, body)

        etag = await self.retries.run("UploadPart", attempt)
        return Part(part_no=number, offset=offset, length=body.size, ref=ref, etag=etag, digest=body.digest)

    async def copy_part(self, ref: str, multipart: str, number: int, source: Source, *, offset: int) -> Part:
        """Raises StorageMissing where the source is not there, Vanished."""
        key, from_key = self.key(ref), self.key(source.ref)

        async def attempt() -> tuple[str, str | None]:
            span = f"bytes={source.start}-{source.stop - 1}"
            return await self.control.copy_part(key, multipart, number, from_key, span)

        etag, digest = await self.retries.run("UploadPartCopy", attempt)
        return Part(part_no=number, offset=offset, length=source.size, ref=ref, etag=etag, digest=digest)

    async def complete(self, ref: str, multipart: str, parts: Sequence[Part], digest: Digest | None) -> None:
        """Once. Raises Vanished, Refused, NETWORK: whether it happened, only the object says."""
        await self.control.complete(self.key(ref), multipart, parts, digest)

    async def sent(self, ref: str, multipart: str) -> list[Sent]:
        """Every part that the store has. Raises Vanished."""
        key = self.key(ref)
        return await self.retries.run("ListParts", lambda: self.control.parts(key, multipart))

    async def abort(self, begun: Begun) -> None:
        """One that is not there is no error."""

        async def attempt() -> None:
            await self.control.abort(begun.key, begun.multipart)

        try:
            await self.retries.run("AbortMultipartUpload", attempt)
        except (Vanished, StorageMissing):
            return

    async def is_there(self, ref: str, multipart: str) -> bool:
        """Asks once more: one answer of a store under repair is no proof that a multipart upload is gone."""
        try:
            await self.sent(ref, multipart)
        except Vanished:
            return False
        return True


def _headers(about: About) -> dict[str, str]:
    return {
        "Content-Type": served_type(about.media_type),
        "Content-Disposition": attachment(about.filename),
        f"x-amz-meta-{UPLOAD_ID}": about.upload_id,
        f"x-amz-meta-{ATTEMPT}": secrets.token_hex(8),
    }
