"""How often somebody does something: the generic cell rate algorithm over a table that all workers share.

For each key the table has the moment at which it would be idle again, had it been served evenly. Whoever is
further ahead of that than a burst has to wait. One number a key is all it takes, so the table is a file in
memory without a lock: of two workers that write the same slot at once one is forgotten, which lets one
request too many through. Everything here is by the kernel's clock, which all processes share and nobody sets.

Hosts have a table each. Where they are to count together, each tells the database now and then what was had
from it, and hears how far ahead each key is with what was had from all (`account`, `postpone`).

Belongs here: counting. Not here: telling (work/rates.py), what is counted, and what a client hears
(server/rate_limits.py).
"""

import mmap
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

SLOTS = 1 << 15
PROBES = 8
"""Slots in which a key may be. When all are taken by others that are not idle, the first is taken over."""
_SLOT = struct.Struct("<Qd")
_SIZE = SLOTS * _SLOT.size


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How much of something."""

    per_second: float
    burst: float
    """How much at once."""
    others: float = 0.0
    """Where nodes count together: seconds by which all of them may be further ahead than this one alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """After something was asked for."""

    wait: float
    """Seconds until there is room; 0 when there was."""
    remaining: float
    """How much more may be had at once."""
    reset: float
    """Seconds until all of a burst may be had again."""


class RateTable:
    """The table. `path` is shared by the workers of a host; None is for one process alone."""

    def __init__(self, path: Path | None, *, boot: str, clock: Callable[[], float]) -> None:
        """`clock` in seconds, the same for all processes since `boot`. Raises OSError."""
        self._clock = clock
        self._told: dict[int, float] | None = None
        self._others: dict[int, float] = {}
        self._table = mmap.mmap(-1, _SIZE) if path is None else _mapped(path)
        stamp = _hash(boot)
        # The first slot says of which boot the times are. Who finds another one begins anew.
        if _SLOT.unpack_from(self._table, 0)[0] != stamp:
            self._table[:] = bytes(_SIZE)
            _SLOT.pack_into(self._table, 0, stamp, 0.0)

    def keep_account(self) -> None:
        """From now on, remember what was had, for `account`."""
        self._told = {}

    def account(self) -> dict[int, float]:
        """What was had here since the last time: by key, the seconds in which that comes up again."""
        if self._told is None:
            return {}
        told, self._told = self._told, {}
        return told

    def put_back(self, account: dict[int, float]) -> None:
        """It could not be told: it is part of the next one."""
        if self._told is not None and len(self._told) + len(account) <= SLOTS:
            for name, seconds in account.items():
                self._told[name] = self._told.get(name, 0.0) + seconds

    def postpone(self, name: int, ahead: float) -> None:
        """With what was had from all nodes, this key is idle in `ahead` seconds."""
        now = self._clock()
        slot, idle_at = self._find(name, now)
        own = ahead - self._others.pop(name, 0.0)
        if now + own > idle_at:
            _SLOT.pack_into(self._table, slot, name, now + own)

    def take(self, key: str, amount: float, rate: Rate) -> Counted:
        """Have it, if there is room; nothing is counted otherwise."""
        return self._count(key, amount, rate, always=False)

    def push(self, key: str, amount: float, rate: Rate) -> Counted:
        """Have it in any case; `wait` says how long one should wait before the next."""
        return self._count(key, amount, rate, always=True)

    def close(self) -> None:
        self._table.close()

    def _count(self, key: str, amount: float, rate: Rate, *, always: bool) -> Counted:
        now, name = self._clock(), _hash(key)
        slot, idle_at = self._find(name, now)
        after = max(idle_at, now) + amount / rate.per_second
        ahead = rate.burst / rate.per_second
        wait = max(0.0, after - ahead - now)
        if always or not wait:
            _SLOT.pack_into(self._table, slot, name, after)
            idle_at = after
            if self._told is not None:
                self._told[name] = self._told.get(name, 0.0) + amount / rate.per_second
                self._others[name] = rate.others
        reset = max(0.0, idle_at - now)
        return Counted(wait=wait, remaining=max(0.0, (ahead - reset) * rate.per_second), reset=reset)

    def _find(self, name: int, now: float) -> tuple[int, float]:
        """Offset of the slot of a key, and when it is idle."""
        free: int | None = None
        first = 0
        for probe in range(PROBES):
            offset = (1 + (name + probe) % (SLOTS - 1)) * _SLOT.size
            first = first or offset
            found, idle_at = _SLOT.unpack_from(self._table, offset)
            if found == name:
                return offset, idle_at
            if free is None and idle_at <= now:
                free = offset
        return (first if free is None else free), 0.0


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(errors="surrogateescape"), digest_size=8).digest(), "little")


def _mapped(path: Path) -> mmap.mmap:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.ftruncate(descriptor, _SIZE)
        return mmap.mmap(descriptor, _SIZE)
    finally:
        os.close(descriptor)
