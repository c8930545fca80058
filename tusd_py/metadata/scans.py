"""What scanners said of versions, and what operators decided about it.

Belongs here: verdicts, the quarantine, and who is to be scanned. Not here: scanning (scanning/), the queue
(jobs.py), who may read (access/).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import LiteralString

from protocol.upload import Step, UploadId, Verdict

from .database import Database, Query, Script
from .ending import end
from .events import EventKind, record
from .files import VERSIONS, Version, remove_version, to_version
from .jobs import NEVER, RESCAN, SCAN, Claim, enqueue, enqueue_once, failed, finished
from .upload_row import ALIVE_AND_LOCKED, FOREVER, Author, overtaken

SYSTEM = "system"
"""The actor of what nobody asked for."""

# A release is a decision about one finding: it ends with another one. What another scan said since this one
# began stays: it may have had newer signatures.
_SETTLE = (
    """
    UPDATE versions
    SET verdict = :verdict, finding = CAST(:finding AS TEXT), engine = :engine, identity = :identity,
        sha256 = coalesce(sha256, CAST(:sha256 AS TEXT)),
        sniffed_type = coalesce(sniffed_type, CAST(:sniffed AS TEXT)), scanned_at = {now},
        released_by = CASE WHEN verdict = :verdict
                            AND coalesce(finding, '') = coalesce(CAST(:finding AS TEXT), '')
                           THEN released_by ELSE NULL END
    WHERE upload_id = :id AND ref = :ref AND identity = :seen
      AND coalesce(scanned_at, -1) = coalesce(CAST(:scanned_before AS BIGINT), -1)
      AND """
    + ALIVE_AND_LOCKED
    + """
    RETURNING released_by
    """
)
# The other consumer's job, if it was given up: there is a verdict now.
_DROP_GIVEN_UP = """
    DELETE FROM jobs
    WHERE subject = :id AND consumer IN ('scan', 'rescan') AND consumer <> :consumer AND due_at >= :never
"""
_IS_THERE = "SELECT 1 AS found FROM versions WHERE upload_id = :id AND ref = :ref"
_RELEASE = """
    UPDATE versions SET released_by = :actor
    WHERE upload_id = :id AND verdict IN ('infected', 'unscannable') AND released_by IS NULL
      AND verdict = :verdict AND coalesce(finding, '') = coalesce(CAST(:finding AS TEXT), '')
    RETURNING file_id
"""
_UNSCANNED = """
    SELECT created_at, upload_id,
           EXISTS (SELECT 1 FROM jobs j
                   WHERE j.subject = v.upload_id AND j.consumer IN ('scan', 'rescan')) AS is_queued
    FROM versions v
    WHERE verdict = 'unknown' AND lost = 0 AND (created_at, upload_id) > (:at, :id)
    ORDER BY created_at, upload_id LIMIT CAST(:limit AS BIGINT)
"""
_IN_QUARANTINE = """
    SELECT 1 AS found FROM versions
    WHERE upload_id = :id AND verdict IN ('infected', 'unscannable')
      AND verdict = :verdict AND coalesce(finding, '') = coalesce(CAST(:finding AS TEXT), '')
    {for_update}
"""


class Which(StrEnum):
    """Versions that an operator may ask for by what they are."""

    ALL = "all"
    QUARANTINED = "quarantined"
    FAILED = "failed"


_WHICH: dict[Which, LiteralString] = {
    Which.ALL: "v.lost = 0",
    Which.QUARANTINED: "v.verdict IN ('infected', 'unscannable')",
    Which.FAILED: """EXISTS (SELECT 1 FROM jobs j WHERE j.subject = v.upload_id
                             AND j.consumer IN ('scan', 'rescan') AND j.last_error IS NOT NULL)""",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one scan said of a version."""

    verdict: Verdict
    name: str | None
    """Of what was found, or why it could not be scanned."""
    engine: str
    """The scanner and its signatures, as of before the scan."""
    sha256: str | None
    """Of all that was scanned; None when that was not everything, or not what was uploaded."""
    identity: str
    """Of the bytes that the verdict is about."""
    head: bytes = b""
    """The first of them, where all were sent to the scanner."""
    sniffed: str | None = None
    """What they look like, where somebody looked."""


class Outcome(StrEnum):
    """What a verdict means for the version."""

    SERVE = "serve"
    QUARANTINE = "quarantine"
    DELETE = "delete"


