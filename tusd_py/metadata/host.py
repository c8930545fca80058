"""Which host this is, and which locks it sees.

Belongs here: telling hosts apart. Not here: what is refused to a second one (facts.py, assemble/member.py).
"""

from dataclasses import dataclass, replace
from os import stat_result
from pathlib import Path
from typing import Self

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_MACHINE_ID = Path("/etc/machine-id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A running kernel, the installation that it runs, and the folder with the locks of its workers."""

    boot: str
    """Shared by all containers of a host; changes when it restarts, and says whether unsynced bytes can
    still be there."""
    machine: str
    """Stays over a restart; often missing in containers."""
    folder: str = ""
    """Device and inode of the folder with the locks, which name one folder while anybody has it open. Two
    containers have one kernel and may have a folder each."""

    @classmethod
    def this(cls) -> Self:
        """Raises OSError where the kernel gives no boot id."""
        return cls(boot=_BOOT_ID.read_text().strip(), machine=_read_machine_id())

    def with_locks_in(self, folder: stat_result) -> Self:
        """`folder` was asked for while a lock file in it was held open, which it stays."""
        return replace(self, folder=f"{folder.st_dev}:{folder.st_ino}")

    def is_same(self, other: "Host") -> bool:
        """Also when it was restarted in between."""
        return self.boot == other.boot or (self.machine != "" and self.machine == other.machine)

    def sees_locks_of(self, other: "Host") -> bool:
        """The kernel that answers us keeps the other's locks too, in the same folder."""
        return self.boot == other.boot and self.folder == other.folder != ""

    def __str__(self) -> str:
        return "/".join(filter(None, (self.boot, self.machine or "-", self.folder)))

    @classmethod
    def parse(cls, text: str) -> Self:
        """What `str` made."""
        boot, _, rest = text.partition("/")
        machine, _, folder = rest.partition("/")
        return cls(boot=boot, machine="" if machine == "-" else machine, folder=folder)


def _read_machine_id() -> str:
    try:
        return _MACHINE_ID.read_text().strip()
    except OSError:
        return ""
