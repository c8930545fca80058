"""Large bodies: what a GiB costs, from the socket to the file.

Belongs here: the cases with large bodies and nothing beside them. Not here: the disk's own rate (power.py).
"""

from collections.abc import Sequence
from pathlib import Path

from bench import measure
from bench.load.loads import LargeLoad
from bench.subjects import floors
from bench.subjects.ours import Ours
from bench.subjects.peers import TUS_NODE, peers, tus_node, tusd
from bench.subjects.postgres import postgres_missing
from bench.subjects.subject import Running, Subject
from bench.units import GIB, KIB, MIB

from .case import (
    CPU_PER_GIB,
    LOAD_CORES,
    PEAK,
    RATE,
    SYSTEM_PER_GIB,
    USER_PER_GIB,
    Aim,
    Case,
    Column,
    Contender,
    Options,
    Reading,
    latency_columns,
)
from .readings import fresh, large_reading

OURS = "tusd-py"
TWO_WORKERS = "tusd-py, 2 workers"
WITH_SHA1 = "tusd-py, Upload-Checksum sha1"
WITH_SHA256 = "tusd-py, Upload-Checksum sha256"

_COLUMNS = (CPU_PER_GIB, USER_PER_GIB, SYSTEM_PER_GIB, RATE, PEAK, LOAD_CORES)
_PATCH = 8 * MIB
_SMALL_PATCH = 4 * KIB
_FEW, _MANY = 1_000, 16_000
IN_FEW, IN_MANY = (f"an upload in {count:,} PATCHes" for count in (_FEW, _MANY))
IN_FEW_ON_POSTGRES = IN_FEW + ", Postgres"
CPU_PER_PATCH = Column(key="cpu_ms_per_patch", heading="CPU ms/PATCH", digits=3, is_compared=True)
DATABASE_CPU_PER_PATCH = Column(key="database_cpu_ms_per_patch", heading="of Postgres", digits=3)
_DIGEST_LIMIT = 2.2


def row(
    subject: Subject, medium: Path, options: Options, *, name: str = "", patch: int = 0, checksum: str = ""
) -> Contender:
    def measure_it() -> Reading:
        with fresh(subject, medium) as server:
            load = LargeLoad(
                target=server.target,
                connections=options.connections,
                length=options.length,
                patch=patch or options.length,
                checksum=checksum,
            )
            return large_reading(server, load)

    return Contender(name=name or subject.name, measure=measure_it, missing=subject.missing)


def _large(options: Options) -> Sequence[Contender]:
    ours = Ours().subject(OURS)
    here = options.memory
    return [
        row(floors.floor(), here, options),
        row(ours, here, options),
        row(Ours(workers=2).subject(TWO_WORKERS), here, options),
        row(ours, here, options, name=WITH_SHA1, checksum="sha1"),
        row(ours, here, options, name=WITH_SHA256, checksum="sha256"),
        row(floors.discarding_floor(), here, options),
        *(row(peer, here, options) for peer in peers()),
    ]


def _large_on_disk(options: Options) -> Sequence[Contender]:
    here = options.disk
    return [
        row(floors.floor(), here, options),
        row(Ours().subject(OURS), here, options),
        row(tus_node(), here, options),
        row(tusd(), here, options),
    ]


def _patches(options: Options) -> Sequence[Contender]:
    here = options.memory
    ours = Ours().subject(OURS)
    return [
        row(floors.floor(), here, options, patch=_PATCH),
        row(ours, here, options, patch=_PATCH),
        row(ours, here, options, name=WITH_SHA1, patch=_PATCH, checksum="sha1"),
        row(tus_node(), here, options, patch=_PATCH),
        row(tusd(), here, options, patch=_PATCH),
    ]


def _many_patches(options: Options) -> Sequence[Contender]:
    return [
        _of_patches(IN_FEW, _FEW, options),
        _of_patches(IN_MANY, _MANY, options),
        _of_patches_on_postgres(options),
    ]


def _of_patches(name: str, count: int, options: Options) -> Contender:
    """One upload in that many PATCHes."""

    def measure_it() -> Reading:
        with fresh(Ours().subject(name), options.memory) as server:
            return _patches_reading(server, count)

    return Contender(name=name, measure=measure_it)


def _of_patches_on_postgres(options: Options) -> Contender:
    """The CPU of Postgres told apart: what a transaction costs it that nobody shares."""

    def measure_it() -> Reading:
        subject = Ours(database_url=options.postgres.fresh()).subject(IN_FEW_ON_POSTGRES)
        with fresh(subject, options.memory) as server:
            before = measure.cpu(options.postgres.pid)
            reading = _patches_reading(server, _FEW)
            used = measure.cpu(options.postgres.pid).since(before)
        return {**reading, DATABASE_CPU_PER_PATCH.key: used.total * 1000 / _FEW}

    return Contender(name=IN_FEW_ON_POSTGRES, measure=measure_it, missing=postgres_missing())


def _patches_reading(server: Running, count: int) -> Reading:
    length = count * _SMALL_PATCH
    load = LargeLoad(target=server.target, connections=1, length=length, patch=_SMALL_PATCH)
    found = large_reading(server, load)
    return {**found, CPU_PER_PATCH.key: found[CPU_PER_GIB.key] * length / GIB / count * 1000}


def _twin(options: Options) -> Sequence[Contender]:
    here = options.memory
    return [row(floors.c_floor(), here, options), row(floors.floor(), here, options)]


LARGE = Case(
    name="large",
    meaning="Large bodies, one PATCH each, all at once; tmpfs, durability process, SQLite.",
    columns=_COLUMNS,
    contenders=_large,
    reference=floors.FLOOR,
    aims=(
        Aim(contender=OURS, column=CPU_PER_GIB, at_most=1.2, of=floors.FLOOR),
        Aim(contender=OURS, column=CPU_PER_GIB, at_most=0.46, of=TUS_NODE),
        Aim(contender=WITH_SHA1, column=CPU_PER_GIB, at_most=_DIGEST_LIMIT, of=floors.FLOOR),
        Aim(contender=WITH_SHA256, column=CPU_PER_GIB, at_most=_DIGEST_LIMIT, of=floors.FLOOR),
    ),
)

LARGE_ON_DISK = Case(
    name="large-disk",
    meaning="The same on a disk, into the page cache: nobody waits for it.",
    columns=_COLUMNS,
    contenders=_large_on_disk,
    reference=floors.FLOOR,
)

PATCHES = Case(
    name="patches",
    meaning="Large uploads in PATCHes of 8 MiB; tmpfs, durability process, SQLite.",
    columns=(*_COLUMNS, *latency_columns("PATCH")),
    contenders=_patches,
    reference=floors.FLOOR,
)

MANY_PATCHES = Case(
    name="many-patches",
    meaning="One upload in many PATCHes of 4 KiB: does the last cost more than the first?",
    columns=(CPU_PER_PATCH, DATABASE_CPU_PER_PATCH, *latency_columns("PATCH"), PEAK),
    contenders=_many_patches,
    reference=IN_FEW,
    aims=(Aim(contender=IN_MANY, column=CPU_PER_PATCH, at_most=1.15, of=IN_FEW),),
)

TWIN = Case(
    name="twin",
    meaning="The floor beside the same program in C: is the floor one?",
    columns=_COLUMNS,
    contenders=_twin,
    most_rounds=3,
    reference=floors.C_FLOOR,
    aims=(Aim(contender=floors.FLOOR, column=CPU_PER_GIB, at_most=1.15, of=floors.C_FLOOR),),
)
