"""Uploads: the truth about where each line is.

Every change is one compare-and-set on the epoch (and, where bytes are acknowledged, on the old offset),
and it also asks that this worker has not been buried. A change that returns None changed nothing: its
caller was overtaken, must say nothing about offsets, and must drop its bytes.

Belongs here: what the rest of the house calls. Not here: the statements (creating.py, writing.py,
ending.py), who waits for whom (leases.py), sweeping (housekeeping.py).
"""

from collections.abc import Sequence

from protocol.upload import Step, Upload, UploadId
from storage_backends.base import Segment, Stored

from . import creating, ending, plans, writing
from .database import Database, Query, Row
from .fresh import FreshUploads
from .kept import KeptRows
from .upload_row import Author, NewUpload, Seen, overtaken, to_upload
from .usage import UsageRows
from .writing import Advance

_REMEMBERED = 10_000
"""Owners of whom it is known that everything of theirs is charged."""

_SEGMENTS = """
    SELECT u.ref AS last_ref, u.ref_offset AS last_offset, u."offset" - u.ref_offset AS last_length,
           p.ref, p."offset", p.length
    FROM uploads u LEFT JOIN parts p ON p.upload_id = u.id AND p.state = 'segment'
    WHERE u.id = :id
    ORDER BY p."offset"
"""


