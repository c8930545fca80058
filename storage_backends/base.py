"""What every storage backend promises.

Bytes are addressed by `ref` (see `refs.py`) and absolute offset of the upload. The promise behind the
whole house: **when `checkpoint()` returns, every byte below the offset it returns is durable**, in the
sense of the configured durability, its name included. Nothing a backend does moves the line; that is
one compare-and-set in the database, made by the caller after the checkpoint.

Belongs here: the seam and its values. Not here: HTTP, rows, leases, clocks.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar, runtime_checkable

T = TypeVar("T")

Block = bytes | bytearray | memoryview


class Durability(StrEnum):
    """What an acknowledged byte survives."""

    POWER = "power"
    """A power cut: synced before the line moves."""
    PROCESS = "process"
    """kill -9, but not a power cut: a background syncer follows (what other tus servers promise)."""


class StorageError(Exception):
    """The backend could not do what was asked; nothing was promised. `retry` says whether later may help."""

    retry = True


class StorageFull(StorageError):
    """No room. What was written before stays written; the upload can go on when there is room."""


class StorageMissing(StorageError):
    """The named bytes are not there."""

    retry = False


class StorageAway(StorageError):
    """The store does not answer, or refuses for now. The writer may still tell its `progress`."""


class StorageChanged(StorageError):
    """The named bytes are not those that were meant: they have another identity now."""

    retry = False


class StorageBroken(StorageError):
    """A write or sync failed, so what reached the medium is unknown; this writer must not be used again.

    A second sync proves nothing: the kernel reports a failed page once and then calls it clean.
    """


class BadRef(StorageError):
    """A name that bytes may not be kept under. Always a bug of ours, or a tampered row."""

    retry = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A run of an upload's bytes: `length` bytes from upload offset `offset`, found at the start of `ref`."""

    ref: str
    offset: int
    length: int


def total_length(segments: Sequence[Segment], ref: str) -> int:
    """Bytes of the upload, which is about to be finished as `ref`.

    Raises ValueError when the segments leave a hole or overlap, or `ref` is one of several.
    """
    if len(segments) > 1 and any(segment.ref == ref for segment in segments):
        raise ValueError(f"{ref} cannot be assembled from itself")
    offset = 0
    for segment in segments:
        if segment.offset != offset:
            raise ValueError(f"segment {segment.ref} begins at {segment.offset}, wanted {offset}")
        offset += segment.length
    return offset


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A run of an upload's bytes in an object store, as a row keeps it.

    Its row is written by the transaction that moves the line over it. Numbers below zero are tails: what was
    too small for a part, and is an object of its own until a part takes it in.
    """

    part_no: int
    offset: int
    length: int
    ref: str
    etag: str | None = None
    digest: str | None = None

    @property
    def is_tail(self) -> bool:
        return self.part_no < 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Every byte below `offset` is durable. `synced` is False when only the process survives.

    The rest is news since the checkpoint before, for the same commit that moves the line.
    """

    offset: int
    synced: bool
    parts: tuple[Part, ...] = ()
    dropped: tuple[Part, ...] = ()
    """Tails whose bytes are in `parts` now: their rows go in that commit, their objects after it."""
    memory: str | None = None
    """See `Ledger.remember`; None keeps what is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What an object may say of itself."""

    upload_id: str
    filename: str | None = None
    media_type: str | None = None
    """As declared by whoever uploaded it; not to be believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What the rows keep for a backend of one upload, as of one moment."""

    memory: str
    """As last remembered; "{}" at first."""
    parted: int
    """Bytes of the upload that are in parts; its tails follow."""
    tails: tuple[Part, ...]
    """In order."""


