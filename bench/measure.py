"""What a program and all its descendants cost, as the kernel counts it in /proc (proc(5)).

CPU includes children that have ended and were waited for, so that nothing escapes by forking.

Belongs here: CPU, memory and threads of a process tree. Not here: whose tree it is.
"""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_GONE = (FileNotFoundError, ProcessLookupError)
"""The process ended between being listed and being read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One line of /proc/PID/stat."""

    pid: int
    parent: int
    user: float
    """Seconds, with those of children that were waited for."""
    system: float
    threads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cpu:
    """Seconds of CPU."""

    user: float
    system: float

    @property
    def total(self) -> float:
        return self.user + self.system

    def since(self, before: "Cpu") -> "Cpu":
        return Cpu(user=self.user - before.user, system=self.system - before.system)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Bytes."""

    peak: int
    """The sum of the largest resident sets; pages that processes share count in each."""
    resident: int
    """The sum of the proportional sets: shared pages count once."""


def parse_stat(text: str) -> Process:
    """The command's name may hold blanks and parentheses; the last parenthesis ends it."""
    pid, _, rest = text.partition(" ")
    fields = rest.rpartition(")")[2].split()
    utime, stime, children_user, children_system = (int(field) for field in fields[11:15])
    return Process(
        pid=int(pid),
        parent=int(fields[1]),
        user=(utime + children_user) / _TICKS,
        system=(stime + children_system) / _TICKS,
        threads=int(fields[17]),
    )


def parse_sizes(text: str) -> dict[str, int]:
    """Lines such as `VmHWM:  1234 kB` (status, smaps_rollup, meminfo) as bytes."""
    lines = (line.split() for line in text.splitlines())
    return {words[0].removesuffix(":"): int(words[1]) * 1024 for words in lines if words[2:] == ["kB"]}


def family(root: int) -> list[Process]:
    """`root` and everything below it that is alive; empty when it has ended."""
    every = {process.pid: process for process in _all_processes()}
    return [process for process in every.values() if _is_below(process, root, every)]


def cpu(root: int) -> Cpu:
    """What the tree has used since it began."""
    members = family(root)
    return Cpu(user=sum(member.user for member in members), system=sum(member.system for member in members))


def threads(root: int) -> int:
    """All threads of the tree."""
    return sum(member.threads for member in family(root))


def memory(root: int) -> Memory:
    """Walks the page tables of every member: not for a tight loop."""
    pids = [member.pid for member in family(root)]
    return Memory(
        peak=sum(_sizes(pid, "status").get("VmHWM", 0) for pid in pids),
        resident=sum(_sizes(pid, "smaps_rollup").get("Pss", 0) for pid in pids),
    )


def settle(root: int, *, quiet: float = 0.2, within: float = 5.0) -> None:
    """Wait until the tree has finished what the last requests left it to do.

    Quiet is at most one tick of CPU in `quiet` seconds. Gives up after `within`: a server that never rests
    is charged for it.
    """
    deadline = time.monotonic() + within
    before = cpu(root)
    while time.monotonic() < deadline:
        time.sleep(quiet)
        after = cpu(root)
        if after.since(before).total <= 1.5 / _TICKS:
            return
        before = after


def _all_processes() -> Iterator[Process]:
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(*_GONE):
            yield parse_stat(path.read_text(encoding="utf-8", errors="replace"))


def _is_below(process: Process, root: int, every: dict[int, Process]) -> bool:
    at: Process | None = process
    while at is not None:
        if at.pid == root:
            return True
        at = every.get(at.parent)
    return False


def _sizes(pid: int, file: str) -> dict[str, int]:
    try:
        return parse_sizes(Path(f"/proc/{pid}/{file}").read_text(encoding="ascii", errors="replace"))
    except _GONE:
        return {}


def total_cpu(roots: Iterable[int]) -> Cpu:
    """Of several trees."""
    used = [cpu(root) for root in roots]
    return Cpu(user=sum(one.user for one in used), system=sum(one.system for one in used))
