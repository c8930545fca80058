"""What a case is: contenders that are measured in turn, columns, and what is aimed at.

Belongs here: the words of a case. Not here: a case, and how it is run (rounds.py) and printed (table.py).
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.subjects.postgres import Postgres

Reading = Mapping[str, float]
"""Figures of one contender in one round, by the keys of columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One figure."""

    key: str
    heading: str
    digits: int = 2
    is_compared: bool = False
    """A column of ratios to the case's reference follows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How much is measured, and where."""

    rounds: int
    length: int
    """Bytes of a large upload."""
    connections: int
    """That send large uploads at once."""
    clients: int
    """That send small uploads at once."""
    seconds: float
    """Of small uploads."""
    idle: int
    """Idle connections."""
    slow: int
    """Slow clients."""
    slow_seconds: float
    rows: int
    """In the full catalogue."""
    memory: Path
    """A folder on tmpfs."""
    disk: Path
    """A folder on a disk."""
    lasting: ExitStack
    """Closed when all cases are done."""
    postgres: Postgres


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One row of the table."""

    name: str
    measure: Callable[[], Reading]
    """One round. Raises LoadFailed, DidNotStart, WrongBytes."""
    missing: str = ""
    """Why it cannot be measured here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """A promise about one figure, absolute or as a ratio to another contender's."""

    contender: str
    column: Column
    at_most: float | None = None
    at_least: float | None = None
    of: str = ""
    """The contender that it is a ratio to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One table."""

    name: str
    meaning: str
    columns: Sequence[Column]
    contenders: Callable[[Options], Sequence[Contender]]
    reference: str = ""
    """The contender that ratios are made to."""
    aims: Sequence[Aim] = ()
    most_rounds: int = 1000
    """For figures that hardly differ from round to round, and take long."""


CPU_PER_GIB = Column(key="cpu_s_per_gib", heading="CPU s/GiB", is_compared=True)
USER_PER_GIB = Column(key="user_s_per_gib", heading="user")
SYSTEM_PER_GIB = Column(key="system_s_per_gib", heading="system")
RATE = Column(key="mb_per_s", heading="MB/s", digits=0, is_compared=True)
CPU_PER_UPLOAD = Column(key="cpu_ms_per_upload", heading="CPU ms/upload", digits=3, is_compared=True)
DATABASE_CPU = Column(key="database_cpu_ms_per_upload", heading="of Postgres", digits=3)
UPLOADS = Column(key="uploads_per_s", heading="uploads/s", digits=0, is_compared=True)
PEAK = Column(key="peak_mib", heading="peak RSS MiB", digits=0)
RESIDENT = Column(key="resident_mib", heading="PSS MiB", digits=0)
SERVER_CORES = Column(key="server_cores", heading="server, cores")
LOAD_CORES = Column(key="load_cores", heading="load, cores")
"""CPU of the generator over time: near the number of its processes, it is what was measured."""


def latency_columns(method: str) -> tuple[Column, Column]:
    """p50 and p99 in milliseconds."""
    return (
        Column(key=f"{method.lower()}_p50_ms", heading=f"{method} p50 ms", digits=1),
        Column(key=f"{method.lower()}_p99_ms", heading=f"{method} p99 ms", digits=1),
    )