class Ledger(Protocol):
    """The rows of one upload, for a backend whose bytes need more than a name. Others ignore it.

    Everything is fenced: a writer that was overtaken learns nothing and changes nothing here. Whatever is
    raised because of that is not a StorageError, and passes through the backend.
    """

    @property
    def about(self) -> About:
        """For the object that the upload becomes."""
        ...

    async def recall(self) -> Kept:
        """As committed now."""
        ...

    async def parts(self) -> Sequence[Part]:
        """Every part and tail as committed now, in order of their offsets."""
        ...

    async def remember(self, memory: str, *, instead_of: str) -> None:
        """Commit what has to be known before it is used: names, numbers. `instead_of` is what was there.

        Nobody else remembers at the same time: a writer holds the lease, and of two that finish only the one
        whose `instead_of` is still true succeeds.
        """
        ...

    def new_ref(self) -> str:
        """A name that nobody used, for an object that no row names yet (see `refs.attempt_ref`)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A finished object: sealed, durable, never opened for writing again."""

    ref: str
    length: int
    identity: str
    """Binds a verdict to these bytes: device, inode, size and change time, or a version id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One name found in the store; for the sweep and fsck."""

    ref: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """Something begun in the store that is no object yet, and has no name in `list`; for the sweep."""

    ref: str
    """What it would become."""
    token: str
    """As it stands in the memory of the upload that it belongs to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """Bytes [start, offset) of the upload, kept in `ref`, have reached the medium, the name included.

    Nothing is said about bytes before `start`: they lie in another segment, perhaps of another process.
    So it may raise a row's synced offset only where the row still names `ref`, has committed `offset`,
    and is synced up to `start` already.
    """

    upload_id: str
    ref: str
    start: int
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectPlan:
    """How an upload is cut whose parts clients send to the store themselves. Sizes in bytes."""

    token: str
    """Of what was begun, as in `Unfinished`."""
    length: int
    part_size: int
    """Of every part but the last."""
    is_proven: bool
    """Each part comes with its SHA-256, to which the store holds it."""

    @property
    def count(self) -> int:
        """Its parts have the numbers from 1 to this one."""
        return -(-self.length // self.part_size)

    def offset_of(self, number: int) -> int:
        """Where the part begins in the upload."""
        return (number - 1) * self.part_size

    def size_of(self, number: int) -> int:
        """What the part has to have."""
        return min(self.part_size, self.length - self.offset_of(number))


@dataclass(frozen=True, slots=True, kw_only=True)
class SentPart:
    """What came under a number. Some stores keep what came before, too."""

    number: int
    size: int
    etag: str
    at: float
    """When, by the store's clock, in seconds since the epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartUrl:
    """To be PUT to, with these headers, by whoever has it."""

    url: str
    headers: Mapping[str, str]


class Writer(Protocol):
    """Appends to one segment of one upload. Used by one task at a time; never shared.

    Never has more than one disk operation under way. After a call was cancelled, the next one waits for
    what still runs; until then `offset` may move.
    """

    @property
    def offset(self) -> int:
        """Where the next byte goes, counted from the start of the upload."""
        ...

    async def write(self, block: Block) -> None:
        """Write `block` at `offset`. The block may be reused once this returns.

        Raises StorageFull with `offset` moved past what still fitted: that much may be checkpointed.
        Raises StorageBroken when it is unknown what was written. Cancelling does not stop the write that
        runs; `close` waits for it, and the block must be left alone until then.
        """
        ...

    async def checkpoint(self) -> Checkpoint:
        """Make everything written so far durable, and the name too the first time.

        Costs nothing when nothing was written since the last one. Its caller commits it before it asks for
        another. Raises StorageBroken after a failed sync, and StorageFull when the disk turned out to be
        full only now; both end this writer. Raises StorageAway, after which `progress` still counts.
        """
        ...

    async def progress(self) -> Checkpoint:
        """A checkpoint in the middle of a body: of as much as is cheap, perhaps nothing new.

        Where everything is as cheap it is `checkpoint`. An object store tells the parts that are there.
        """
        ...

    async def close(self, committed: int) -> None:
        """Wait until no write is running, give back what lies after `committed`, let go. May be called twice.

        `committed` is an offset of the upload. What a checkpoint has covered is never given back, even
        beyond `committed`: a commit whose outcome is unknown may have moved the line there.
        A cancelled call raises CancelledError, but not before all is let go.
        """
        ...


WriteNow = Callable[[Block], None]
"""Appends a block, in the calling thread."""


@runtime_checkable
class LendsMemory(Protocol):
    """A `WriteNow` that saves a copy to whoever reads the bytes from somewhere."""

    def __call__(self, block: Block, /) -> None:
        """See `WriteNow`."""
        ...

    def lend(self, most: int) -> Sequence[memoryview]:
        """Where up to `most` next bytes may be put; nothing where they are to be written."""
        ...

    def landed(self, count: int) -> None:
        """They were put there, the first `count` of what was lent. Raises as writing does."""
        ...


