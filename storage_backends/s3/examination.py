"""Single steps on a bucket, each tried once, by which somebody finds out what it lets us do.

All names begin with `tusd-doctor-`, below our prefix; nothing that serves takes them for its own.
Belongs here: the steps. Not here: which follow each other, and what their failures mean (tusd_py/doctor).
"""

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from email.utils import parsedate_to_datetime

from storage_backends.base import Part, StorageError

from .body import proven
from .failures import NETWORK, Refused, Unanswered, Vanished
from .profiles import Profile
from .store import Store

_FORBIDDEN = 403


class Examination:
    """One bucket. `close` removes what is left."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._control = store.control
        self._key = store.key(f"tusd-doctor-{secrets.token_hex(8)}")
        self._multipart: str | None = None

    @property
    def profile(self) -> Profile:
        return self._store.options.profile

    @property
    def least_part(self) -> int:
        """Bytes of every part but the last, as configured."""
        return self._store.options.least_part

    # --- rights; each raises Refused with the status 403 where it is missing

    async def list_objects(self) -> None:
        async for _ in self._control.names(self._key):
            break

    async def list_uploads(self) -> None:
        async for _ in self._control.begun(self._key):
            break

    async def put_object(self) -> None:
        body = await proven([b"x"], self.profile.digest, signed=self._store.options.sign_bodies)
        with _told("PutObject"):
            await self._store.wire.put_object(self._key, body, {})

    async def get_object(self) -> None:
        await self._control.read(self._key)

    async def delete_object(self) -> None:
        await self._control.delete(self._key)

    async def begin(self) -> None:
        self._multipart = await self._control.create(self._key, {}, self.profile.digest)

    async def list_parts(self) -> None:
        await self._control.parts(self._key, self._multipart or "")

    async def abort(self) -> None:
        multipart, self._multipart = self._multipart, None
        if multipart is not None:
            with suppress(Vanished):
                await self._control.abort(self._key, multipart)

    # --- rules

    async def join(self, sizes: Sequence[int]) -> int:
        """An object of parts of those sizes; the size that it has."""
        await self.begin()
        try:
            parts = [await self._part(number, size) for number, size in enumerate(sizes, start=1)]
            await self._control.complete(self._key, self._multipart or "", parts, self.profile.digest)
            self._multipart = None
        finally:
            await self.abort()
        return (await self._control.head(self._key)).size

    async def copy_part(self, size: int) -> None:
        """The first `size` bytes of the object that `join` made become a part."""
        await self.begin()
        try:
            await self._control.copy_part(
                self._key, self._multipart or "", 1, self._key, f"bytes=0-{size - 1}"
            )
        finally:
            await self.abort()

    async def send_damaged(self) -> None:
        """A part whose bytes are not those that its checksum says. Raises Refused, as it should."""
        await self.begin()
        try:
            body = await proven([b"sent"], self.profile.digest, signed=self._store.options.sign_bodies)
            other = await proven([b"meant"], self.profile.digest, signed=False)
            damaged = replace(body, digest=other.digest)
            with _told("UploadPart"):
                await self._store.wire.put_part(self._key, self._multipart or "", 1, damaged)
        finally:
            await self.abort()

    async def clock_lead(self) -> float | None:
        """How many seconds the store's clock is before ours, half of the answer's way taken off; a second
        more or less. None where it does not say."""
        began = time.time()
        told = await self._control.date()
        if told is None:
            return None
        return parsedate_to_datetime(told).timestamp() + 0.5 - (began + time.time()) / 2

    async def close(self) -> None:
        """As far as its rights allow."""
        with suppress(StorageError):
            await self.abort()
        with suppress(StorageError):
            await self.delete_object()

    async def _part(self, number: int, size: int) -> Part:
        body = await proven([bytes(size)], self.profile.digest, signed=self._store.options.sign_bodies)
        with _told("UploadPart"):
            etag = await self._store.wire.put_part(self._key, self._multipart or "", number, body)
        return Part(part_no=number, offset=0, length=size, ref="", etag=etag, digest=body.digest)


@contextmanager
def _told(operation: str) -> Iterator[None]:
    """What went wrong on the way, as a StorageError."""
    try:
        yield
    except StorageError:
        raise
    except NETWORK as failed:
        raise Unanswered(f"{operation}: {failed or type(failed).__name__}") from failed


def is_denied(failed: StorageError) -> bool:
    """A right is missing."""
    return isinstance(failed, Refused) and failed.status == _FORBIDDEN


def code_of(failed: StorageError) -> str:
    """In the store's words; empty where it said nothing."""
    return failed.code if isinstance(failed, Refused) else ""
