"""Uploads in a bucket.

Belongs here: the seam's methods, each in a few words. Not here: how they do it (the files beside this one).
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import BotoCoreError

from protocol.disposition import attachment
from protocol.served_types import served_type
from storage_backends.base import (
    About,
    Block,
    DirectPlan,
    Doubt,
    Ledger,
    Listed,
    PartUrl,
    Segment,
    SentPart,
    StorageAway,
    StorageError,
    StorageFull,
    StorageMissing,
    Stored,
    Synced,
    Unfinished,
    total_length,
)
from storage_backends.refs import components

from .assembly import assemble
from .budget import PAGE, UNCHARGED, Budget
from .control import Begun, Control
from .direct import begin, loophole, part_url, parts_sent, plan_of
from .examination import Examination
from .finish import finish
from .lifecycle import doubts, parse_rules
from .memory import parse_memory
from .missing import missing
from .options import Options
from .reading import read
from .retries import Retries
from .signing import Signer
from .sizes import Sizes
from .store import Store
from .wire import Wire
from .writer import S3Writer

_RECEIVERS = (os.cpu_count() or 1) + 2
"""Threads of the event loop's that receive bodies; it has a few more."""
_IDENTITY = "tusd-identity"
"""Under our prefix, and no ref: it says whose the prefix is."""