@runtime_checkable
class LendsThread(Protocol):
    """A writer that lets others work in its disk thread, and write there what they have at hand."""

    async def run(self, operation: Callable[[WriteNow, int], T], most: int) -> T:
        """Run `operation(write, room)` as this writer's one disk operation; its result, or what it raised.

        It may write up to `room` bytes, at least one and at most `most`. `write` raises as `Writer.write`
        does. Cancelling does not stop the operation; `close` waits for it.
        """
        ...


class Sending(Protocol):
    """Bytes of one opened file, on their way from the kernel's cache to a socket. For one task at a time."""

    async def send(self, target: int) -> int:
        """Hand what comes next to the non-blocking socket with the descriptor `target`; how many bytes.

        0 when the socket takes none now. Raises StorageError when the file is shorter than it was, and
        ConnectionError when nobody is at the other end.
        """
        ...

    @property
    def left(self) -> int:
        """Bytes still to be sent."""
        ...


@runtime_checkable
class SendsFiles(Protocol):
    """A backend whose bytes are files, which the kernel can send by itself."""

    def sending(
        self, ref: str, start: int, stop: int, *, identity: str | None = None
    ) -> AbstractAsyncContextManager[Sending]:
        """Bytes [start, stop), opened and compared on entering. Raises like `StorageBackend.read`."""
        ...