class UploadRows:
    """The rows, as one worker changes them."""

    def __init__(self, database: Database, author: Author, *, segmented: bool = True) -> None:
        """`segmented` says whether a take-over by force begins a new segment: not on an object store."""
        self._database = database
        self.author = author
        self._segmented = segmented
        self._usage = UsageRows(database)
        self._adopted: set[tuple[str, str]] = set()
        self.kept = KeptRows(database, author)
        self._fresh = FreshUploads()

    async def find(self, upload_id: UploadId) -> Seen | None:
        """The row as committed now."""
        rows = await self._database.read(
            Query("SELECT *, {now} AS seen_at FROM uploads WHERE id = :id", {"id": upload_id})
        )
        return Seen(upload=to_upload(rows[0]), now=rows[0]["seen_at"]) if rows else None

    async def segments(self, upload_id: UploadId) -> list[Segment]:
        """Where the bytes below the line are, in order, as of one moment; [] for no such upload."""
        rows = await self._database.read(Query(_SEGMENTS, {"id": upload_id}))
        closed = [
            Segment(ref=row["ref"], offset=row["offset"], length=row["length"])
            for row in rows
            if row["ref"] is not None
        ]
        return [*closed, *(_last_segment(row) for row in rows[-1:])]

    async def create(self, new: NewUpload, *, actor: str) -> Upload:
        """Insert an upload without bytes. Raises QuotaExceeded, TooManyOpen."""
        await self._adopt(new)
        upload = await self._database.transact(
            lambda: creating.create(self.author, new, actor), in_step=self.author.quota_of is None
        )
        self._fresh.add(upload)
        return upload

    def take_fresh(self, upload_id: UploadId) -> Upload | None:
        """The row as this worker inserted it a moment ago: for one `store_whole`, which finds out if it is
        still that. None for all others, and when asked again.
        """
        return self._fresh.take(upload_id)

    async def create_whole(self, new: NewUpload, stored: Stored, *, synced: bool, actor: str) -> Upload:
        """Insert an upload together with all its bytes, which are durable: one commit for everything.

        Raises QuotaExceeded.
        """
        await self._adopt(new)
        return await self._database.transact(
            lambda: creating.create_whole(self.author, new, stored, synced=synced, actor=actor),
            in_step=creating.reads_nothing(self.author, new),
        )

    async def create_final(
        self, new: NewUpload, partials: Sequence[UploadId], *, limit: int, actor: str
    ) -> Upload:
        """Insert a final upload, which pins its partials until it is stored.

        Raises UploadNotFound, UploadGone, InvalidConcat, MaxSizeExceeded above `limit` bytes (0 is none),
        QuotaExceeded, TooManyOpen.
        """
        await self._adopt(new)
        return await self._database.transact(
            lambda: creating.create_final(self.author, new, partials, limit=limit, actor=actor)
        )

    async def _adopt(self, new: NewUpload) -> None:
        """Once for each owner: what they have from before there was a quota counts too."""
        who = (new.tenant, new.owner)
        if self.author.quota_of is None or who in self._adopted:
            return
        await self._usage.adopt(*who)
        if len(self._adopted) >= _REMEMBERED:
            self._adopted.clear()
        self._adopted.add(who)

    async def plan(self, final_id: UploadId) -> list[UploadId]:
        """The partials of a final upload in order; [] once it is stored."""
        rows = await self._database.read(Query(plans.PLAN, {"id": final_id}))
        return [UploadId(row["partial_id"]) for row in rows]

    async def planned_length(self, final_id: UploadId) -> int | None:
        """What a final upload will have; None while the length of a partial is not known."""
        rows = await self._database.read(Query(plans.PROGRESS, {"id": final_id}))
        return plans.planned_length(rows[0])

    async def store_whole(self, seen: Upload, stored: Stored, *, synced: bool, actor: str) -> Upload | None:
        """The short cut: an upload nobody began and nobody holds gets all its bytes in one commit.

        None when somebody else did something first, or its date passed. Raises QuotaExceeded where it has no
        length yet, and its owner no room.
        """
        return await self._database.transact(
            lambda: creating.store_whole(self.author, seen, stored, synced=synced, actor=actor),
            in_step=creating.reads_nothing(self.author, seen),
        )

    async def acquire(self, upload_id: UploadId, *, dead: str | None = None) -> Upload | None:
        """Become the writer, where nobody is, or where `dead` is and its death is proven.

        The same file goes on. None when somebody else holds it, or it is not open any more. Raises Buried:
        to a caller that tries until it succeeds, None would be no answer.
        """
        rows = await self._database.execute(writing.acquire(self.author, upload_id, dead))
        if rows:
            return to_upload(rows[0])
        await self._database.transact(lambda: overtaken(self.author))
        return None

    async def seize(self, seen: Upload) -> Upload | None:
        """Become the writer by force, where the present one may be alive but does not answer.

        In files a new segment begins, so that whatever the old writer still does goes into a dead one. None
        when the row moved since `seen`.
        """
        return await self._database.transact(
            lambda: writing.seize(self.author, seen, segmented=self._segmented)
        )

    async def advance(self, advance: Advance, *, actor: str) -> Upload | None:
        """Move the line. The bytes below `advance.offset` must be durable before this is called.

        None when overtaken. Raises QuotaExceeded where the upload has no length yet, and its owner no room.
        """
        return await self._database.transact(lambda: writing.advance(self.author, advance, actor))

    async def release(self, upload: Upload) -> None:
        """Let go of the lease, where nothing else is to be committed. Harmless when overtaken."""
        await self._database.execute(writing.release(self.author, upload))

    async def ask(self, seen: Upload, *, within: int) -> Seen | None:
        """Ask whoever writes, as of `seen`, to let go; for writers that no hint reaches.

        By `releasing_until` of the answer, at first `within` microseconds from now, it lets go, or puts that
        off, or may be overtaken by force. None when it has let go. Repeat it to see what became of it.
        """
        rows = await self._database.execute(writing.ask(seen, within))
        return Seen(upload=to_upload(rows[0]), now=rows[0]["seen_at"]) if rows else None

    async def answer(self, *, within: int) -> list[Upload]:
        """The other side of `ask`: what this worker is asked to let go, put off by `within` microseconds."""
        rows = await self._database.execute(writing.answer(self.author, within))
        return [to_upload(row) for row in rows]

    async def store(
        self, upload: Upload, stored: Stored, *, scan_after: int = 0, actor: str
    ) -> Upload | None:
        """The finish job's commit: the sealed object counts. None if the upload ended otherwise.

        Its scan is due in `scan_after` microseconds. Raises QuotaExceeded for a final upload whose partials
        do not pay for it.
        """
        return await self._database.transact(
            lambda: ending.store(self.author, upload, stored, scan_after=scan_after, actor=actor)
        )

    async def end(
        self,
        upload_id: UploadId,
        step: Step,
        *,
        actor: str,
        seen: Upload | None = None,
        only_due: bool = False,
    ) -> Upload | None:
        """End an upload by `step`, and fence whoever writes to it; the row as it was before.

        With `seen`, only if neither its writer nor its state changed since; with `only_due`, only if its date
        passed. None when the step is not legal (any more) or the row is not there.
        """
        return await self._database.transact(
            lambda: ending.end(self.author, upload_id, step, actor=actor, seen=seen, only_due=only_due)
        )


def _last_segment(row: Row) -> Segment:
    """The one that the next writer goes on in."""
    return Segment(ref=row["last_ref"], offset=row["last_offset"], length=row["last_length"])
