"""The model against figures that it was not made of.

Belongs here: what the model says of this very machine, beside what was measured. Not here: the model.
"""

from dataclasses import dataclass

from bench.cases.case import CPU_PER_GIB, CPU_PER_UPLOAD, DATABASE_CPU, LOAD_CORES, UPLOADS
from bench.units import GIB, MIB

from .costs import ON_POSTGRES, ONE, Costs, Figures

PATCH = 8 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One figure, twice."""

    what: str
    unit: str
    predicted: float
    measured: float

    @property
    def error(self) -> float:
        """Of the prediction; 0.1 is ten per cent too high."""
        return self.predicted / self.measured - 1


def points(figures: Figures, costs: Costs) -> list[Point]:
    """Raises NotMeasured."""
    return [
        Point(
            what="costs add up: a GiB in PATCHes of 8 MiB",
            unit="CPU s/GiB",
            predicted=costs.gib + costs.request * (GIB / PATCH),
            measured=figures.median("patches", ONE, CPU_PER_GIB),
        ),
        Point(
            what="CPU is the wall: small uploads, 2 workers, Postgres and their client on all cores",
            unit="uploads/s",
            predicted=_when_cores_are_full(figures),
            measured=figures.median("small", ON_POSTGRES, UPLOADS),
        ),
    ]


def _when_cores_are_full(figures: Figures) -> float:
    """The client's share of the cores is as measured; workers and Postgres have the rest."""
    worker = figures.median("small", ON_POSTGRES, CPU_PER_UPLOAD) / 1000
    database = figures.median("small", ON_POSTGRES, DATABASE_CPU) / 1000
    return (figures.cores - figures.median("small", ON_POSTGRES, LOAD_CORES)) / (worker + database)