class StorageBackend(Protocol):
    """Where bytes live. Every method may be called by many tasks at once."""

    name: str
    """As in the config and in metrics: "filesystem", "memory", "s3"."""

    async def open(self) -> None:
        """Get ready. Raises StorageError with a sentence an operator can act on."""
        ...

    async def close(self) -> None:
        """Let go of everything. Writers must be closed before."""
        ...

    async def writer(
        self,
        upload_id: str,
        segment: Segment,
        length: int | None,
        ledger: Ledger,
        *,
        coming: int | None = None,
    ) -> Writer:
        """Open `segment.ref` to go on at `segment.offset + segment.length`, making it if it is not there.

        Rubbish after that point is overwritten. `length` is the upload's; None while it is deferred. `coming`
        is how many bytes this writer will be given, for preallocation; None where nobody knows. Raises
        StorageMissing if the segment has committed bytes but its file lacks them, StorageFull, and
        StorageError for a sealed file.
        """
        ...

    async def put(self, about: About, ref: str, content: Sequence[Block], *, sealed: bool) -> Stored:
        """Write a small body whole under a new name, durable when this returns; `sealed` as by `finish`.

        Nothing stays behind when it fails. Raises StorageFull, and StorageError when the name is taken:
        a fresh attempt under a fresh name is the caller's.
        """
        ...

    async def finish(self, segments: Sequence[Segment], ref: str, ledger: Ledger) -> Stored:
        """Make one sealed object of the segments; idempotent, may be called again after a crash.

        One segment is sealed where it is (`Stored.ref` is its own ref); several are assembled under `ref`,
        and stay until `delete`. Empty segments count: a second segment says that a writer was given up
        without an answer, and that one may still hold the first file open, so the bytes move.
        `ref` is one that no other process assembles (`refs.attempt_ref`).
        What is assembled survives a power cut with every durability, as its segments go next.
        Raises StorageMissing when bytes below the line are not there, StorageFull, StorageBroken.
        """
        ...

    async def assemble(self, segments: Sequence[Segment], ref: str, about: About) -> Stored:
        """Copy finished segments one after the other into a new sealed object, which is durable in any case.

        They may be of several uploads, or the same one twice, and stay. Idempotent. Raises like `finish`.
        """
        ...

    def read(
        self, ref: str, start: int, stop: int, *, identity: str | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Bytes [start, stop). Raises StorageMissing; ends early only by raising StorageError.

        With `identity`, of those very bytes (`Stored.identity`), compared with what was opened: raises
        StorageChanged before the first block when others lie there.

        Close it (`contextlib.aclosing`) when you may stop before the end.
        """
        ...

    async def stat(self, ref: str) -> Stored:
        """What is there now. Raises StorageMissing."""
        ...

    async def delete(self, refs: Sequence[str]) -> None:
        """Remove names, durably; those that are not there are no error."""
        ...

    def list(self) -> AsyncGenerator[Listed, None]:
        """Every name in the store. Names made or removed meanwhile may or may not appear.

        Names that no ref can spell are left out. Close it when you may stop before the end.
        """
        ...

    async def remove_empty_folders(self) -> None:
        """Tidy up after deletes; only the sweep calls it. No-op where there are no folders."""
        ...

    async def ensure_room(self, wanted: int) -> None:
        """Raise StorageFull when `wanted` more bytes would go below the free-space floor."""
        ...

    def adopt_dirty(self, written: Sequence[Synced]) -> None:
        """Have `sync_dirty` also sync what another process wrote and did not live to sync."""
        ...

    async def sync_dirty(self) -> Sequence[Synced]:
        """With durability "process": sync what was written since the last call; otherwise nothing.

        Each fact is told by two calls in a row, because the commit that moves the line there may still be
        on its way at the first. Raises StorageBroken after all the others were synced (the next call
        tells them); bytes whose sync failed are never reported, so their rows stay dirty.
        """
        ...

    def unsyncable(self) -> Sequence[str]:
        """Ids of uploads with bytes whose sync failed here, all of them each time.

        The system tells of a failure once: a later sync by another process would seem to succeed.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """Something about a store that an operator should know."""

    what: str
    fix: str
    is_advice: bool = False
    """Nothing is lost by it."""


@runtime_checkable
class OnDisk(Protocol):
    """What a backend offers besides `StorageBackend` when its bytes are on a disk that can become full."""

    async def free(self) -> int:
        """How many bytes are free now. Raises StorageError."""
        ...


@runtime_checkable
class ObjectStore(Protocol):
    """What a backend offers besides `StorageBackend` when its bytes are parts and objects, not files.

    A take-over by force needs no new segment there: a writer that wakes can only write under numbers and
    names that no row will ever name.
    """

    async def claim(self, identity: str) -> str:
        """Bind the store to the installation with this identity, where nothing else does; whose it is now.

        The bytes of another one would be rubbish to our sweep. Raises StorageError.
        """
        ...

    async def owner(self) -> str | None:
        """Whose it is, which `claim` said once; None where nobody did. Raises StorageError."""
        ...

    async def answers(self) -> None:
        """Raises StorageError when it does not; for health checks."""
        ...

    async def doubts(self, longest: float | None) -> Sequence[Doubt]:
        """What the store would do to our bytes by itself. `longest` is how many seconds an upload may take;
        None is without a limit. Raises StorageError, also where we may not know."""
        ...

    async def missing(self, segments: Sequence[Segment], ledger: Ledger) -> str | None:
        """Which bytes of an unfinished upload are not there, in a sentence for fsck; None when all are."""
        ...

    async def discard(self, ref: str, memory: str) -> None:
        """Give up what an upload keeps besides names: something begun, as its memory tells. Idempotent."""
        ...

    def unfinished(self) -> AsyncGenerator[Unfinished, None]:
        """Everything begun, below our own names only. Close it when you may stop before the end."""
        ...

    async def abort(self, unfinished: Unfinished) -> None:
        """Give it up. Idempotent."""
        ...

    async def link(self, stored: Stored, about: About, expiry: int) -> str:
        """A URL that gives the bytes to whoever has it, for `expiry` seconds."""
        ...


@runtime_checkable
class DirectStore(Protocol):
    """What a backend offers besides `StorageBackend` whose store takes parts from clients, by signed URLs.

    Nothing of that moves the line: what came is asked for (`parts_sent`) and committed all at once, and
    `finish` takes exactly what was committed, or raises StorageChanged.
    """

    def proves_parts(self) -> bool:
        """The store can hold each part to its SHA-256."""
        ...

    async def begin_direct(self, ref: str, length: int, ledger: Ledger, *, proven: bool) -> DirectPlan:
        """Begin the object `ref`, and remember it. The caller holds the upload, and `length` is above 0.

        Raises StorageError, and what the ledger raises; nothing stays behind then but for the sweep.
        """
        ...

    async def direct_plan(self, length: int, ledger: Ledger) -> DirectPlan:
        """As it was begun. Raises StorageMissing where it was not."""
        ...

    async def part_url(
        self, ref: str, plan: DirectPlan, number: int, *, digest: str | None, expiry: int
    ) -> PartUrl:
        """Good for this number, with exactly its bytes' count, for `expiry` seconds.

        `digest` is the SHA-256 in base64, of a plan that is proven.
        """
        ...

    async def parts_sent(self, ref: str, plan: DirectPlan) -> Sequence[SentPart]:
        """In the order of their numbers. Raises StorageMissing when what was begun is gone."""
        ...

    async def loophole(self) -> str | None:
        """What whoever has a URL can do with it that it is not made for, in a clause; None where nothing.

        Tries it, and takes it back. Raises StorageError, also where the store takes no URL at all.
        """
        ...