class S3Backend:
    """One bucket, below one prefix."""

    name = "s3"

    def __init__(self, options: Options, *, spool: Path | None = None) -> None:
        """`spool` is the folder for parts too large for memory; None is the system's for temporary files."""
        self._options = options
        self._spool = spool
        self._stack = AsyncExitStack()
        self._opened: Store | None = None

    async def open(self) -> None:
        await self.connect()
        try:
            await self._store.control.check()
        except StorageError as failed:
            await self.close()
            raise StorageError(f"bucket {self._options.bucket!r} cannot be used: {failed}") from failed

    async def connect(self) -> None:
        """As `open`, without asking whether the bucket can be used. Raises StorageError."""
        try:
            self._opened = await self._open()
        except StorageError as failed:
            await self.close()
            raise StorageError(f"bucket {self._options.bucket!r} cannot be used: {failed}") from failed
        except (BotoCoreError, OSError, ValueError) as failed:
            await self.close()
            raise StorageError(
                f"the store of bucket {self._options.bucket!r} cannot be reached: {failed}"
            ) from failed

    async def _open(self) -> Store:
        options = self._options
        session = get_session()
        region = options.region or session.get_config_variable("region") or options.profile.region
        client = await self._stack.enter_async_context(
            session.create_client(
                "s3",
                region_name=region,
                endpoint_url=options.endpoint or None,
                aws_access_key_id=options.access_key_id or None,
                aws_secret_access_key=options.secret_access_key or None,
                config=_config(options),
            )
        )
        if options.access_key_id:
            session.set_credentials(options.access_key_id, options.secret_access_key)
        credentials = await session.get_credentials()
        if credentials is None:
            raise StorageError("there are no credentials: neither settings, nor environment, nor a role")
        control = Control(client, options.bucket, options.profile.digest)
        wire = Wire(
            await control.url(),
            Signer(credentials, region),
            options.profile.digest,
            timeout=options.timeout,
            connections=2 * options.concurrent_parts + 8,
            # Beside parts there are tails.
            threads=options.concurrent_parts + 4,
        )
        self._stack.push_async_callback(wire.close)
        return Store(
            options=options,
            control=control,
            wire=wire,
            retries=Retries(within=options.retry_within),
            budget=Budget(max(PAGE, options.buffer - options.buffer // UNCHARGED)),
            sizes=Sizes(preferred=options.part_size, least=options.least_part, profile=options.profile),
            sending=asyncio.Semaphore(options.concurrent_parts),
            receiving=asyncio.Semaphore(_RECEIVERS),
        )

    @property
    def _store(self) -> Store:
        if self._opened is None:
            raise StorageError("the store is not open")
        return self._opened

    async def close(self) -> None:
        self._opened = None
        await self._stack.aclose()

    async def claim(self, identity: str) -> str:
        """A small object below our prefix says whose it is."""
        store = self._store
        about = About(upload_id="")
        try:
            await store.put(_IDENTITY, [identity.encode()], about, only_new=True)
        except StorageAway:
            raise
        except StorageError:
            return await self._owner()
        return identity

    async def owner(self) -> str | None:
        try:
            return await self._owner()
        except StorageMissing:
            return None

    async def _owner(self) -> str:
        store = self._store
        key = store.key(_IDENTITY)
        owner = await store.retries.run("GetObject", lambda: store.control.read(key))
        return owner.decode(errors="replace")

    async def doubts(self, longest: float | None) -> Sequence[Doubt]:
        control = self._store.control
        rules = parse_rules(await control.lifecycle())
        versions = await control.keeps_versions()
        return list(doubts(rules, self._options.prefix, longest=longest, is_versioned=versions))

    def examination(self) -> Examination:
        """To be closed by the caller."""
        return Examination(self._store)

    async def answers(self) -> None:
        await self._store.control.check()

    # --- receiving

    async def writer(
        self,
        upload_id: str,  # noqa: ARG002 - the seam's; the ledger knows it
        segment: Segment,
        length: int | None,
        ledger: Ledger,
        *,
        coming: int | None = None,  # noqa: ARG002 - the seam's; nothing to preallocate
    ) -> S3Writer:
        components(segment.ref)
        kept = await ledger.recall()
        if segment.length > kept.parted + sum(tail.length for tail in kept.tails):
            raise StorageMissing(f"{segment.ref} has {kept.parted} bytes in parts, wanted {segment.length}")
        if kept.tails and kept.tails[0].offset != kept.parted:
            # Always false, or our rows are broken; see finish.py.
            raise StorageMissing(f"{segment.ref}: tails at {kept.tails[0].offset}, wanted {kept.parted}")
        return S3Writer(self._store, segment, length, ledger=ledger, kept=kept, spool=self._spool)

    async def put(self, about: About, ref: str, content: Sequence[Block], *, sealed: bool) -> Stored:  # noqa: ARG002 - objects are never written to again
        part = await self._store.put(ref, content, about, only_new=True)
        return await self.stat(part.ref)

    # --- parts that clients send

    def proves_parts(self) -> bool:
        return self._options.profile.sha256_parts

    async def begin_direct(self, ref: str, length: int, ledger: Ledger, *, proven: bool) -> DirectPlan:
        return await begin(self._store, ref, length, ledger, proven=proven)

    async def direct_plan(self, length: int, ledger: Ledger) -> DirectPlan:
        return await plan_of(length, ledger)

    async def part_url(
        self, ref: str, plan: DirectPlan, number: int, *, digest: str | None, expiry: int
    ) -> PartUrl:
        return await part_url(self._store, ref, plan, number, digest=digest, expiry=expiry)

    async def parts_sent(self, ref: str, plan: DirectPlan) -> Sequence[SentPart]:
        return await parts_sent(self._store, ref, plan)

    async def loophole(self) -> str | None:
        return await loophole(self._store)

    # --- finishing

    async def finish(self, segments: Sequence[Segment], ref: str, ledger: Ledger) -> Stored:
        length = total_length(segments, ref)
        if len(segments) > 1:
            return await assemble(self._store, segments, ref, ledger.about)
        segment = segments[0] if segments else Segment(ref=ref, offset=0, length=0)
        if length == 0:
            return await self._empty(segment.ref, ledger.about)
        return await finish(self._store, segment, ref, ledger)

    async def _empty(self, ref: str, about: About) -> Stored:
        try:
            return await self.stat(ref)
        except StorageMissing:
            await self._store.put(ref, [], about)
            return await self.stat(ref)

    async def assemble(self, segments: Sequence[Segment], ref: str, about: About) -> Stored:
        return await assemble(self._store, segments, ref, about)

    async def missing(self, segments: Sequence[Segment], ledger: Ledger) -> str | None:
        return await missing(self._store, segments[-1], ledger)

    # --- reading

    def read(
        self, ref: str, start: int, stop: int, *, identity: str | None = None
    ) -> AsyncGenerator[bytes, None]:
        return read(self._store, ref, start, stop, identity=identity)

    async def stat(self, ref: str) -> Stored:
        head = await self._store.head(ref)
        return Stored(ref=ref, length=head.size, identity=head.identity)

    async def link(self, stored: Stored, about: About, expiry: int) -> str:
        version = stored.identity[1:] if stored.identity.startswith("v") else None
        headers = {
            "ResponseContentType": served_type(about.media_type),
            "ResponseContentDisposition": attachment(about.filename),
            "ResponseCacheControl": "private, no-cache",
        }
        return await self._store.control.link(self._store.key(stored.ref), version, headers, expiry)

    # --- names

    async def delete(self, refs: Sequence[str]) -> None:
        await self._store.delete(refs)

    async def list(self) -> AsyncGenerator[Listed, None]:
        prefix = self._options.prefix
        async for named in self._store.control.names(prefix):
            ref = named.key.removeprefix(prefix)
            if ref != _IDENTITY:
                yield Listed(ref=ref, size=named.size)

    async def unfinished(self) -> AsyncGenerator[Unfinished, None]:
        prefix = self._options.prefix
        async for begun in self._store.control.begun(prefix):
            if begun.key.startswith(prefix):
                yield Unfinished(ref=begun.key.removeprefix(prefix), token=begun.multipart)

    async def abort(self, unfinished: Unfinished) -> None:
        await self._store.abort(Begun(key=self._options.prefix + unfinished.ref, multipart=unfinished.token))

    async def discard(self, ref: str, memory: str) -> None:
        multipart = parse_memory(memory).multipart
        if multipart is not None:
            await self._store.abort(Begun(key=self._store.key(ref), multipart=multipart))

    async def remove_empty_folders(self) -> None:
        pass

    async def ensure_room(self, wanted: int) -> None:
        if wanted > self._options.profile.most_object:
            raise StorageFull(f"an object has at most {self._options.profile.most_object} bytes")

    def adopt_dirty(self, written: Sequence[Synced]) -> None:
        """What the store confirmed is on its media."""

    async def sync_dirty(self) -> Sequence[Synced]:
        return ()

    def unsyncable(self) -> Sequence[str]:
        return ()


def _config(options: Options) -> AioConfig:
    return AioConfig(
        signature_version="s3v4",
        # Ours: see retries.py.
        retries={"total_max_attempts": 1},
        s3={"addressing_style": "path" if options.profile.path_style else "auto"},
        # The digests are ours too, and several stores refuse those that botocore adds.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        connect_timeout=options.timeout,
        # Completing tens of thousands of megabytes takes a store its time.
        read_timeout=4 * options.timeout,
        max_pool_connections=options.concurrent_parts + 8,
        tcp_keepalive=True,
    )
