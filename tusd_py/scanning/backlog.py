"""What is to be scanned besides what was just stored: older files, and all of them after new signatures.

Belongs here: when to queue them. Not here: which they are (metadata/scans.py).
"""

from collections.abc import Callable

from tusd_py.log import get_logger
from tusd_py.metadata.scans import ScanRows

from .prover import Prover

log = get_logger("tusd_py.scanning")

BATCH = 500
"""Versions queued by one commit, which clients' commits wait for."""


class Backlog:
    """Queues it, in the background."""

    def __init__(
        self, scans: ScanRows, prover: Prover, *, kick: Callable[[], None], rescans_updates: bool
    ) -> None:
        self._scans = scans
        self._prover = prover
        self._kick = kick
        self._rescans_updates = rescans_updates
        self._queued_for: str | None = None
        """The engine for which everything older was queued."""

    async def queue(self) -> int:
        """One look; how many unscanned versions were queued."""
        found = await self._queue_unscanned()
        proof = self._prover.proof
        if self._rescans_updates and proof is not None and proof.engine != self._queued_for:
            await self._queue_older(proof.engine)
        return found

    async def _queue_unscanned(self) -> int:
        found, after = 0, (0, "")
        while page := await self._scans.queue_unscanned(after, BATCH):
            after, queued = page
            found += queued
            if queued:
                self._kick()
        if found:
            log.info("scan.unscanned_queued", versions=found)
        return found

    async def _queue_older(self, engine: str) -> None:
        after: tuple[str, int] | None = ("", 0)
        while after is not None:
            after = await self._scans.queue_older(engine, after, BATCH)
            self._kick()
        self._queued_for = engine
        log.info("scan.older_queued", engine=engine)
