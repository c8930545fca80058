"""The lock that SQLite's writers take in turn, one process after the other.

SQLite's own lock is polled, so one busy process starves the others for seconds; `flock` sleeps and is fair
enough. The lock also covers every checkpoint, which keeps us clear of sqlite.org/wal.html#walresetbug.

While the lock is held its file says by whom and since when, so that a supervisor can end a worker that was
frozen inside. The file is never removed: whoever held the old one would not be seen in the new.

Belongs here: taking turns. Not here: what is written meanwhile (sqlite_writer.py).
"""

import fcntl
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

_MARK = struct.Struct("<QQ")
_NOBODY = _MARK.pack(0, 0)
_MODE = 0o600


class Holder(NamedTuple):
    """Who writes now."""

    pid: int
    held_since_ns: int
    """On CLOCK_MONOTONIC, which all processes of a host share and which stands still while it sleeps.

    0 while the holder has not written it: between taking the lock and saying so there is an instant in which
    a process can be frozen too.
    """


def lock_path(database: Path) -> Path:
    """Where the lock of a database file is."""
    return database.with_name(database.name + ".lock")


class WriteLock:
    """Opened by the process that uses it: a lock inherited over fork would be the parent's."""

    def __init__(self, database: Path) -> None:
        """Raises OSError."""
        # Python opens with O_CLOEXEC (PEP 446), so no child keeps the lock of a dead worker.
        self._lock = os.open(lock_path(database), os.O_RDWR | os.O_CREAT, _MODE)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Wait for the lock, without end. Raises OSError."""
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            self._mark(_MARK.pack(os.getpid(), time.monotonic_ns()))
            yield
        finally:
            # The mark goes first: one that stays behind would accuse whoever is next.
            self._mark(_NOBODY)
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def _mark(self, mark: bytes) -> None:
        # The mark is for supervisors only: a full disk must not keep the lock from being released.
        with suppress(OSError):
            os.pwrite(self._lock, mark, 0)

    def close(self) -> None:
        os.close(self._lock)


def holder(path: Path) -> Holder | None:
    """Who holds the lock file at `path` now; None when nobody does.

    A mark is believed only if the kernel names the same process, where the kernel can be asked: one that was
    killed leaves its mark behind for whoever is next.
    """
    try:
        lock = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        if _is_free(lock):
            return None
        mark = os.pread(lock, _MARK.size, 0)
        pids = _pids_by_kernel(os.fstat(lock).st_ino)
    finally:
        os.close(lock)
    marked = None if len(mark) < _MARK.size or mark == _NOBODY else Holder(*_MARK.unpack(mark))
    if not pids or (marked is not None and marked.pid in pids):
        return marked
    return Holder(pid=pids[0], held_since_ns=0) if len(pids) == 1 else None


def _pids_by_kernel(inode: int) -> list[int]:
    """The process that took the lock, by /proc/locks (proc_locks(5)); [] where there is none.

    And those that hold a lock on a file of that number elsewhere: which disk it is on is not asked, as some
    filesystems tell another number for it there than to fstat.
    """
    try:
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return []
    pids = []
    for line in lines:
        # "1: FLOCK  ADVISORY  WRITE 708 00:13:17182 0 EOF"; one that waits has "->" as its second word.
        words = line.split()
        if words[1:2] == ["FLOCK"] and words[3:4] == ["WRITE"] and words[5].rpartition(":")[2] == str(inode):
            pids.append(int(words[4]))
    return pids


def _is_free(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
