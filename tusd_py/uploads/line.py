"""The line of one upload, while one request writes.

The order is the promise: write, make durable, move the line by compare-and-set, and only then may anybody
be told. Belongs here: that order. Not here: where bytes come from (receive.py), what clients hear.
"""

import time
from collections.abc import Callable

from protocol.upload import Upload
from storage_backends.base import Block, Checkpoint, LendsThread, T, WriteNow, Writer
from tusd_py.leases import Lease
from tusd_py.metadata.database import OutcomeUnknown
from tusd_py.metadata.writing import Advance

from .callbacks import ask_to_finish
from .contents import Head, Judged
from .context import Context
from .ledger import Overtaken
from .unnamed import give_back

OnCommit = Callable[[Upload], None]
"""Hears of an upload as it was committed while its body still comes, so that its client can be told."""


class Line:
    """Moves the line of the upload of `lease`, whose row it keeps up to date."""

    def __init__(
        self,
        context: Context,
        lease: Lease,
        writer: Writer,
        *,
        actor: str,
        declared: int | None,
        complete: bool | None = None,
        head: Head | None = None,
        on_commit: OnCommit | None = None,
    ) -> None:
        """`declared` is the length that the request gives to a deferred upload; it counts once committed.

        `complete` is what the request says of the upload's end (see `Creation`). `head` is fed with what is
        written, and judges it before it is committed. `on_commit` hears of commits in the middle of a body.
        """
        self._context = context
        self._lease = lease
        self._writer = writer
        self._actor = actor
        self._declared = declared
        self._complete = complete
        self._head = head
        self._on_commit = on_commit
        self._proven = False

    @property
    def upload(self) -> Upload:
        """As last committed."""
        return self._lease.upload

    @property
    def written(self) -> int:
        """The offset behind the last written byte; what lies between it and the line is not safe yet."""
        return self._writer.offset

    @property
    def length(self) -> int | None:
        return self.upload.length if self.upload.length is not None else self._declared

    def stays_open(self) -> None:
        """The body broke off, and its end was to be that of the upload, however many bytes came."""
        self._complete = False

    def note_proof(self) -> None:
        """What was written is the whole upload, as its client described it: nobody need read it for that."""
        self._proven = True

    @property
    def is_all(self) -> bool:
        """The upload ends with what was written."""
        return self.written == self.length and self._complete is not False

    def ends_here(self) -> bool:
        """The upload is what was written; False where another length was agreed on."""
        if self.length is None:
            self._declared = self.written
        return self.written == self.length

    async def write(self, block: Block) -> None:
        """Raises StorageFull, StorageBroken."""
        before = self._writer.offset
        try:
            await self._writer.write(block)
        finally:
            self._context.meter.received(self._writer.offset - before)

    @property
    def thread(self) -> LendsThread | None:
        """The writer's own, where it lends it; to be used through `pour`."""
        return self._writer if isinstance(self._writer, LendsThread) else None

    async def pour(self, thread: LendsThread, operation: Callable[[WriteNow, int], T], most: int) -> T:
        """What `operation` returned after it wrote in that thread. Raises StorageFull, StorageBroken."""
        before = self._writer.offset
        try:
            return await thread.run(operation, most)
        finally:
            self._context.meter.received(self._writer.offset - before)

    async def advance(self) -> None:
        """Make what was written safe, in the middle of a body; as much of it as is cheap.

        Raises TypeRefused, and like `finish` QuotaExceeded.
        """
        began = time.monotonic()
        checkpoint = await self._writer.progress()
        if checkpoint.offset == self.upload.offset and checkpoint.memory is None:
            return
        await self._commit(checkpoint, release=False)
        self._context.meter.committed(time.monotonic() - began)
        if self._on_commit is not None:
            self._on_commit(self.upload)

    async def finish(self) -> None:
        """Make what was written safe, and let go of file and lease."""
        began = time.monotonic()
        checkpoint = await self._writer.checkpoint()
        is_complete = checkpoint.offset == self.length and self._complete is not False
        if is_complete:
            upload = self.upload
            await ask_to_finish(self._context.callbacks, upload, ref=upload.ref, length=checkpoint.offset)
        # The file is given back before the lease: whoever writes next may open it at once.
        await self._writer.close(checkpoint.offset)
        # An empty upload is complete without a byte.
        if is_complete or checkpoint.offset > self.upload.offset or self._declared is not None:
            await self._commit(checkpoint, release=True)
        self._context.meter.committed(time.monotonic() - began)

    async def drop(self) -> None:
        """Let go of the file and of everything behind the line."""
        await self._writer.close(self.upload.offset)

    async def _commit(self, checkpoint: Checkpoint, *, release: bool) -> None:
        # Before anybody can be told of these bytes.
        judged = await self._head.judged(checkpoint.offset, self.length) if self._head else Judged()
        advance = Advance(
            upload=self.upload,
            offset=checkpoint.offset,
            synced=checkpoint.synced,
            length=self._declared,
            parts=checkpoint.parts,
            dropped=checkpoint.dropped,
            memory=checkpoint.memory,
            release=release,
            more=self._complete is False,
            sniffed=judged.sniffed,
            head=judged.head,
            proven=self._proven,
        )
        self._lease.upload = await move(self._context, advance, actor=self._actor)
        # Only now: until the line moved, these were where its bytes are.
        for part in checkpoint.dropped:
            await give_back(self._context.backend, part.ref)


async def move(context: Context, advance: Advance, *, actor: str) -> Upload:
    """Move the line; the upload as committed. Raises Overtaken, and nobody may be told anything then."""
    try:
        moved = await context.rows.advance(advance, actor=actor)
    except OutcomeUnknown:
        moved = await _look_again(context, advance, actor)
    if moved is None:
        context.meter.fenced()
        raise Overtaken
    return moved


async def _look_again(context: Context, advance: Advance, actor: str) -> Upload | None:
    """The connection died in COMMIT: the row says whether it happened; if not, it is tried once more."""
    seen = await context.rows.find(advance.upload.id)
    if seen is None or seen.upload.epoch != advance.upload.epoch:
        return None
    if seen.upload.offset == advance.offset != advance.upload.offset:
        return seen.upload
    return await context.rows.advance(advance, actor=actor)
