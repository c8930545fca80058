"""Small uploads: what one costs, in two requests and in one.

Belongs here: the cases with small uploads and nothing beside them. Not here: large bodies (large.py).
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from bench import measure
from bench.bare import small_files
from bench.load.loads import SmallLoad
from bench.subjects import floors
from bench.subjects.ours import Ours
from bench.subjects.peers import TUS_NODE, peers, tus_node
from bench.subjects.postgres import postgres_missing
from bench.subjects.subject import Running, Subject, scratch_folder

from .case import (
    CPU_PER_UPLOAD,
    DATABASE_CPU,
    LOAD_CORES,
    PEAK,
    UPLOADS,
    Aim,
    Case,
    Contender,
    Options,
    Reading,
    latency_columns,
)
from .readings import SMALL, hot, small_reading

OURS = "tusd-py"
TWO_WORKERS = "tusd-py, 2 workers"
WITH_UPLOAD = ", creation-with-upload"
BARE = "create, write, fdatasync, sync folder"
_ON_POSTGRES = ", Postgres"

_COLUMNS = (
    CPU_PER_UPLOAD,
    UPLOADS,
    DATABASE_CPU,
    *latency_columns("POST"),
    *latency_columns("PATCH"),
    PEAK,
    LOAD_CORES,
)


def small_load(
    server: Running, options: Options, *, with_upload: bool, seconds: float | None = None
) -> SmallLoad:
    """The usual one; for as long as usual where nothing is said."""
    return SmallLoad(
        target=server.target,
        connections=options.clients,
        length=SMALL,
        seconds=options.seconds if seconds is None else seconds,
        with_upload=with_upload,
    )


def _in_two(subject: Subject, medium: Path, options: Options) -> Contender:
    """POST, then PATCH."""
    return _row(subject, medium, options, with_upload=False)


def _in_one(subject: Subject, medium: Path, options: Options) -> Contender:
    """The bytes come with the POST."""
    contender = _row(subject, medium, options, with_upload=True)
    return replace(contender, name=contender.name + WITH_UPLOAD)


def _row(subject: Subject, medium: Path, options: Options, *, with_upload: bool) -> Contender:
    def measure_it() -> Reading:
        with hot(subject, medium, with_upload=with_upload, kept_by=_keeper(medium, options)) as server:
            return small_reading(server, small_load(server, options, with_upload=with_upload))

    return Contender(name=subject.name, measure=measure_it, missing=subject.missing)


def _keeper(medium: Path, options: Options) -> ExitStack | None:
    """What is removed from a disk slows whoever makes files next (`scratch_folder`)."""
    return options.lasting if medium == options.disk else None


def _on_postgres(name: str, ours: Ours, medium: Path, options: Options, *, with_upload: bool) -> Contender:
    """On a fresh database; its CPU is told apart."""

    def measure_it() -> Reading:
        subject = replace(ours, database_url=options.postgres.fresh()).subject(name)
        with hot(subject, medium, with_upload=with_upload, kept_by=_keeper(medium, options)) as server:
            before = measure.cpu(options.postgres.pid)
            reading = small_reading(server, small_load(server, options, with_upload=with_upload))
            used = measure.cpu(options.postgres.pid).since(before)
        uploads = reading[UPLOADS.key] * options.seconds
        return {**reading, DATABASE_CPU.key: used.total * 1000 / uploads}

    return Contender(name=name, measure=measure_it, missing=postgres_missing())


def _small(options: Options) -> Sequence[Contender]:
    here = options.memory
    one, two = Ours(), Ours(workers=2)
    rows: list[Callable[[Subject, Path, Options], Contender]] = [_in_two, _in_one]
    quiet = replace(two, logs_requests=False).subject("tusd-py, 2 workers, log.requests off")
    known = replace(two, logins=True).subject("tusd-py, 2 workers, logins by JWT")
    return [
        *(row(floors.floor(), here, options) for row in rows),
        *(row(one.subject(OURS), here, options) for row in rows),
        *(row(two.subject(TWO_WORKERS), here, options) for row in rows),
        _in_two(quiet, here, options),
        *(row(known, here, options) for row in rows),
        _on_postgres(TWO_WORKERS + _ON_POSTGRES, two, here, options, with_upload=False),
        *(_in_two(peer, here, options) for peer in peers()),
        _in_one(tus_node(), here, options),
    ]


def _small_power(options: Options) -> Sequence[Contender]:
    here = options.disk
    one, two = Ours(durability="power"), Ours(durability="power", workers=2)
    return [
        Contender(name=BARE, measure=lambda: _bare(options)),
        _in_one(one.subject(OURS), here, options),
        _in_two(one.subject(OURS), here, options),
        _in_one(two.subject(TWO_WORKERS), here, options),
        _in_two(two.subject(TWO_WORKERS), here, options),
        _on_postgres(TWO_WORKERS + _ON_POSTGRES + WITH_UPLOAD, two, here, options, with_upload=True),
    ]


def _bare(options: Options) -> Reading:
    with scratch_folder(options.disk, _keeper(options.disk, options)) as folder:
        written = small_files(folder, length=SMALL, threads=options.clients, seconds=options.seconds)
    return {
        UPLOADS.key: written.files / written.seconds,
        CPU_PER_UPLOAD.key: written.cpu * 1000 / written.files,
    }


SMALL_UPLOADS = Case(
    name="small",
    meaning="Uploads of 4 KiB, POST and PATCH or one POST, keep-alive; tmpfs, durability process.",
    columns=_COLUMNS,
    contenders=_small,
    reference=TUS_NODE,
    aims=(
        Aim(contender=TWO_WORKERS, column=CPU_PER_UPLOAD, at_most=0.28, of=TUS_NODE),
        Aim(contender=TWO_WORKERS, column=UPLOADS, at_least=4.6, of=TUS_NODE),
        Aim(contender=TWO_WORKERS + WITH_UPLOAD, column=CPU_PER_UPLOAD, at_most=0.6, of=TWO_WORKERS),
    ),
)

SMALL_POWER = Case(
    name="small-power",
    meaning="The same on a disk, durability power, beside plain system calls from as many threads.",
    columns=_COLUMNS,
    contenders=_small_power,
    reference=BARE,
    aims=(
        Aim(contender=TWO_WORKERS + WITH_UPLOAD, column=UPLOADS, at_least=0.5, of=BARE),
        Aim(contender=OURS + WITH_UPLOAD, column=UPLOADS, at_least=0.5, of=BARE),
    ),
)
