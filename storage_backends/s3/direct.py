"""Uploads whose parts clients send to the bucket themselves, by URLs that are good for one part each.

The multipart upload is begun, and its size of parts remembered, before anybody hears of it. What a URL is
good for is in its signature: the number, the count of bytes, and the digest where there is one.

Belongs here: beginning, URLs, what came, and whether the store holds URLs to what they say. Not here: when
what came counts (the caller's commit), the object (finish.py).
"""

import secrets
from contextlib import suppress
from dataclasses import replace

from storage_backends.base import DirectPlan, Ledger, PartUrl, SentPart, StorageAway, StorageMissing

from .control import Begun
from .failures import NETWORK, Vanished
from .memory import Memory, parse_memory
from .profiles import Digest
from .store import Store

_DIGEST_HEADER = "x-amz-checksum-sha256"
_MOMENT = 60
"""Seconds."""
_FIRST_REFUSAL = 300
_ASKED = 2
"""Times: one answer of a store under repair is no proof that a multipart upload is gone."""


async def begin(store: Store, ref: str, length: int, ledger: Ledger, *, proven: bool) -> DirectPlan:
    """Raises StorageError, and what the ledger raises."""
    before = (await ledger.recall()).memory
    # A store takes a digest with a part only where its multipart upload was begun so, and then with each.
    multipart = await store.begin_with(ref, ledger.about, Digest.SHA256 if proven else None)
    plan = DirectPlan(
        token=multipart, length=length, part_size=store.sizes.direct_size(length), is_proven=proven
    )
    memory = Memory(
        multipart=multipart,
        # All of them are given away.
        next_part=plan.count + 1,
        part_size=plan.part_size,
        direct="sha256" if proven else "plain",
    )
    # What is not remembered is the sweep's.
    await ledger.remember(memory.as_text(), instead_of=before)
    return plan


async def plan_of(length: int, ledger: Ledger) -> DirectPlan:
    """Raises StorageMissing."""
    memory = parse_memory((await ledger.recall()).memory)
    if memory.multipart is None or memory.part_size is None or memory.direct is None:
        raise StorageMissing(f"{ledger.about.upload_id}: no parts of clients were begun")
    return DirectPlan(
        token=memory.multipart,
        length=length,
        part_size=memory.part_size,
        is_proven=memory.direct == "sha256",
    )


async def part_url(
    store: Store, ref: str, plan: DirectPlan, number: int, *, digest: str | None, expiry: int
) -> PartUrl:
    """For one part."""
    headers = {} if digest is None else {_DIGEST_HEADER: digest}
    size = plan.size_of(number)
    url = await store.wire.part_url(store.key(ref), plan.token, number, size, headers, expiry=expiry)
    return PartUrl(url=url, headers=headers)


async def parts_sent(store: Store, ref: str, plan: DirectPlan) -> list[SentPart]:
    """Raises StorageMissing."""
    for _ in range(_ASKED):
        with suppress(Vanished):
            sent = await store.sent(ref, plan.token)
            return [SentPart(number=one.number, size=one.size, etag=one.etag, at=one.at) for one in sent]
    raise StorageMissing(f"{ref}: its multipart upload is gone")


async def loophole(store: Store) -> str | None:
    """Raises StorageError."""
    begun = Begun(key=store.key(f"tusd-doctor-{secrets.token_hex(8)}"), multipart="")
    begun = replace(begun, multipart=await store.control.create(begun.key, {}, None))
    try:
        return await _tried(store, begun)
    except NETWORK as failed:
        raise StorageAway(f"a URL for a part: {failed or type(failed).__name__}") from failed
    finally:
        await store.abort(begun)


async def _tried(store: Store, begun: Begun) -> str | None:
    url = await store.wire.part_url(begun.key, begun.multipart, 1, 1, {}, expiry=_MOMENT)
    if await store.wire.knock(url, b"xx", {}) < _FIRST_REFUSAL:
        return "send more bytes than it says"
    # As a header that is not signed, it makes a copy of another object of the PUT.
    if await store.wire.knock(url, b"x", {"x-amz-copy-source": f"{store.options.bucket}/x"}) < _FIRST_REFUSAL:
        return "have any object of the bucket copied into an upload, by x-amz-copy-source"
    status = await store.wire.knock(url, b"x", {})
    if status >= _FIRST_REFUSAL:
        raise StorageAway(f"the store answers {status} to a URL for a part that is good")
    return None
