"""The arithmetic of the figures: medians with their range, percentiles, paired ratios.

Belongs here: numbers in, numbers out. Not here: where they come from and how they are printed.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A median and the range that it comes from."""

    median: float
    least: float
    most: float


def spread(values: Sequence[float]) -> Spread:
    """Of at least one value. Raises ValueError when there is none."""
    if not values:
        raise ValueError("a spread needs at least one value")
    return Spread(median=statistics.median(values), least=min(values), most=max(values))


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile: the least value that `percent` % of all do not exceed.

    Raises ValueError when there is none.
    """
    if not values:
        raise ValueError("a percentile needs at least one value")
    rank = math.ceil(percent / 100 * len(values))
    return sorted(values)[max(rank, 1) - 1]


def paired_ratios(values: Sequence[float], references: Sequence[float]) -> list[float]:
    """Each value over the reference of its own round: what slowed both in a round cancels out.

    Rounds in which the reference is zero say nothing and are left out.
    """
    pairs = zip(values, references, strict=True)
    return [value / reference for value, reference in pairs if reference]
