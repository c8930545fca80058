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

import structlog

from tusd_py.metadata.write_lock import Holder, holder

from .child import Child

log = structlog.get_logger("tusd_py.supervisor")

LONGEST_HOLD = 3.0
"""Seconds. A batch takes milliseconds; a busy disk makes that a second."""

_LOOK_EVERY = 0.5
_NS = 1_000_000_000


async def watch_write_lock(lock: Path, child_by_pid: Callable[[int], Child | None]) -> None:
    """Look for ever. Only children of ours are killed, and only after two looks that say the same."""
    before: Holder | None = None
    while True:
        now = await asyncio.to_thread(_look, lock)
        if now is not None and now == before and _held_for(now) > LONGEST_HOLD:
            _kill(now, child_by_pid(now.pid))
        before = now
        await asyncio.sleep(_LOOK_EVERY)


def _look(lock: Path) -> Holder | None:
    # What cannot be read now may be readable later; this watch must not be what ends the supervisor.
    with suppress(OSError):
        return holder(lock)
    return None


def _held_for(found: Holder) -> float:
    return (time.monotonic_ns() - found.held_since_ns) / _NS


def _kill(found: Holder, child: Child | None) -> None:
    if child is None:
        log.warning("write_lock.held", pid=found.pid, seconds=round(_held_for(found), 1))
        return
    log.error("worker.frozen", pid=found.pid, seconds=round(_held_for(found), 1))
    child.signal(signal.SIGKILL)
