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
"""Seconds in which no look finds it waiting for its disk. A slow commit is many short waits, with moments
between them; whoever has not even said since when it holds the lock does so in microseconds otherwise."""

_LOOK_EVERY = 0.5
_NS = 1_000_000_000


async def watch_write_lock(lock: Path, child_by_pid: Callable[[int], Child | None]) -> None:
    """Look for ever. Only children of ours are killed, and only after several looks that say the same."""
    before: Holder | None = None
    seen = still = 0.0
    while True:
        now, waits = await asyncio.to_thread(_look, lock)
        moment = time.monotonic()
        if now != before:
            seen = still = moment
        elif waits:
            still = moment
        if now is not None and is_frozen(now, seen_for=moment - seen, still_for=moment - still):
            _kill(now, child_by_pid(now.pid))
        before = now
        await asyncio.sleep(_LOOK_EVERY)


def _look(lock: Path) -> tuple[Holder | None, bool]:
    """Who holds it, and whether it waits for its disk."""
    # What cannot be read now may be readable later; this watch must not be what ends the supervisor.
    with suppress(OSError):
        if (found := holder(lock)) is not None:
            return found, waits_for_disk(found.pid)
    return None, False


def is_frozen(found: Holder, *, seen_for: float, still_for: float) -> bool:
    """Seconds in which every look found this holder, and in which none found it waiting for its disk."""
    is_overdue = found.held_since_ns == 0 or _held_for(found) > LONGEST_HOLD
    return seen_for > LONGEST_WAIT or (is_overdue and still_for > LONGEST_SILENCE)


def waits_for_disk(pid: int, proc: Path = Path("/proc")) -> bool:
    """Whether any thread is in uninterruptible sleep (proc(5), stat, field 3)."""
    try:
        threads = list((proc / str(pid) / "task").iterdir())
    except OSError:
        return False
    return any(map(_is_uninterruptible, threads))


def _is_uninterruptible(thread: Path) -> bool:
    with suppress(OSError):  # it ends just now
        # The name before it is in parentheses, and may have some in it.
        return (thread / "stat").read_text(errors="replace").rpartition(")")[2].split()[0] == "D"
    return False


def _held_for(found: Holder) -> float:
    return (time.monotonic_ns() - found.held_since_ns) / _NS


def _kill(found: Holder, child: Child | None) -> None:
    if child is None:
        log.warning("write_lock.held", pid=found.pid)
        return
    log.error("worker.frozen", pid=found.pid)
    child.signal(signal.SIGKILL)