class Settled(StrEnum):
    """What became of a verdict."""

    RECORDED = "recorded"
    DELETED = "deleted"
    """It was recorded, and the version removed by the same commit; its bytes have no name any more."""
    AGAIN = "again"
    """The claim was lost, or a scan was asked for, or settled, meanwhile: nothing was recorded."""
    GONE = "gone"
    """The version is not there any more."""


class ScanRows:
    """Verdicts, as one worker or an operator's command records them."""

    def __init__(self, database: Database, author: Author) -> None:
        self._database = database
        self._author = author

    async def settle(self, claim: Claim, version: Version, finding: Finding, outcome: Outcome) -> Settled:
        """The verdict, its event, what it means and the end of the job, in one commit. Raises Buried.

        A version that was released is neither quarantined nor deleted for what it was released with.
        """
        return await self._database.transact(lambda: self._settle(claim, version, finding, outcome))

    def _settle(self, claim: Claim, version: Version, finding: Finding, outcome: Outcome) -> Script[Settled]:
        # Before the version, in the order in which ending an upload locks them.
        yield Query("SELECT id FROM uploads WHERE id = :id {for_update}", {"id": version.upload_id})
        if not (yield from finished(claim)):
            return Settled.AGAIN
        rows = yield self._recorded(version, finding)
        if not rows:
            yield from overtaken(self._author)
            return (yield from self._not_recorded(claim, version))
        yield Query(_DROP_GIVEN_UP, {"id": version.upload_id, "consumer": claim.consumer, "never": NEVER})
        facts = _facts(version, finding.verdict, finding.name)
        more = {"engine": finding.engine, "sha256": finding.sha256}
        yield record(EventKind.SCANNED, version.upload_id, SYSTEM, version, **facts, **more)
        if outcome is Outcome.SERVE or rows[0]["released_by"] is not None:
            return Settled.RECORDED
        if outcome is Outcome.DELETE:
            yield from self._deleted(version, SYSTEM, finding.verdict, finding.name)
            return Settled.DELETED
        if version.verdict is not finding.verdict:
            yield record(EventKind.QUARANTINED, version.upload_id, SYSTEM, version, **facts)
        return Settled.RECORDED

    def _not_recorded(self, claim: Claim, version: Version) -> Script[Settled]:
        if not (yield Query(_IS_THERE, {"id": version.upload_id, "ref": version.ref})):
            return Settled.GONE
        yield enqueue(claim.consumer, claim.subject, 0)
        return Settled.AGAIN

    def _recorded(self, version: Version, finding: Finding) -> Query:
        return Query(
            _SETTLE,
            {
                "id": version.upload_id,
                "ref": version.ref,
                "seen": version.identity,
                "scanned_before": version.scanned_at,
                "verdict": finding.verdict,
                "finding": finding.name,
                "engine": finding.engine,
                "sha256": finding.sha256,
                "sniffed": finding.sniffed,
                "identity": finding.identity,
                "worker": self._author.worker,
            },
        )

    async def give_up(self, claim: Claim, error: str) -> bool:
        """No more tries until somebody asks for them: the version stays as it is. False for a lost claim."""

        def script() -> Script[bool]:
            if not (yield failed(claim, error, FOREVER)):
                return False
            rows = yield Query(VERSIONS + " WHERE v.upload_id = :id", {"id": claim.subject})
            if rows:
                facts: dict[str, str | int | None] = {"attempts": claim.attempts, "error": error}
                yield record(EventKind.SCAN_FAILED, claim.subject, SYSTEM, to_version(rows[0]), **facts)
            return True

        return await self._database.transact(script)

    async def ask(self, version: Version) -> None:
        """Have it scanned soon, once more if need be."""
        await self._database.execute(enqueue(SCAN, version.upload_id, 0))

    async def ask_once(self, version: Version) -> None:
        """Have it scanned, unless that was asked for: however many readers want it, the scan goes on."""
        await self._database.execute(enqueue_once(SCAN, version.upload_id))

    async def queue_unscanned(self, after: tuple[int, str], limit: int) -> tuple[tuple[int, str], int] | None:
        """Queue those of the next `limit` versions that no scanner has seen, and nobody queued.

        In the order of (created_at, upload_id); the last one and how many were queued, None at the end.
        """
        at, last = after
        rows = await self._database.read(Query(_UNSCANNED, {"at": at, "id": last, "limit": limit}))
        news = [row["upload_id"] for row in rows if not row["is_queued"]]
        await self._queue(news)
        return ((rows[-1]["created_at"], rows[-1]["upload_id"]), len(news)) if rows else None

    async def queue_older(self, engine: str, after: tuple[str, int], limit: int) -> tuple[str, int] | None:
        """Queue those of the next `limit` versions behind `after` that another engine scanned.

        In the order of (file_id, n); the last that was looked at, None at the end.
        """
        page = await self._page("1 = 1", after, limit)
        older = [one for one in page if one.verdict is not Verdict.UNKNOWN and one.engine != engine]
        await self._queue([one.upload_id for one in older])
        return (page[-1].file_id, page[-1].n) if page else None

    async def queue(
        self, which: Which, after: tuple[str, int], limit: int
    ) -> tuple[tuple[str, int], int] | None:
        """Queue the next `limit` versions of a kind; the last one and how many, None at the end."""
        page = await self._page(_WHICH[which], after, limit)
        await self._queue([one.upload_id for one in page])
        return ((page[-1].file_id, page[-1].n), len(page)) if page else None

    async def _queue(self, upload_ids: list[str]) -> None:
        def script() -> Script[None]:
            for upload_id in upload_ids:
                yield enqueue(RESCAN, upload_id, 0)

        if upload_ids:
            await self._database.transact(script)

    async def quarantined(
        self, after: tuple[str, int], limit: int, *, tenant: str | None = None
    ) -> list[Version]:
        """Versions found infected or unscannable, released ones too, in the order of (file_id, n).

        Of one tenant, or of all where it is None.
        """
        which = _WHICH[Which.QUARANTINED]
        if tenant is None:
            return await self._page(which, after, limit)
        return await self._page(f"{which} AND f.tenant = :tenant", after, limit, tenant=tenant)

    async def _page(
        self, which: LiteralString, after: tuple[str, int], limit: int, **more: str
    ) -> list[Version]:
        file_id, n = after
        rows = await self._database.read(
            Query(
                VERSIONS
                + f"""
                WHERE (v.file_id > :file_id OR (v.file_id = :file_id AND v.n > :n)) AND {which}
                ORDER BY v.file_id, v.n LIMIT :limit
                """,
                {"file_id": file_id, "n": n, "limit": limit, **more},
            )
        )
        return [to_version(row) for row in rows]

    async def release(self, version: Version, *, actor: str) -> bool:
        """Serve it in spite of its verdict. False when it is not in quarantine for that (any more)."""

        def script() -> Script[bool]:
            rows = yield Query(_RELEASE, {**_seen(version), "actor": actor})
            if rows:
                facts = _facts(version, version.verdict, version.finding)
                yield record(EventKind.RELEASED, version.upload_id, actor, version, **facts)
            return bool(rows)

        return await self._database.transact(script)

    async def delete(self, version: Version, *, actor: str) -> bool:
        """Remove it for good. False when it is not in quarantine for its finding (any more).

        Nothing names its bytes afterwards: delete them, or leave them to the sweep.
        """

        def script() -> Script[bool]:
            if not (yield Query(_IN_QUARANTINE, _seen(version))):
                return False
            yield from self._deleted(version, actor, version.verdict, version.finding)
            return True

        return await self._database.transact(script)

    def _deleted(self, version: Version, actor: str, verdict: Verdict, finding: str | None) -> Script[None]:
        upload_id = UploadId(version.upload_id)
        ended = yield from end(
            self._author, upload_id, Step.TERMINATE, actor=actor, seen=None, only_due=False
        )
        if ended is None:
            # The row of the upload was forgotten long ago.
            yield from remove_version(version.upload_id)
        facts = _facts(version, verdict, finding)
        yield record(EventKind.DELETED, version.upload_id, actor, version, **facts)


def _seen(version: Version) -> dict[str, str | None]:
    """What was decided about."""
    return {"id": version.upload_id, "verdict": version.verdict, "finding": version.finding}


def _facts(version: Version, verdict: Verdict, finding: str | None) -> dict[str, str | int | None]:
    """What events about a version say of it."""
    return {"file_id": version.file_id, "version": version.n, "verdict": verdict, "finding": finding}
