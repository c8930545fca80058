"""Large bodies that survive a power cut, beside what the disk can do with the same syncs.

Belongs here: durability power with large bodies. Not here: small uploads (small.py).
"""

from collections.abc import Sequence

from bench.bare import large_files
from bench.subjects.floors import syncing_floor
from bench.subjects.ours import Ours
from bench.subjects.subject import scratch_folder
from bench.units import GIB, MIB

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
from .large import row

OURS = "tusd-py"
_CHECKPOINT = 16 * MIB
"""Our default between two syncs."""


def _power(options: Options) -> Sequence[Contender]:
    here = options.disk
    ours = Ours(durability="power")
    return [
        Contender(name="plain writes with the same syncs", measure=lambda: _bare(options)),
        row(syncing_floor(_CHECKPOINT), here, options),
        row(ours.subject(OURS), here, options),
        row(Ours(durability="power", workers=2).subject("tusd-py, 2 workers"), here, options),
        row(ours.subject(OURS), here, options, name="tusd-py, Upload-Checksum sha1", checksum="sha1"),
    ]


def _bare(options: Options) -> Reading:
    with scratch_folder(options.disk) as folder:
        written = large_files(
            folder, length=options.length, threads=options.connections, sync_every=_CHECKPOINT
        )
    count = options.length * options.connections
    return {RATE.key: count / 1e6 / written.seconds, CPU_PER_GIB.key: written.cpu * GIB / count}


_FLOOR = syncing_floor(_CHECKPOINT).name

POWER = Case(
    name="power",
    meaning="Large bodies on a disk, durability power: an fdatasync every 16 MiB and at the end.",
    columns=(RATE, CPU_PER_GIB, USER_PER_GIB, SYSTEM_PER_GIB, PEAK, LOAD_CORES),
    contenders=_power,
    reference=_FLOOR,
    aims=(Aim(contender=OURS, column=RATE, at_least=0.75, of=_FLOOR),),
)
