"""Many clients that do little: idle connections, and slow ones.

Belongs here: what holding a client costs. Not here: what work costs.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from bench import measure
from bench.load.generator import Generator
from bench.load.loads import IdleLoad, SlowLoad
from bench.subjects.ours import Ours
from bench.subjects.peers import peers, tus_node, tusd
from bench.subjects.subject import Running, Subject
from bench.units import KIB, MIB
from bench.watch import Watch

from .case import PEAK, RESIDENT, SERVER_CORES, Aim, Case, Column, Contender, Options, Reading
from .readings import fresh

OURS = "tusd-py"
TWO_WORKERS = "tusd-py, 2 workers"
_RATE = KIB
_BEFORE = Column(key="before_mib", heading="PSS before MiB", digits=0)
EACH = Column(key="each_kib", heading="KiB each", digits=1)
_OPEN = Column(key="open", heading="still open", digits=0)
_THREADS = Column(key="threads", heading="threads", digits=0)
_GROWTH = Column(key="growth_mib", heading="growth MiB", digits=1)

_MOST_MEMORY = 250
_MOST_THREADS = 64
_FLAT = 8
"""MiB that a flat line may rise in two thirds of the time."""


def _row(
    subject: Subject, medium: Path, options: Options, reading: Callable[[Running, Options], Reading]
) -> Contender:
    def measure_it() -> Reading:
        with fresh(subject, medium) as server:
            return reading(server, options)

    return Contender(name=subject.name, measure=measure_it, missing=subject.missing)


def _idle(options: Options) -> Sequence[Contender]:
    subjects = [Ours().subject(OURS), Ours(workers=2).subject(TWO_WORKERS), *peers()]
    return [_row(subject, options.memory, options, _idle_reading) for subject in subjects]


def _idle_reading(server: Running, options: Options) -> Reading:
    before = measure.memory(server.pid)
    with Generator(IdleLoad(target=server.target, connections=options.idle)) as generator:
        outcome = generator.run()
        after = measure.memory(server.pid)
        threads = measure.threads(server.pid)
    return {
        _BEFORE.key: before.resident / MIB,
        RESIDENT.key: after.resident / MIB,
        PEAK.key: after.peak / MIB,
        EACH.key: (after.resident - before.resident) / KIB / options.idle,
        _OPEN.key: outcome.open,
        _THREADS.key: threads,
    }


def _slow(options: Options) -> Sequence[Contender]:
    in_memory = [Ours().subject(OURS), tus_node(), tusd()]
    return [
        *(_row(subject, options.memory, options, _slow_reading) for subject in in_memory),
        _row(Ours(durability="power").subject("tusd-py, power, disk"), options.disk, options, _slow_reading),
    ]


def _slow_reading(server: Running, options: Options) -> Reading:
    load = SlowLoad(target=server.target, connections=options.slow, rate=_RATE, seconds=options.slow_seconds)
    with Generator(load) as generator, Watch(server.pid) as watch:
        before = measure.cpu(server.pid)
        outcome = generator.run()
        used = measure.cpu(server.pid).since(before)
    return {
        _THREADS.key: max(watch.threads),
        RESIDENT.key: max(watch.resident) / MIB,
        _GROWTH.key: watch.growth() / MIB,
        SERVER_CORES.key: used.total / outcome.seconds,
    }


IDLE = Case(
    name="idle",
    meaning="Keep-alive connections that ask once and then say nothing.",
    columns=(RESIDENT, _BEFORE, EACH, PEAK, _OPEN, _THREADS),
    contenders=_idle,
    most_rounds=2,
    aims=(
        Aim(contender=OURS, column=RESIDENT, at_most=_MOST_MEMORY),
        Aim(contender=TWO_WORKERS, column=RESIDENT, at_most=_MOST_MEMORY),
    ),
)

SLOW = Case(
    name="slow",
    meaning="Clients that send 1 KiB a second, and are cut off; what they had sent must be there.",
    columns=(_THREADS, RESIDENT, _GROWTH, SERVER_CORES),
    contenders=_slow,
    most_rounds=2,
    aims=(
        Aim(contender=OURS, column=_THREADS, at_most=_MOST_THREADS),
        Aim(contender=OURS, column=_GROWTH, at_most=_FLAT),
    ),
)
