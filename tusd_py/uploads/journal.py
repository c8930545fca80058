"""The journal of downloads: events, written together a moment later, so that no download waits for a commit.

What is still here when the process is killed is lost; what a limited link gives out is counted before it is
given, elsewhere (metadata/links.py). Where the database is away for long, the journal forgets its oldest
lines and says how many.

Belongs here: what is noted of a download, and when it is written. Not here: rows.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from tusd_py.log import get_logger
from tusd_py.metadata import links
from tusd_py.metadata.database import Database, Query, Script
from tusd_py.metadata.events import EventKind, record
from tusd_py.metadata.files import Version
from tusd_py.metadata.links import Use

log = get_logger("tusd_py.downloads")

MOST_WAITING = 20_000
"""Lines in memory, while the database is away."""
AT_ONCE = 500
"""Lines in one commit, which others' commits wait for."""
SAME_DOWNLOAD = 600.0
"""Seconds for which further ranges of the same file for the same reader are the same download."""
_MOST_KNOWN = 10_000


class Via(StrEnum):
    """How a file was fetched."""

    UPLOAD = "upload"
    """By the URL of its upload."""
    FILE = "file"
    """By its file id."""
    URL = "url"
    """By a signed URL of ours."""
    LINK = "link"
    """By a share link."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A download that starts now."""

    version: Version
    via: Via
    actor: str
    client: str | None
    """The reader's address, where that is to be kept."""
    is_part: bool = False
    """Only a range was asked for."""
    is_sent_away: bool = False
    """The reader got a URL of the store."""


class DownloadMeter(Protocol):
    """What is counted. Calls are cheap and never fail."""

    def download_started(self, via: str) -> None: ...
    def link_used(self) -> None: ...
    def journal_forgot(self, count: int) -> None:
        """Lines that could not be written."""
        ...


class Journal:
    """What one worker has to tell of downloads."""

    def __init__(
        self, database: Database, meter: DownloadMeter, *, clock: Callable[[], float], records: bool
    ) -> None:
        """`clock` is monotonic, in seconds. Without `records` only metrics and uses of links are kept."""
        self._database = database
        self._meter = meter
        self._clock = clock
        self._records = records
        self._waiting: deque[Download | Use] = deque()
        self._known: OrderedDict[tuple[str, str, str | None], float] = OrderedDict()
        self._forgotten = 0

    def downloaded(self, download: Download) -> None:
        """Note it, unless it is a further range of what was noted lately."""
        is_known = self._is_known(download)
        if download.is_part and is_known:
            return
        self._meter.download_started(download.via)
        if self._records:
            self._note(download)

    def used(self, use: Use) -> None:
        """A use of a link without a limit, to be counted."""
        self._meter.link_used()
        self._note(use)

    async def write(self) -> None:
        """Write what is waiting. Raises DatabaseError; then it is still waiting.

        After OutcomeUnknown the next call may write some lines a second time.
        """
        if self._forgotten:
            log.warning("journal.forgot", lines=self._forgotten, why="the database was away for too long")
            self._forgotten = 0
        while self._waiting:
            some = [self._waiting[place] for place in range(min(len(self._waiting), AT_ONCE))]
            await self._database.transact(lambda lines=some: _script(lines))  # type: ignore[misc]  # bound now
            for line in some:
                # Meanwhile the oldest may have been forgotten.
                if self._waiting and self._waiting[0] is line:
                    self._waiting.popleft()

    def _note(self, line: Download | Use) -> None:
        self._waiting.append(line)
        if len(self._waiting) > MOST_WAITING:
            self._waiting.popleft()
            self._forgotten += 1
            self._meter.journal_forgot(1)

    def _is_known(self, download: Download) -> bool:
        now = self._clock()
        key = (download.version.upload_id, download.actor, download.client)
        before = self._known.pop(key, None)
        self._known[key] = now if before is None or now - before >= SAME_DOWNLOAD else before
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)
        return before is not None and now - before < SAME_DOWNLOAD


def _script(lines: list[Download | Use]) -> Script[None]:
    # In one order on every node, or two of them could wait for each other's rows.
    uses = Counter(line.link.id for line in lines if isinstance(line, Use))
    for link_id in sorted(uses):
        yield links.added(link_id, uses[link_id])
    for line in lines:
        yield links.used(line) if isinstance(line, Use) else _event(line)


def _event(download: Download) -> Query:
    version = download.version
    facts: dict[str, str | int | None] = {
        "version": version.n,
        "via": download.via,
        "range": int(download.is_part),
    }
    if download.client is not None:
        facts["client"] = download.client
    if download.is_sent_away:
        facts["sent_away"] = 1
    return record(EventKind.DOWNLOADED, version.upload_id, download.actor, version, **facts)
