"""How much of the disk is free, looked at now and then.

Thousands of small creations a second need not ask the kernel each. What is remembered may only let an upload
in; before one is refused, the disk is looked at again.

Belongs here: the floor, and for how long a look counts. Not here: where the root is (folder.py).
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from storage_backends.base import StorageFull

from .oserrors import told_as_storage_error

_FLOOR_SHARE = 50
"""The free-space floor is never more than one part in this many of the disk (2 %)."""

LOOK_EVERY = 0.1
"""Seconds. A disk of 5 GB/s takes half a GiB meanwhile; the floor is there for that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Bytes, as seen at one moment."""

    free: int
    floor: int
    seen_at: float
    """On the monotonic clock."""

    def is_recent(self) -> bool:
        return time.monotonic() - self.seen_at < LOOK_EVERY

    def has(self, wanted: int) -> bool:
        return self.free - wanted >= self.floor

    def check(self, wanted: int) -> None:
        """Raises StorageFull."""
        if not self.has(wanted):
            raise StorageFull(f"{self.free} bytes are free, wanted {wanted} and a reserve of {self.floor}")


def look_at(root: Callable[[], int], floor: int) -> Room:
    """Blocks. Raises StorageError. `root` opens a descriptor on the disk; `floor` is wanted to stay free."""
    seen_at = time.monotonic()
    with told_as_storage_error("the root"):
        descriptor = root()
        try:
            disk = os.fstatvfs(descriptor)
        finally:
            os.close(descriptor)
    return Room(
        free=disk.f_bavail * disk.f_frsize,
        floor=min(floor, disk.f_blocks * disk.f_frsize // _FLOOR_SHARE),
        seen_at=seen_at,
    )
