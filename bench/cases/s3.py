"""Bytes on their way to an object store: what they cost us, and what slow clients cost a fast one.

Belongs here: the cases with a store. Not here: the stores (subjects/stores.py).
"""

from collections.abc import Sequence

from bench.load.loads import LargeLoad, SlowLoad
from bench.subjects.ours import Ours
from bench.subjects.stores import seaweed, seaweed_missing, sink
from bench.units import KIB

from .case import (
    CPU_PER_GIB,
    LOAD_CORES,
    PEAK,
    RATE,
    SYSTEM_PER_GIB,
    USER_PER_GIB,
    Aim,
    Case,
    Contender,
    Options,
    Reading,
)
from .readings import common, fresh, large_figures, large_reading, loaded

_UPLOADS = 50
_BUFFER = 256
"""MiB, the default of s3_buffer."""
_BESIDE = 100
"""MiB that everything else may take."""
_SLOW = 32
INTO_SINK = "tusd-py"
ALONE = "a fast client alone"
BESIDE_SLOW = f"beside {_SLOW} at 1 KiB/s"


def _into_sink(options: Options) -> Sequence[Contender]:
    def measure() -> Reading:
        with sink() as store, fresh(Ours(store=store).subject(INTO_SINK), options.disk) as server:
            load = LargeLoad(
                target=server.target, connections=_UPLOADS, length=options.length, patch=options.length
            )
            return large_reading(server, load)

    return [Contender(name=INTO_SINK, measure=measure)]


def _beside_slow(options: Options) -> Sequence[Contender]:
    return [_fast(ALONE, 0, options), _fast(BESIDE_SLOW, _SLOW, options)]


def _fast(name: str, slow: int, options: Options) -> Contender:
    """One client that sends as fast as it can, with so many slow ones beside it."""

    def measure() -> Reading:
        with seaweed(options.disk) as store, fresh(Ours(store=store).subject(name), options.disk) as server:
            length = options.length
            loads: list[LargeLoad | SlowLoad] = [
                LargeLoad(target=server.target, connections=1, length=length, patch=length)
            ]
            if slow:
                loads.append(SlowLoad(target=server.target, connections=slow, rate=KIB, seconds=600))
            (fast, *_), used = loaded(server, *loads)
            return {**large_figures(fast, used), **common(server, fast)}

    return Contender(name=name, measure=measure, missing=seaweed_missing())


S3_SINK = Case(
    name="s3-sink",
    meaning=f"{_UPLOADS} large uploads at once into an S3 that throws them away; CRC32C on.",
    columns=(CPU_PER_GIB, USER_PER_GIB, SYSTEM_PER_GIB, RATE, PEAK, LOAD_CORES),
    contenders=_into_sink,
    most_rounds=3,
    aims=(
        Aim(contender=INTO_SINK, column=CPU_PER_GIB, at_most=0.8),
        Aim(contender=INTO_SINK, column=PEAK, at_most=_BUFFER + _BESIDE),
    ),
)

S3_SLOW = Case(
    name="s3-slow",
    meaning="One fast client on a real store, alone and beside slow ones.",
    columns=(RATE, CPU_PER_GIB, PEAK),
    contenders=_beside_slow,
    reference=ALONE,
    aims=(Aim(contender=BESIDE_SLOW, column=RATE, at_least=0.8, of=ALONE),),
)
