"""A program that serves uploads from an empty folder on a port of the loopback.

Belongs here: what must be known about any of them, and one running instance. Not here: which there are.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.load.loads import Target
from bench.load.wire import Connection, LoadFailed, head
from tests.harness.ports import free_port

_ROOT = Path(__file__).resolve().parents[2]
_READY_WITHIN = 30.0
_ENDS_WITHIN = 20.0
_POLL = 0.01
_SAID = 1000
"""Characters of a log that explain a failure."""


class DidNotStart(Exception):
    """The program is not ready; the end of its log is in the message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """How one program is started."""

    name: str
    command: Callable[[Path, int], Sequence[str]]
    """For a folder of uploads and a port."""
    path: str = "/files/"
    """Of its endpoint."""
    missing: str = ""
    """Why it cannot be run here; empty when it can."""
    stores: bool = True
    """It keeps bytes, which are then looked at."""
    environ: Mapping[str, str] = field(default_factory=dict)
    credential: str = ""
    """What it lets its clients in for."""
    aftermath: float = 0.0
    """Seconds until it begins what it owes for uploads that it has acknowledged; their cost counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """One instance."""

    subject: Subject
    pid: int
    uploads: Path
    target: Target


@contextmanager
def running(subject: Subject, scratch: Path) -> Iterator[Running]:
    """Start it on a folder in `scratch`, end it afterwards. What is in `scratch / "uploads"` is served.

    Raises DidNotStart.
    """
    uploads = scratch / "uploads"
    uploads.mkdir(exist_ok=True)
    target = Target(host="127.0.0.1", port=free_port(), path=subject.path, credential=subject.credential)
    log = scratch / "log"
    with log.open("ab") as sink:
        process = subprocess.Popen(
            subject.command(uploads, target.port),
            cwd=_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            env={**os.environ, **subject.environ},
            # A session of its own, so that one signal ends it with everything it started.
            start_new_session=True,
        )
    try:
        _await_ready(process, target, log)
        yield Running(subject=subject, pid=process.pid, uploads=uploads, target=target)
    finally:
        _end(process)


@contextmanager
def scratch_folder(medium: Path, kept_by: ExitStack | None = None) -> Iterator[Path]:
    """An empty folder on a medium, removed afterwards, or when `kept_by` is closed.

    ext4 gives no inode out again for minutes after its file was removed, and looks at each such one before it
    finds another: behind thousands, making a file costs 1.5 ms of CPU instead of 0.03.
    """
    folder = medium / f"tusd-py-bench-{os.getpid()}-{time.monotonic_ns()}"
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        if kept_by is None:
            shutil.rmtree(folder)
        else:
            kept_by.callback(shutil.rmtree, folder)


def _await_ready(process: subprocess.Popen[bytes], target: Target, log: Path) -> None:
    deadline = time.monotonic() + _READY_WITHIN
    while not _answers(target):
        if process.poll() is not None or time.monotonic() > deadline:
            said = log.read_text(encoding="utf-8", errors="replace").strip()
            raise DidNotStart(f"not ready, exit {process.poll()}: {said[-_SAID:]}")
        time.sleep(_POLL)


def _answers(target: Target) -> bool:
    try:
        with Connection(target) as connection:
            return connection.ask(head("OPTIONS", target, target.path)).status < 500
    except (OSError, LoadFailed):
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_ENDS_WITHIN)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
