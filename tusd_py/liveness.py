"""Whether a worker of this host is still there.

Each worker holds a lock on a file of its own for as long as it lives; the kernel lets go of it when the
process ends, however it ends. A frozen worker keeps it: it is not dead, and may wake at any time.

Belongs here: the locks. Not here: rows of workers (metadata/workers.py), who writes to what (leases.py).
"""

import fcntl
import os
import re
import secrets
from pathlib import Path

_WORKER_ID = re.compile(r"[0-9a-f]{16}", re.ASCII)


def new_worker_id() -> str:
    """Sixteen hex digits, never used before."""
    return secrets.token_hex(8)


class Liveness:
    """The locks of all workers that share a folder."""

    def __init__(self, folder: Path, worker: str) -> None:
        self._folder = folder
        self._worker = worker
        self._descriptor: int | None = None

    def open(self) -> None:
        """Take this worker's lock. Must be done before its row is written."""
        self._folder.mkdir(parents=True, exist_ok=True)
        # Python opens close-on-exec; a lock inherited by a child would outlive its worker.
        descriptor = os.open(self._path(self._worker), os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        self._descriptor = descriptor

    def folder(self) -> os.stat_result:
        """Of the folder with the locks, which our own lock holds open. To be asked while that is taken."""
        return self._folder.stat()

    def close(self) -> None:
        """Let go; from now on this worker is dead."""
        if self._descriptor is None:
            return
        self.forget(self._worker)
        os.close(self._descriptor)
        self._descriptor = None

    def is_dead(self, worker: str) -> bool:
        """True once the process is gone. False for ourselves and for a frozen one.

        Only for workers whose lock is in this folder, which standing.py knows.
        """
        if worker == self._worker or not _WORKER_ID.fullmatch(worker):
            return False
        try:
            descriptor = os.open(self._path(worker), os.O_RDWR)
        except FileNotFoundError:
            return True  # removed by its owner's exit, or after its burial
        try:
            # Shared, so that two who look at once do not take each other for the worker.
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        else:
            return True
        finally:
            os.close(descriptor)

    def forget(self, worker: str) -> None:
        """Remove the lock file of a buried worker."""
        self._path(worker).unlink(missing_ok=True)

    def _path(self, worker: str) -> Path:
        return self._folder / f"{worker}.lock"
