"""What a case of the crash suite reports, and the table that `make crash` prints."""

import json
import math
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from tests.harness.ledger import Violation
from tests.harness.server import Server


@dataclass(slots=True, kw_only=True)
class Outcome:
    """One case. `seconds` are what the case measures; its docstring says what."""

    case: str
    seed: int
    runs: int = 0
    violations: list[Violation] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    """What took longer than it should: counted by `make crash`, and no reason for a test to fail, which
    shares its machine with whatever else runs there."""
    seconds: list[float] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def broken(self, rule: str, detail: str) -> None:
        self.violations.append(Violation(rule=rule, upload="", detail=detail))

    def measured(self, seconds: float, limit: float, what: str) -> None:
        """A duration that should stay below a limit."""
        self.seconds.append(seconds)
        if seconds > limit:
            self.late.append(f"{what} took {seconds:.2f} s, the limit is {limit} s")

    def row(self) -> tuple[str, ...]:
        share = [f"{percentile(self.seconds, at) * 1000:.0f} ms" if self.seconds else "-" for at in (50, 99)]
        counts = (str(self.runs), str(len(self.violations)), str(len(self.late)))
        return (self.case, *counts, *share, str(self.seed), "; ".join(self.remarks))

    def as_line(self) -> str:
        p50, p99 = (percentile(self.seconds, at) if self.seconds else None for at in (50, 99))
        counts = {"runs": self.runs, "violations": len(self.violations), "late": len(self.late)}
        facts = {**counts, "p50": p50, "p99": p99}
        return json.dumps({"case": self.case, **facts, "seed": self.seed, "remarks": self.remarks})

    def verify(self) -> None:
        """For the tests, which do not judge time. Raises AssertionError naming what was broken."""
        assert not self.violations, "\n".join(violation.as_line() for violation in self.violations)


Run = Callable[[Server, Outcome, int], Awaitable[Outcome]]
"""What a case does, so many times, with a server that it may have to start."""


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` percent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share / 100) - 1)]


def table(outcomes: Iterable[Outcome]) -> str:
    """Markdown, aligned."""
    head = ("case", "runs", "violations", "late", "p50", "p99", "seed", "remarks")
    rows = [head, *(outcome.row() for outcome in outcomes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
