"""Rounds: every contender once, then every contender again, so that what drifts drifts for all.

Belongs here: the order of measuring, and the figures it gives. Not here: one measurement, printing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.cases.case import Case, Contender, Options, Reading
from bench.content import WrongBytes
from bench.load.wire import LoadFailed
from bench.subjects.subject import DidNotStart

Say = Callable[[str], None]

_FAILURES = (DidNotStart, LoadFailed, OSError, WrongBytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The readings of a case; each contender has one for each round."""

    case: Case
    readings: Mapping[str, Sequence[Reading]]
    missing: Mapping[str, str]
    """Contenders that were not measured, or failed, and why."""

    def values(self, contender: str, key: str) -> list[float]:
        """One figure of all rounds; empty where it was not measured."""
        return [reading[key] for reading in self.readings.get(contender, ()) if key in reading]


def run_case(case: Case, options: Options, say: Say, only: str = "") -> Result:
    """All rounds. A contender that fails once is left out, and the result says so."""
    contenders = [one for one in case.contenders(options) if only in one.name]
    missing = {one.name: one.missing for one in contenders if one.missing}
    readings: dict[str, list[Reading]] = {one.name: [] for one in contenders if not one.missing}
    rounds = min(options.rounds, case.most_rounds)
    for turn in range(rounds):
        for contender in _in_turn(contenders, turn):
            if contender.name in missing:
                continue
            say(f"{case.name}: round {turn + 1} of {rounds}: {contender.name}")
            try:
                readings[contender.name].append(contender.measure())
            except _FAILURES as failure:
                missing[contender.name] = f"failed: {type(failure).__name__}: {failure}"
                del readings[contender.name]
                say(f"{contender.name} {missing[contender.name]}")
    return Result(case=case, readings=readings, missing=missing)


def _in_turn(contenders: Sequence[Contender], turn: int) -> list[Contender]:
    """Another one begins each round: being first after a pause is an advantage, or the contrary."""
    begin = turn % len(contenders) if contenders else 0
    return [*contenders[begin:], *contenders[:begin]]
