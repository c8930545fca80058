"""Where a server keeps bytes, looked at from outside, without the product's own code.

Belongs here: a folder, and a bucket. Not here: rows (rows.py), and what should be there (checker.py).
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from .content import BLOCK
from .ledger import Tracked
from .rows import Piece, Row, files_of, pieces
from .server import Server

Wrong = tuple[str, str]
"""The broken invariant, and what was found."""


class Kept(Protocol):
    """Bytes of uploads."""

    async def wrong(self, tracked: Tracked, upload: Row, parts: Sequence[Row]) -> Wrong | None:
        """The first difference between what the rows say is there, and what is."""
        ...

    async def names(self) -> Sequence[str]:
        """Every name that should belong to a row."""
        ...

    async def has(self, name: str) -> bool:
        """Whether it is still there."""
        ...


def kept_by(server: Server) -> AbstractAsyncContextManager[Kept]:
    """To be closed."""
    if server.settings.get("storage.backend") == "s3":
        return _in_bucket(server)
    return _in_folder(server)


@asynccontextmanager
async def _in_folder(server: Server) -> AsyncIterator[Kept]:
    yield _Folder(server)


@dataclass(frozen=True, slots=True)
class _Folder:
    _server: Server

    async def wrong(self, tracked: Tracked, upload: Row, parts: Sequence[Row]) -> Wrong | None:
        found = pieces(self._server, upload, parts)
        return await asyncio.to_thread(_compare, tracked, found, upload["offset"])

    async def names(self) -> Sequence[str]:
        data = self._server.data
        return await asyncio.to_thread(
            lambda: [str(path.relative_to(data)) for path in files_of(self._server)]
        )

    async def has(self, name: str) -> bool:
        return (self._server.data / name).exists()


def _compare(tracked: Tracked, found: Sequence[Piece], committed: int) -> Wrong | None:
    at = 0
    for piece in found:
        if piece.offset != at:
            return "I1", f"bytes [{at}, {piece.offset}) are in no file"
        if not piece.path.exists():
            return "I6", f"{piece.path.name} is not there"
        if piece.path.stat().st_size < piece.length:
            return "I1", f"{piece.path.name}: {piece.path.stat().st_size} bytes, {piece.length} committed"
        if (wrong := _first_wrong_block(tracked, piece)) is not None:
            return "I3", f"{piece.path.name}: other bytes than sent in the MiB from offset {wrong}"
        at += piece.length
    return None if at == committed else ("I1", f"{committed} committed, files have {at}")


def _first_wrong_block(tracked: Tracked, piece: Piece) -> int | None:
    with piece.path.open("rb") as file:
        for at in range(0, piece.length, BLOCK):
            block = file.read(min(BLOCK, piece.length - at))
            if not tracked.content.matches(piece.offset + at, block):
                return piece.offset + at
    return None


@asynccontextmanager
async def _in_bucket(server: Server) -> AsyncIterator[Kept]:
    from aiobotocore.session import get_session  # noqa: PLC0415 - only where a store is used

    settings = server.settings
    async with get_session().create_client(
        "s3",
        endpoint_url=settings["s3.s3_endpoint"],
        region_name="us-east-1",
        aws_access_key_id=settings["s3.s3_access_key_id"],
        aws_secret_access_key=settings["s3.s3_secret_access_key"],
    ) as client:
        yield _Bucket(client, settings["s3.s3_bucket"], settings.get("s3.s3_object_prefix", ""))


@dataclass(frozen=True, slots=True)
class _Bucket:
    """Bytes of parts cannot be read before they are an object; until then, only their sizes are compared."""

    _client: Any
    _bucket: str
    _prefix: str

    async def wrong(self, tracked: Tracked, upload: Row, parts: Sequence[Row]) -> Wrong | None:
        if upload["state"] == "stored":
            return await self._wrong_object(tracked, upload["ref"], 0, upload["offset"])
        own = [part for part in parts if part["upload_id"] == upload["id"]]
        if not own:
            # Of a small one that came whole.
            whole = upload["offset"] and await self._wrong_object(tracked, upload["ref"], 0, upload["offset"])
            return whole or None
        return await self._wrong_parts(tracked, upload, sorted(own, key=lambda part: int(part["offset"])))

    async def _wrong_parts(self, tracked: Tracked, upload: Row, parts: Sequence[Row]) -> Wrong | None:
        at, sent = 0, await self._sent(upload)
        if sent is None and upload["state"] == "completing":
            # Killed between the store's answer and the commit: it is the object already, or lost.
            return await self._wrong_object(tracked, upload["ref"], 0, upload["offset"])
        sent = sent or {}
        for part in parts:
            if part["offset"] != at:
                return "I1", f"bytes [{at}, {part['offset']}) are in no part"
            at += part["length"]
            if part["part_no"] > 0:
                if sent.get(part["part_no"]) != part["length"]:
                    return (
                        "I1",
                        f"part {part['part_no']}: {sent.get(part['part_no'])}, wanted {part['length']}",
                    )
            elif wrong := await self._wrong_object(tracked, part["ref"], part["offset"], part["length"]):
                return wrong
        return None if at == upload["offset"] else ("I1", f"{upload['offset']} committed, parts have {at}")

    async def _sent(self, upload: Row) -> dict[int, int] | None:
        """Size by number, as the store has them; None where it has no such multipart upload."""
        multipart = json.loads(upload["storage"]).get("multipart")
        if multipart is None:
            return {}
        found: dict[int, int] = {}
        pages = self._client.get_paginator("list_parts").paginate(
            Bucket=self._bucket, Key=self._prefix + upload["ref"], UploadId=multipart
        )
        try:
            async for page in pages:
                found |= {part["PartNumber"]: part["Size"] for part in page.get("Parts", ())}
        except self._client.exceptions.NoSuchUpload:
            return None
        return found

    async def _wrong_object(self, tracked: Tracked, ref: str, offset: int, length: int) -> Wrong | None:
        try:
            found = await self._client.get_object(Bucket=self._bucket, Key=self._prefix + ref)
        except self._client.exceptions.NoSuchKey:
            return "I6", f"{ref} is not there"
        if found["ContentLength"] != length:
            return "I1", f"{ref}: {found['ContentLength']} bytes, {length} committed"
        at = offset
        async with found["Body"] as body:
            async for block in body.iter_chunks(BLOCK):
                if not tracked.content.matches(at, block):
                    return "I3", f"{ref}: other bytes than sent in the MiB from offset {at}"
                at += len(block)
        return None

    async def names(self) -> Sequence[str]:
        found = []
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix
        )
        async for page in pages:
            found += [one["Key"].removeprefix(self._prefix) for one in page.get("Contents", ())]
        return [name for name in found if name != "tusd-identity"]

    async def has(self, name: str) -> bool:
        found = await self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix + name)
        return any(one["Key"] == self._prefix + name for one in found.get("Contents", ()))
