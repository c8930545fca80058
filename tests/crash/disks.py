"""Filesystems in files, and databases on them that can be frozen.

Belongs here: loop devices, ext4, and starting a database on one. Not here: when power is cut (power.py).
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from tests.harness.server import descendants
from tests.services.postgres import PostgresMissing, PostgresServer, find_programs

MIB = 1 << 20
DISK_BYTES = 1 << 30


def missing() -> str | None:
    """Why there can be no such disks here; None when there can."""
    if os.geteuid() != 0:
        return "power cuts mount loop devices: needs root"
    if shutil.which("mkfs.ext4") is None:
        return "power cuts need mkfs.ext4 (package e2fsprogs)"
    if not Path("/dev/loop-control").exists():
        return "power cuts need loop devices"
    try:
        find_programs()
    except PostgresMissing as error:
        return str(error)
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Disks:
    """The backing files of the data folder's filesystem and of the database's."""

    data: Path
    database: Path

    def copied_to(self, folder: Path) -> "Disks":
        """What they hold now; `folder` is made."""
        folder.mkdir()
        made = Disks(data=folder / self.data.name, database=folder / self.database.name)
        for source, target in ((self.data, made.data), (self.database, made.database)):
            _run("cp", "--sparse=always", str(source), str(target))
        return made

    def same_as(self, other: "Disks") -> bool:
        pairs = ((self.data, other.data), (self.database, other.database))
        return all(_equal(one, two) for one, two in pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mounted:
    """Where both filesystems are mounted."""

    folder: Path
    data: Path
    database: Path


def new_disks(folder: Path) -> Disks:
    """Two sparse files with an empty ext4 each."""
    made = Disks(data=folder / "data.img", database=folder / "database.img")
    for backing in (made.data, made.database):
        with backing.open("wb") as file:
            file.truncate(DISK_BYTES)
        _run("mkfs.ext4", "-q", "-F", "-m", "0", str(backing))
    return made


@contextmanager
def mounted(disks: Disks, folder: Path) -> Iterator[Mounted]:
    """Mount both below `folder`; their journals are recovered, as after a power cut."""
    at = Mounted(folder=folder, data=folder / "data", database=folder / "database")
    with ExitStack() as stack:
        for backing, point in ((disks.data, at.data), (disks.database, at.database)):
            point.mkdir(parents=True)
            _run("mount", "-o", "loop", str(backing), str(point))
            stack.callback(_run, "umount", str(point))
        yield at


class Rows(Protocol):
    """A database in a folder; a context manager that starts and stops it."""

    url: str

    def __init__(self, folder: Path, *, fresh: bool) -> None:
        """`fresh` makes it; otherwise it is there, as the power cut left it."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *failure: object) -> None: ...

    def freeze(self) -> None: ...

    def wake(self) -> None: ...


class OnSqlite:
    """Lives inside the program, and is frozen with it."""

    def __init__(self, folder: Path, *, fresh: bool) -> None:
        self.url = f"sqlite://{folder / 'tusd.db'}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        return

    def freeze(self) -> None:
        return

    def wake(self) -> None:
        return


class OnPostgres:
    """A Postgres of its own, with fsync."""

    def __init__(self, folder: Path, *, fresh: bool) -> None:
        self._folder = folder / "postgres"
        self._server = PostgresServer(self._folder)
        self._fresh = fresh
        self.url = self._server.dsn("tusd")

    def __enter__(self) -> Self:
        if self._fresh:
            self._server.__enter__()
            self._server.create("tusd")
            # initdb was told not to sync; the cluster must be there before power can fail.
            _run("sync", "--file-system", str(self._folder))
        else:
            # It names the postmaster of before the cut, which on this machine is still alive.
            (self._folder / "cluster" / "postmaster.pid").unlink(missing_ok=True)
            self._server.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._server.stop_immediately()

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def wake(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        # The postmaster first, so that it starts nobody meanwhile.
        for pid in (self._server.pid, *descendants(self._server.pid)):
            os.kill(pid, number)


def _equal(one: Path, two: Path) -> bool:
    """Only what is no hole in both is read: a GiB of holes takes longer than all else in a power cut."""
    with one.open("rb") as first, two.open("rb") as second:
        if os.fstat(first.fileno()).st_size != os.fstat(second.fileno()).st_size:
            return False
        written = (*_written(first.fileno()), *_written(second.fileno()))
        return all(
            os.pread(first.fileno(), len(block), block.start)
            == os.pread(second.fileno(), len(block), block.start)
            for block in written
        )


def _written(file: int) -> Iterator[range]:
    """Where it has data, in blocks that fit into memory."""
    stop = 0
    with suppress(OSError):  # ENXIO: none behind that
        while True:
            start = os.lseek(file, stop, os.SEEK_DATA)
            stop = os.lseek(file, start, os.SEEK_HOLE)
            yield from (range(at, min(at + MIB, stop)) for at in range(start, stop, MIB))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
