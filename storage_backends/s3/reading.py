"""Bytes out of the store.

Belongs here: a range of an object, gone on with when a connection breaks. Not here: requests (wire.py).
"""

from collections.abc import AsyncGenerator

from storage_backends.base import StorageAway, StorageChanged, StorageError, StorageMissing

from .failures import NETWORK, Refused
from .store import Store

_ATTEMPTS = 4
"""Connections without a byte after which it is given up."""


async def read(
    store: Store, ref: str, start: int, stop: int, *, identity: str | None = None
) -> AsyncGenerator[bytes, None]:
    """Bytes [start, stop), all of one object, however many connections that takes."""
    key = store.key(ref)
    etag = None if identity is None else await _etag_of(store, ref, identity)
    if start >= stop:
        if (await store.head(ref)).size < stop:
            raise StorageMissing(f"{ref} ends before {stop}")
        return
    fruitless, position = 0, start
    while position < stop:
        before = position
        try:
            async with store.wire.get(key, position, stop, etag) as (found, chunks):
                etag = found.etag or None
                async for chunk in chunks:
                    position += len(chunk)
                    yield chunk
        except (Refused, *NETWORK) as failed:
            fruitless = 0 if position > before else fruitless + 1
            await _pause_or_give_up(store, ref, failed, fruitless)
        except StorageMissing as gone:
            if position > start:
                raise StorageError(f"{ref} changed while it was read") from gone
            raise


async def _etag_of(store: Store, ref: str, identity: str) -> str:
    """What every connection then insists on (If-Match). Raises StorageChanged."""
    head = await store.head(ref)
    if head.identity != identity:
        raise StorageChanged(f"{ref} is {head.identity}, wanted {identity}")
    return head.etag


async def _pause_or_give_up(store: Store, ref: str, failed: Exception, fruitless: int) -> None:
    if isinstance(failed, Refused) and not failed.may_pass:
        raise failed
    if fruitless >= _ATTEMPTS:
        raise StorageAway(f"{ref} cannot be read: {failed}") from failed
    await store.retries.pause(fruitless + 1)
