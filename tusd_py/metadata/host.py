"""Which host this is.

Belongs here: telling hosts apart. Not here: what is refused to a second one (facts.py).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_MACHINE_ID = Path("/etc/machine-id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A running kernel, and the installation that it runs."""

    boot: str
    """Shared by all containers of a host; changes when it restarts."""
    machine: str
    """Stays over a restart; often missing in containers."""

    @classmethod
    def this(cls) -> Self:
        """Raises OSError where the kernel gives no boot id."""
        return cls(boot=_BOOT_ID.read_text().strip(), machine=_read_machine_id())

    def is_same(self, other: "Host") -> bool:
        """Also when it was restarted in between."""
        return self.boot == other.boot or (self.machine != "" and self.machine == other.machine)

    def __str__(self) -> str:
        return f"{self.boot}/{self.machine}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """What `str` made."""
        boot, _, machine = text.partition("/")
        return cls(boot=boot, machine=machine)


def _read_machine_id() -> str:
    try:
        return _MACHINE_ID.read_text().strip()
    except OSError:
        return ""
