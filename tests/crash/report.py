"""What a case of the crash suite reports, and the table that `make crash` prints."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.harness.ledger import Violation


@dataclass(slots=True, kw_only=True)
class Outcome:
    """One case. `seconds` are what the case measures; its docstring says what."""

    case: str
    seed: int
    runs: int = 0
    violations: list[Violation] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def broken(self, rule: str, detail: str) -> None:
        self.violations.append(Violation(rule=rule, upload="", detail=detail))

    def measured(self, seconds: float, limit: float, what: str) -> None:
        """A duration that has an upper limit."""
        self.seconds.append(seconds)
        if seconds > limit:
            self.broken("time", f"{what} took {seconds:.2f} s, the limit is {limit} s")

    def row(self) -> tuple[str, ...]:
        share = [f"{percentile(self.seconds, at) * 1000:.0f} ms" if self.seconds else "-" for at in (50, 99)]
        counts = (str(self.runs), str(len(self.violations)))
        return (self.case, *counts, *share, str(self.seed), "; ".join(self.remarks))

    def as_line(self) -> str:
        p50, p99 = (percentile(self.seconds, at) if self.seconds else None for at in (50, 99))
        facts = {"runs": self.runs, "violations": len(self.violations), "p50": p50, "p99": p99}
        return json.dumps({"case": self.case, **facts, "seed": self.seed, "remarks": self.remarks})

    def verify(self) -> None:
        """For the tests. Raises AssertionError naming what was broken."""
        assert not self.violations, "\n".join(violation.as_line() for violation in self.violations)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` percent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share / 100) - 1)]


def table(outcomes: Iterable[Outcome]) -> str:
    """Markdown, aligned."""
    head = ("case", "runs", "violations", "p50", "p99", "seed", "remarks")
    rows = [head, *(outcome.row() for outcome in outcomes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
