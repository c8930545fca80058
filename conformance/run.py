"""Asking a server all the questions.

Belongs here: concurrency, time-outs, from exceptions to findings. Not here: questions, printing.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from .checks import Check
from .connection import Unreachable
from .exchange import Exchange, Response
from .offer import NOTHING, Offer, offer_of
from .probe import Probe, Subject
from .verdict import Failed, Finding, NotOffered, Silent, Unclear, Verdict

CHECK_WITHIN = 25.0
"""Seconds for one check, whatever it waits for."""

_SILENT = "the server answers nothing any more, not even OPTIONS"

_AFTERWARDS = "when all were through"

_KEPT = 6
"""Exchanges that a finding keeps; the last ones say why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One check and what it found."""

    check: Check
    finding: Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A whole run."""

    url: str
    offer: Offer
    outcomes: tuple[Outcome, ...]
    seconds: float
    fell_during: tuple[str, ...]
    """The checks that were under way when the server first answered nothing any more."""


async def examine(subject: Subject, checks: Sequence[Check], *, jobs: int, within: float) -> Report:
    """Run `checks` on a server, at most `jobs` at once; what is not done after `within` seconds is unclear.

    Raises Unreachable when the server cannot be talked to, and Failed when OPTIONS is not answered at all.
    """
    began = asyncio.get_running_loop().time()
    options = await Probe(subject=subject, offer=NOTHING).ask("OPTIONS", subject.base)
    run = _Run(subject=subject, offer=offer_of(options), jobs=jobs, deadline=began + within)
    found: dict[int, Outcome] = {}
    for rough in (False, True):
        some = [check for check in checks if check.rough is rough]
        outcomes = await asyncio.gather(*(run.take_turn(check) for check in some))
        found |= {id(outcome.check): outcome for outcome in outcomes}
    await run.look_back()
    return Report(
        url=subject.base.url,
        offer=run.offer,
        outcomes=tuple(found[id(check)] for check in checks),
        seconds=asyncio.get_running_loop().time() - began,
        fell_during=run.fell_during,
    )


class _Run:
    """What the checks of one run share: turns, the deadline, and whether the server still lives."""

    def __init__(self, *, subject: Subject, offer: Offer, jobs: int, deadline: float) -> None:
        self.offer = offer
        self.fell_during: tuple[str, ...] = ()
        self._subject = subject
        self._deadline = deadline
        self._turns = asyncio.Semaphore(jobs)
        self._under_way: list[Check] = []

    async def take_turn(self, check: Check) -> Outcome:
        if absence := self.offer.absence(check.needs):
            return Outcome(check=check, finding=Finding(verdict=Verdict.NOT_OFFERED, reason=absence))
        async with self._turns:
            if self.fell_during and not await self._lives():
                return Outcome(check=check, finding=Finding(verdict=Verdict.UNCLEAR, reason=_SILENT))
            self._under_way.append(check)
            try:
                return Outcome(check=check, finding=await self._find(check))
            finally:
                self._under_way.remove(check)

    async def look_back(self) -> None:
        """The last check may have broken the server, too."""
        if not self.fell_during and not await self._lives():
            self.fell_during = (_AFTERWARDS,)

    async def _find(self, check: Check) -> Finding:
        probe = Probe(subject=self._subject, offer=self.offer, specification=check.specification)
        began = asyncio.get_running_loop().time()
        try:
            verdict, reason = await self._ask(check, probe)
        except Silent as silence:
            verdict, reason = await self._blame(silence)
        except Failed as failure:
            verdict, reason = Verdict.FAIL, str(failure)
            _end_at(failure.about, probe.exchanges)
        seconds = asyncio.get_running_loop().time() - began
        kept = () if verdict is Verdict.PASS else tuple(probe.exchanges[-_KEPT:])
        await probe.clean()
        return Finding(verdict=verdict, reason=reason, exchanges=kept, seconds=seconds)

    async def _ask(self, check: Check, probe: Probe) -> tuple[Verdict, str]:
        """Raises Failed; every other way to end is a verdict."""
        deadline = min(asyncio.get_running_loop().time() + CHECK_WITHIN, self._deadline)
        try:
            async with asyncio.timeout_at(deadline):
                await check.ask(probe)
        except NotOffered as absence:
            return Verdict.NOT_OFFERED, str(absence)
        except Unclear as doubt:
            return Verdict.UNCLEAR, str(doubt)
        except Unreachable as loss:
            self._fell()
            return Verdict.UNCLEAR, str(loss)
        except TimeoutError:
            return Verdict.UNCLEAR, "time was up before the check was through"
        except ValueError as error:
            raise Failed(f"the answer holds what cannot be read: {error}") from error
        return Verdict.PASS, ""

    async def _blame(self, silence: Silent) -> tuple[Verdict, str]:
        """A server that answers others did wrong here; one that answers nobody was broken by somebody."""
        if await self._lives():
            return Verdict.FAIL, str(silence)
        self._fell()
        return Verdict.UNCLEAR, _SILENT

    async def _lives(self) -> bool:
        try:
            await Probe(subject=self._subject, offer=NOTHING).ask("OPTIONS", self._subject.base)
        except (Silent, Unreachable):
            return False
        return True

    def _fell(self) -> None:
        self.fell_during = self.fell_during or tuple(check.name for check in self._under_way)


def _end_at(about: Response | None, exchanges: list[Exchange]) -> None:
    """What came after the response that is wrong explains nothing."""
    while about is not None and exchanges and not exchanges[-1].brought(about):
        exchanges.pop()
