"""A worker that froze while it held SQLite's write lock stops every other one; it is killed.

That loses nothing: what it had not committed, no client was told.

Belongs here: noticing. Not here: the lock (metadata/write_lock.py), the next worker (supervise.py).
"""

import asyncio
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tusd_py.log import get_logger
from tusd_py.metadata.write_lock import Holder, holder

from .child import Child

log = get_logger("tusd_py.supervisor")

LONGEST_HOLD = 3.0
"""Seconds. A batch takes milliseconds; a busy disk makes that a second."""

LONGEST_WAIT = 30.0
"""Seconds for which a holder is left alone that waits for its disk: to kill it makes no commit faster, and
takes along what its worker is receiving."""

LONGEST_SILENCE = 2.5
"""Seconds in which every look finds the same holder that has not even said since when it holds the lock. That
takes microseconds, so looks that keep finding it mean that it was frozen there."""

_LOOK_EVERY = 0.5
_NS = 1_000_000_000


async def watch_write_lock(lock: Path, child_by_pid: Callable[[int], Child | None]) -> None:
    """Look for ever. Only children of ours are killed, and only after two looks that say the same."""
    before: Holder | None = None
    first_seen = 0.0
    while True:
        now = await asyncio.to_thread(_look, lock)
        if now != before:
            first_seen = time.monotonic()
        elif now is not None and is_frozen(now, seen_for=time.monotonic() - first_seen):
            _kill(now, child_by_pid(now.pid))
        before = now
        await asyncio.sleep(_LOOK_EVERY)


def _look(lock: Path) -> Holder | None:
    # What cannot be read now may be readable later; this watch must not be what ends the supervisor.
    with suppress(OSError):
        return holder(lock)
    return None


def is_frozen(found: Holder, *, seen_for: float) -> bool:
    if found.held_since_ns == 0:
        return seen_for > LONGEST_SILENCE
    held_for = _held_for(found)
    return held_for > LONGEST_WAIT or (held_for > LONGEST_HOLD and not waits_for_disk(found.pid))


def waits_for_disk(pid: int, proc: Path = Path("/proc")) -> bool:
    """Whether any thread is in uninterruptible sleep (proc(5), stat, field 3); a stopped one never is."""
    with suppress(OSError):  # it ends just now
        for task in (proc / str(pid) / "task").iterdir():
            # The name before it is in parentheses, and may have some in it.
            if (task / "stat").read_text(errors="replace").rpartition(")")[2].split()[0] == "D":
                return True
    return False


def _held_for(found: Holder) -> float:
    return (time.monotonic_ns() - found.held_since_ns) / _NS


def _kill(found: Holder, child: Child | None) -> None:
    if child is None:
        log.warning("write_lock.held", pid=found.pid)
        return
    log.error("worker.frozen", pid=found.pid)
    child.signal(signal.SIGKILL)
