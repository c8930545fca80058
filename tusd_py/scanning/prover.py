"""The canary: a scanner is believed only while it shows that it finds what it has to.

Specimens are sent at the start, every few minutes, when the signatures changed, and after every scan that
ended without a verdict. Until all of them are answered rightly nothing becomes clean, and no job is begun.

Belongs here: when to ask, and what holds meanwhile. Not here: the specimens (specimens.py).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from protocol.upload import Verdict
from tusd_py.log import get_logger

from .replies import signatures_age
from .scanner import NoVerdict, Scanner
from .specimens import Specimen, Wanted, specimens

log = get_logger("tusd_py.scanning")

LOOK_EVERY = 5.0
"""Seconds between looks at the version, which say that clamd is there and whether its signatures changed."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0
"""Seconds between attempts to prove a scanner that is not."""


class ProverMeter(Protocol):
    """What is counted."""

    def scanner_proven(self, *, is_proven: bool) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The scanner did what it has to, in this version."""

    engine: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A proof that holds; equal to a later one only if it held all the time between."""

    engine: str
    doubts: int


class Prover:
    """Keeps the proof of one scanner."""

    def __init__(
        self,
        scanner: Scanner,
        *,
        max_size: int,
        every: float,
        max_age: float,
        clock: Callable[[], float],
        meter: ProverMeter,
    ) -> None:
        """Seconds; `max_age` is of the signatures, 0 for any. `clock` is the time since the epoch."""
        self._scanner = scanner
        self._max_size = max_size
        self._every = every
        self._max_age = max_age
        self._clock = clock
        self._meter = meter
        self._proof: Proof | None = None
        self._proven = asyncio.Event()
        self._doubted = asyncio.Event()
        self._why = "not asked yet"
        self._doubts = 0

    @property
    def proof(self) -> Proof | None:
        """What holds now."""
        return self._proof

    @property
    def standing(self) -> Standing | None:
        """The same, to be compared with what holds later."""
        return None if self._proof is None else Standing(engine=self._proof.engine, doubts=self._doubts)

    @property
    def why_not(self) -> str:
        """For the operator: what the scanner did wrong last."""
        return self._why

    async def proven(self) -> Proof:
        """Wait until the scanner is proven."""
        while self._proof is None:
            await self._proven.wait()
        return self._proof

    def doubt(self, why: str) -> None:
        """Something went wrong with it: nothing holds until it is proven again."""
        if self._proof is not None:
            log.warning("scanner.doubted", why=why)
        self._set(None, why)
        self._doubted.set()

    async def run(self) -> None:
        """Until cancelled."""
        pause = FIRST_PAUSE
        self._meter.scanner_proven(is_proven=self._proof is not None)
        while True:
            self._doubted.clear()
            try:
                proof = await self.prove()
                if self._doubted.is_set():
                    continue  # by a scan that was under way before: ask once more
                log.info("scanner.proven", engine=proof.engine)
                self._set(proof, "")
                pause = FIRST_PAUSE
                await self._watch(proof)
            except Exception as failed:  # noqa: BLE001 - logged by the next line
                # An outermost loop: without it nothing would ever be scanned again, or everything believed.
                self._is_not(failed)
                await asyncio.sleep(pause)
                pause = min(LONGEST_PAUSE, pause * 2)

    def _is_not(self, failed: Exception) -> None:
        if self._why != str(failed):
            is_odd = not isinstance(failed, NoVerdict)
            log.error("scanner.unproven", why=str(failed), exc_info=is_odd)
        self._set(None, str(failed))

    def _set(self, proof: Proof | None, why: str) -> None:
        self._proof, self._why = proof, why
        self._meter.scanner_proven(is_proven=proof is not None)
        if proof is None:
            self._doubts += 1
            self._proven.clear()
        else:
            self._proven.set()

    async def _watch(self, proof: Proof) -> None:
        """Until it is time to prove it again; while only the date says so, the proof holds on."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._every
        while not self._doubted.is_set() and loop.time() < due:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(LOOK_EVERY, due - loop.time())):
                    await self._doubted.wait()
                    return
            try:
                engine = await self._scanner.version()
            except NoVerdict as failed:
                self.doubt(str(failed))
                return
            if engine != proof.engine:
                self.doubt(f"it is another one now: {engine}")
                return

    async def prove(self) -> Proof:
        """Once, and nothing is kept of it. Raises NoVerdict."""
        engine = await self._scanner.version()
        self._check_age(engine)
        for specimen in specimens(self._max_size):
            await self._show(specimen)
        if await self._scanner.version() != engine:
            raise NoVerdict("it changed while it was looked at")
        return Proof(engine=engine)

    def _check_age(self, engine: str) -> None:
        if not self._max_age:
            return
        age = signatures_age(engine, self._clock())
        if age is None or age > self._max_age:
            found = "have no date" if age is None else f"are {age / 86400:.0f} days old"
            raise NoVerdict(
                f"its signatures {found} ({engine}), "
                "wanted at most scan.signatures_max_age; does freshclam run?"
            )

    async def _show(self, specimen: Specimen) -> None:
        answer = await self._scanner.scan(_slowly(specimen.blocks()))
        if not _is_wanted(answer.verdict, specimen.wanted):
            said = f"{answer.verdict} {answer.name or ''}".strip()
            raise NoVerdict(f"it said {said!r} of {specimen.name}, wanted {specimen.wanted}; {specimen.hint}")


def _is_wanted(verdict: Verdict, wanted: Wanted) -> bool:
    if wanted is Wanted.NOT_CLEAN:
        return verdict in (Verdict.INFECTED, Verdict.UNSCANNABLE)
    return verdict.value == wanted.value


async def _slowly(blocks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Made in a thread: compressing takes a moment."""
    while block := await asyncio.to_thread(next, blocks, b""):
        yield block
