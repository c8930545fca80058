"""One round of one server: started afresh, warmed, loaded, measured, and its files looked at.

Belongs here: what the rounds of several cases have in common. Not here: which servers and which load.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench import measure
from bench.content import check_bodies, check_small
from bench.load.generator import Generator
from bench.load.loads import LargeLoad, Load, Outcome, SmallLoad
from bench.subjects.subject import Running, Subject, running, scratch_folder
from bench.units import GIB, MIB

from .case import CPU_PER_GIB, CPU_PER_UPLOAD, LOAD_CORES, PEAK, RATE, SYSTEM_PER_GIB, UPLOADS, USER_PER_GIB

_WARM_UPLOADS = 50
HOT_UPLOADS = 1500
"""Node needs some 1,000 to have its code compiled: the first cost three times the CPU of later ones."""
SMALL = 4096
"""Bytes of a small upload."""


@contextmanager
def fresh(subject: Subject, medium: Path, kept_by: ExitStack | None = None) -> Iterator[Running]:
    """A server on an empty folder that has served a little."""
    with scratch_folder(medium, kept_by) as scratch, running(subject, scratch) as server:
        for with_upload in (False, True):
            warm(server, _WARM_UPLOADS, with_upload=with_upload)
        yield server


@contextmanager
def hot(
    subject: Subject, medium: Path, *, with_upload: bool, kept_by: ExitStack | None = None
) -> Iterator[Running]:
    """A server on an empty folder that has served many small uploads."""
    with fresh(subject, medium, kept_by) as server:
        warm(server, HOT_UPLOADS, with_upload=with_upload)
        yield server


def warm(server: Running, uploads: int, *, with_upload: bool) -> None:
    """Let it import, compile and cache what it does for its first uploads only; for at most 5 s."""
    load = SmallLoad(
        target=server.target,
        connections=8,
        length=SMALL,
        seconds=5.0,
        with_upload=with_upload,
        most=uploads,
        first_number=time.time_ns(),
    )
    with Generator(load) as generator:
        generator.run()
    measure.settle(server.pid)


def loaded(server: Running, *loads: Load, aftermath: float = 0.0) -> tuple[list[Outcome], measure.Cpu]:
    """All loads at once; when the first is done, the others are told to stop. Their outcomes, and the CPU.

    The CPU is read `aftermath` seconds later, and when the server has come to rest.
    """
    with ExitStack() as stack:
        generators = [stack.enter_context(Generator(load)) for load in loads]
        before = measure.cpu(server.pid)
        for generator in generators:
            generator.go()
        outcomes = [generators[0].outcome()]
        for generator in generators[1:]:
            generator.stop()
            outcomes.append(generator.outcome())
        time.sleep(aftermath)
        measure.settle(server.pid)
        used = measure.cpu(server.pid).since(before)
    return outcomes, used


def large_reading(server: Running, load: LargeLoad) -> dict[str, float]:
    """Large bodies; they are compared with what was sent."""
    (outcome,), used = loaded(server, load)
    if server.subject.stores:
        check_bodies(server.uploads, range(load.connections), load.length)
    return {**large_figures(outcome, used), **common(server, outcome)}


def large_figures(outcome: Outcome, used: measure.Cpu) -> dict[str, float]:
    """What a GiB cost."""
    gib = outcome.received / GIB
    return {
        CPU_PER_GIB.key: used.total / gib,
        USER_PER_GIB.key: used.user / gib,
        SYSTEM_PER_GIB.key: used.system / gib,
        RATE.key: megabytes_per_second(outcome),
    }


def megabytes_per_second(outcome: Outcome) -> float:
    """10^6 bytes."""
    return outcome.received / 1e6 / outcome.seconds


def small_reading(server: Running, load: SmallLoad) -> dict[str, float]:
    """Small uploads; every acknowledged one is looked for."""
    (outcome,), used = loaded(server, load, aftermath=server.subject.aftermath)
    if server.subject.stores:
        check_small(server.uploads, outcome.uploads, load.length)
    return {
        CPU_PER_UPLOAD.key: used.total * 1000 / outcome.uploads,
        UPLOADS.key: outcome.uploads / outcome.seconds,
        **common(server, outcome),
    }


def common(server: Running, outcome: Outcome) -> dict[str, float]:
    """What every load shows."""
    return {
        PEAK.key: measure.memory(server.pid).peak / MIB,
        LOAD_CORES.key: outcome.cpu / outcome.seconds,
        **latencies(outcome),
    }


def latencies(outcome: Outcome) -> dict[str, float]:
    """Milliseconds, as `latency_columns` names them."""
    found: dict[str, float] = {}
    for method, latency in outcome.latency.items():
        found[f"{method.lower()}_p50_ms"] = latency.p50
        found[f"{method.lower()}_p99_ms"] = latency.p99
    return found
