"""What others feel while the server is busy: HEAD beside large uploads, and everything at once.

Belongs here: several loads on one server. Not here: one load alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.content import check_bodies, check_small
from bench.load.loads import HeadLoad, LargeLoad
from bench.subjects import floors
from bench.subjects.ours import Ours
from bench.subjects.peers import tus_node, tusd
from bench.subjects.subject import Running, Subject

from .case import (
    CPU_PER_GIB,
    PEAK,
    RATE,
    SERVER_CORES,
    UPLOADS,
    Aim,
    Case,
    Contender,
    Options,
    Reading,
    latency_columns,
)
from .readings import common, fresh, large_figures, latencies, loaded, megabytes_per_second
from .small import small_load

OURS = "tusd-py"
ON_DISK = "tusd-py, power, disk"
_PAUSE = 0.002
_LONGER = 2
"""Large uploads are so many times as long as usual, so that there are enough answers for a p99."""

Beside = Callable[[Running, Options], Reading]


@dataclass(frozen=True, slots=True)
class _Place:
    """Who is measured where."""

    subject: Subject
    medium: Path


def _places(options: Options) -> list[_Place]:
    return [
        _Place(floors.floor(), options.memory),
        _Place(Ours().subject(OURS), options.memory),
        _Place(Ours(workers=2).subject("tusd-py, 2 workers"), options.memory),
        _Place(Ours(durability="power").subject(ON_DISK), options.disk),
        _Place(tus_node(), options.memory),
        _Place(tusd(), options.memory),
    ]


def _rows(options: Options, beside: Beside) -> Sequence[Contender]:
    return [_row(place, options, beside) for place in _places(options)]


def _row(place: _Place, options: Options, beside: Beside) -> Contender:
    def measure() -> Reading:
        with fresh(place.subject, place.medium) as server:
            return beside(server, options)

    return Contender(name=place.subject.name, measure=measure, missing=place.subject.missing)


def _large(server: Running, options: Options) -> LargeLoad:
    length = options.length * _LONGER
    return LargeLoad(target=server.target, connections=options.connections, length=length, patch=length)


def _head(server: Running, options: Options) -> Reading:
    load = _large(server, options)
    (large, asked), used = loaded(server, load, HeadLoad(target=server.target, pause=_PAUSE))
    check_bodies(server.uploads, range(load.connections), load.length)
    return {**large_figures(large, used), **common(server, large), **latencies(asked)}


def _mixed(server: Running, options: Options) -> Reading:
    load = _large(server, options)
    (large, small, asked), used = loaded(
        server,
        load,
        small_load(server, options, with_upload=False, seconds=600),
        HeadLoad(target=server.target, pause=_PAUSE),
    )
    check_bodies(server.uploads, range(load.connections), load.length)
    check_small(server.uploads, small.uploads, 4096)
    return {
        **common(server, large),
        **latencies(small),
        **latencies(asked),
        RATE.key: megabytes_per_second(large),
        UPLOADS.key: small.uploads / small.seconds,
        SERVER_CORES.key: used.total / small.seconds,
    }


HEAD = Case(
    name="head",
    meaning="HEAD on another upload beside large ones, every 2 ms; tmpfs, process unless said.",
    columns=(*latency_columns("HEAD"), RATE, CPU_PER_GIB, PEAK),
    contenders=lambda options: _rows(options, _head),
    aims=(
        Aim(contender=OURS, column=latency_columns("HEAD")[1], at_most=50),
        Aim(contender=ON_DISK, column=latency_columns("HEAD")[1], at_most=50),
    ),
)

MIXED = Case(
    name="mixed",
    meaning="Large uploads, small ones and HEAD at once, for as long as the large ones take.",
    columns=(
        RATE,
        UPLOADS,
        *latency_columns("POST"),
        *latency_columns("PATCH"),
        *latency_columns("HEAD"),
        SERVER_CORES,
        PEAK,
    ),
    contenders=lambda options: _rows(options, _mixed),
)
