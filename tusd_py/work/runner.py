"""Runs jobs: at least once, idempotent, retried with growing pauses.

A job is a row that was committed together with what makes it necessary, so a crash loses none.
Belongs here: claiming, running and retrying. Not here: what a job does (consumers are passed in).
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from storage_backends.base import StorageAway
from tusd_py.log import get_logger
from tusd_py.metadata.database import DatabaseError
from tusd_py.metadata.jobs import Claim, JobRows

log = get_logger("tusd_py.work")

Consumer = Callable[[str], Awaitable[None]]
"""Does the job for one subject; raises to have it tried again."""

BATCH = 16
LEASE = 60_000_000
"""Microseconds until a claimed job whose worker fell silent is given to another."""
RENEW_EVERY = 20.0
"""Seconds; a copy of many gigabytes takes longer than a lease, and one who does it is enough."""
RENEW_FOR = 6 * 3600.0
"""Seconds after which it is renewed no more: a disk that is away here only, or a callback that never returns,
must not keep the job from others for ever."""
CLAIM_AFTER = 5.0
"""Seconds after which work that was not begun as a job is: before others may begin it (FINISH_DELAY), and for
what is quick, which is nearly everything, never."""
FIRST_PAUSE, LONGEST_PAUSE = 1_000_000, 300_000_000
"""Microseconds between tries, doubled each time."""


class JobRunner:
    """Runs the jobs of some consumers in this worker."""

    def __init__(
        self, jobs: JobRows, consumers: Mapping[str, Consumer], *, worker: str, look_every: float
    ) -> None:
        """`look_every` in seconds; `kick` looks at once."""
        self._jobs = jobs
        self._consumers = consumers
        self._worker = worker
        self._look_every = look_every
        self._kicked = asyncio.Event()

    @property
    def consumers(self) -> list[str]:
        """The names of what this worker does."""
        return list(self._consumers)

    def kick(self) -> None:
        """There may be a job now."""
        self._kicked.set()

    async def run(self) -> None:
        """Until cancelled. A database that is away is waited for."""
        while True:
            self._kicked.clear()
            try:
                found = await self.run_due()
            except DatabaseError as failed:
                log.warning("jobs.postponed", error=str(failed))
                found = 0
            except Exception:
                # The other outermost loop: jobs that nobody runs would be noticed by nobody.
                log.exception("jobs.failed")
                found = 0
            if not found:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._look_every):
                        await self._kicked.wait()

    async def run_due(self) -> int:
        """Run what is due now, once; how many there were."""
        found = 0
        for consumer, work in self._consumers.items():
            claimed = await self._jobs.claim(consumer, self._worker, BATCH, LEASE)
            since = time.monotonic()
            found += len(claimed)
            for claim in claimed:
                try:
                    # Behind a long one, others may have done what was claimed with it.
                    is_old = time.monotonic() - since >= RENEW_EVERY
                    still = await self._jobs.renew(claim, LEASE) if is_old else claim
                    if still is not None:
                        await self._run(work, still)
                except DatabaseError as failed:
                    # Its claim runs out, and somebody does it again. The others would wait for that, too.
                    log.warning("job.not_recorded", subject=claim.subject, error=str(failed))
        return found

    async def _run(self, work: Consumer, claim: Claim) -> None:
        about = {"consumer": claim.consumer, "subject": claim.subject, "attempts": claim.attempts}
        kept = _Kept(self._jobs, claim)
        try:
            async with kept.renewed():
                await work(claim.subject)
        except StorageAway as away:
            # Nothing is wrong with the job, nor with us.
            log.warning("job.postponed", error=str(away), **about)
            await self._try_later(kept.claim, away)
        except Exception as failed:
            # One of the outermost loops: a job that fails in whatever way may not stop the others.
            log.warning("job.failed", exc_info=True, **about)
            await self._try_later(kept.claim, failed)
        else:
            await self._jobs.done(kept.claim)

    async def _try_later(self, claim: Claim, failed: Exception) -> None:
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(claim.attempts, 16))
        await self._jobs.retry(claim, _described(failed), pause)


@dataclass(slots=True)
class _Kept:
    """A claim, as it is now."""

    jobs: JobRows
    claim: Claim

    @asynccontextmanager
    async def renewed(self) -> AsyncIterator[None]:
        """Renew it again and again meanwhile."""
        is_over = asyncio.Event()
        renewing = asyncio.create_task(self.renew(is_over), name=f"claim:{self.claim.subject}")
        try:
            yield
        finally:
            # Not cancelled: with the claim as it was before a renewal, nothing could be ended.
            is_over.set()
            await renewing

    async def renew(self, is_over: asyncio.Event) -> None:
        """Until the event is set, or it took too long."""
        until = time.monotonic() + RENEW_FOR
        while time.monotonic() < until:
            with suppress(TimeoutError):
                async with asyncio.timeout(RENEW_EVERY):
                    await is_over.wait()
                    return
            try:
                renewed = await self.jobs.renew(self.claim, LEASE)
            except DatabaseError as failed:
                log.warning("job.not_renewed", subject=self.claim.subject, error=str(failed))
                continue
            if renewed is None:
                return  # lost, or done by the commit of its effect
            self.claim = renewed


class holding:  # noqa: N801 - a context manager that costs next to nothing where the work is quick
    """Around work whose job waits meanwhile: once it takes long, the job is claimed, and nobody repeats it.

    A job that is left by a failure is due at once.
    """

    __slots__ = ("_claiming", "_consumer", "_is_over", "_jobs", "_subject", "_timer", "_worker")

    def __init__(self, jobs: JobRows, consumer: str, subject: str, *, worker: str) -> None:
        self._jobs = jobs
        self._consumer = consumer
        self._subject = subject
        self._worker = worker
        self._is_over = asyncio.Event()
        self._claiming: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(CLAIM_AFTER, self._begin)

    async def __aexit__(self, *_failure: object) -> None:
        self._timer.cancel()
        self._is_over.set()
        if self._claiming is not None:
            await self._claiming

    def _begin(self) -> None:
        self._claiming = asyncio.create_task(self._claim(), name=f"claim:{self._subject}")

    async def _claim(self) -> None:
        try:
            # None where it is this job that does the work.
            for claim in await self._jobs.claim_one(self._consumer, self._subject, self._worker, LEASE):
                kept = _Kept(self._jobs, claim)
                await kept.renew(self._is_over)
                # Nothing where the commit of its effect took it.
                await self._jobs.retry(kept.claim, "begun by a request, and not ended", 0)
        except DatabaseError as failed:
            log.warning("job.not_claimed", subject=self._subject, error=str(failed))


def _described(failed: Exception) -> str:
    """As text that a database takes: no NUL, no half characters."""
    text = f"{type(failed).__name__}: {failed}"
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\0")
