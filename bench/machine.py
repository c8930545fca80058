"""The machine that figures come from, and getting it ready.

Belongs here: what a reader must know to compare, and the memory trap. Not here: measuring.
"""

import os
import platform
import resource
from collections.abc import Iterator
from pathlib import Path

from .measure import parse_sizes
from .units import GIB, MIB


def describe() -> dict[str, str]:
    """Processor, cores, memory, kernel, Python, and how busy it is now."""
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{_meminfo('MemTotal') / GIB:.0f} GiB",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load before": f"{os.getloadavg()[0]:.1f}",
    }


def touch(folder: Path, wanted: int) -> int:
    """Fill and free so many bytes of a tmpfs; returns how many it were.

    The memory of a virtual machine is slow when it is touched for the first time (600 MB/s against
    2,100): without this, whoever writes first looks slow. Takes at most half of what is free.
    """
    count = min(wanted, _meminfo("MemAvailable") // 2)
    path = folder / f"tusd-py-bench-touch-{os.getpid()}"
    try:
        with path.open("wb") as file:
            for size in _pieces(count):
                file.write(bytes(size))
    finally:
        path.unlink(missing_ok=True)
    return count


def allow_many_files() -> int:
    """Raise the limit on open files as far as it goes; returns it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


def heading(options_text: str) -> str:
    """What stands above the tables."""
    machine = ", ".join(f"{name} {value}" for name, value in describe().items())
    return f"{machine}. {options_text}"


def _pieces(count: int) -> Iterator[int]:
    for at in range(0, count, MIB):
        yield min(MIB, count - at)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _meminfo(name: str) -> int:
    return parse_sizes(Path("/proc/meminfo").read_text(encoding="ascii")).get(name, 0)
