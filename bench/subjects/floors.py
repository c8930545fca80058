"""The floors as subjects: receive and write in Python and in C, with syncs, and receive only.

Belongs here: how they are started. Not here: what they do (floor.py, floor.c).
"""

import shutil
import subprocess
import sys
from pathlib import Path

from .subject import Subject

_SOURCE = Path(__file__).resolve().parents[1] / "floor.c"

FLOOR = "floor"
C_FLOOR = "floor in C"


def floor() -> Subject:
    """Receive and write."""
    return Subject(name=FLOOR, command=_floor)


def syncing_floor(every: int) -> Subject:
    """The same, with an fdatasync every `every` bytes and at the end: what the disk itself can do."""
    return Subject(
        name="floor with the same syncs",
        command=lambda folder, port: _floor(folder, port, "--sync-every", str(every)),
    )


def discarding_floor() -> Subject:
    """Receive only."""
    return Subject(
        name="floor without writing",
        command=lambda folder, port: _floor(folder, port, "--discard"),
        stores=False,
    )


def c_floor() -> Subject:
    """The floor's twin in C."""
    return Subject(
        name=C_FLOOR,
        command=lambda folder, port: [str(_compiled(folder.parent)), str(folder), str(port)],
        missing="" if shutil.which("cc") else "needs a C compiler (cc)",
    )


def _floor(folder: Path, port: int, *options: str) -> list[str]:
    return [sys.executable, "-m", "bench.floor", str(folder), str(port), *options]


def _compiled(scratch: Path) -> Path:
    program = scratch / "floor"
    subprocess.run(["cc", "-O2", "-pthread", "-o", program, _SOURCE], check=True)
    return program
