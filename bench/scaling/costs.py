"""Costs of one upload and of one GiB, taken from measured figures.

Belongs here: which reading becomes which cost. Not here: what a cluster makes of them (model.py).
"""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cases.case import CPU_PER_GIB, CPU_PER_UPLOAD, DATABASE_CPU, Column
from bench.cases.large import CPU_PER_PATCH, DATABASE_CPU_PER_PATCH, IN_FEW, IN_FEW_ON_POSTGRES
from bench.cases.many import EACH
from bench.units import KIB

ONE = "tusd-py"
ON_POSTGRES = "tusd-py, 2 workers, Postgres"

PATCH_TRANSACTIONS = 2.5
"""Of a PATCH: to become the writer and to move the line, as pg_stat_database counts them, rounded up."""


class NotMeasured(Exception):
    """A figure that is needed is not in the file, or these are no figures."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Readings of a run of the benchmarks, by case and contender."""

    cases: Mapping[str, Any]
    cores: int
    """Of the machine that was measured."""

    def median(self, case: str, contender: str, column: Column) -> float:
        """Of all rounds. Raises NotMeasured."""
        readings: Sequence[Mapping[str, float]] = (
            self.cases.get(case, {}).get("readings", {}).get(contender, ())
        )
        values = [reading[column.key] for reading in readings if column.key in reading]
        if not values:
            raise NotMeasured(f"no {column.heading!r} of {contender!r} in the case {case!r}")
        return statistics.median(values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """CPU in seconds, on a core like those that were measured; memory in bytes."""

    upload: float
    """Of a worker for an upload of a few KiB in two requests, POST and PATCH."""
    request: float
    """Of a worker for one request more: a small PATCH to an upload that has begun."""
    gib: float
    """Of a worker for receiving and writing 2^30 bytes."""
    small: float
    """Of Postgres for an upload of a few KiB that comes whole in two requests. Many share a transaction."""
    transaction: float
    """Of Postgres for one that nobody shares."""
    connection: float
    """Memory of a worker for a connection that says nothing."""


def read_figures(path: Path) -> Figures:
    """Raises OSError, ValueError for a file that is no JSON, NotMeasured."""
    match json.loads(path.read_text(encoding="utf-8")):
        case {"cases": dict(cases), "machine": {"cores": str(cores)}}:
            return Figures(cases, int(cores))
    raise NotMeasured(
        "these are not figures of `python -m bench --json`: wanted the objects cases and machine"
    )


def costs_of(figures: Figures) -> Costs:
    """Raises NotMeasured."""
    patch = figures.median("many-patches", IN_FEW_ON_POSTGRES, DATABASE_CPU_PER_PATCH)
    return Costs(
        upload=figures.median("small", ON_POSTGRES, CPU_PER_UPLOAD) / 1000,
        request=figures.median("many-patches", IN_FEW, CPU_PER_PATCH) / 1000,
        gib=figures.median("large", ONE, CPU_PER_GIB),
        small=figures.median("small", ON_POSTGRES, DATABASE_CPU) / 1000,
        transaction=patch / 1000 / PATCH_TRANSACTIONS,
        connection=figures.median("idle", ONE, EACH) * KIB,
    )
