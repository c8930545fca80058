"""Is there a place for bytes, locks and sockets?

Belongs here: folders as the kernel shows them. Not here: what is in them (fsck).
"""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from storage_backends.filesystem.room import Room, look_at
from tusd_py.metadata.local_disk import filesystem_type, is_shared_filesystem

from .finding import Finding, well, wrong

CHECK = "disk"
_FORGETFUL = frozenset({"tmpfs", "ramfs"})


def look_at_folder(
    folder: Path, setting: str, *, survives_power: bool, may_be_shared: bool, floor: int
) -> Iterator[Finding]:
    """`floor` is storage.free_space_floor, 0 where any number will do. It need not be there yet."""
    try:
        existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    except OSError as failed:
        yield wrong(
            CHECK,
            f"{folder} cannot be looked at by user id {os.geteuid()}: {failed.strerror}",
            f"let that user enter the folders above it, or let {setting} name another folder",
        )
        return
    if not existing.is_dir():
        yield wrong(CHECK, f"{existing} is no folder", f"let {setting} name a folder")
        return
    if not os.access(existing, os.W_OK | os.X_OK):
        yield wrong(
            CHECK,
            f"{existing} cannot be written to by user id {os.geteuid()}",
            f"chown {os.geteuid()} {existing}, or let {setting} name another folder",
        )
        return
    kind = filesystem_type(existing)
    if survives_power and kind in _FORGETFUL:
        yield wrong(
            CHECK,
            f'{folder} is on {kind}, which a power cut empties, and storage.durability is "power"',
            f"let {setting} name a folder on a disk",
        )
        return
    if not may_be_shared and is_shared_filesystem(existing):
        yield wrong(
            CHECK,
            f"{folder} is on {kind}, which other hosts may share",
            f"let {setting} name a folder on a local disk, or declare storage.shared = true (docs/deploy.md)",
        )
        return
    room = look_at(partial(os.open, existing, os.O_PATH | os.O_DIRECTORY), floor)
    yield judge(room, f"{folder}: {kind or 'unknown filesystem'}")


def judge(room: Room, where: str) -> Finding:
    """By the rule of the server, which wants no more than 2 % of a disk to stay free."""
    if room.has(0):
        return well(CHECK, f"{where}, {_mib(room.free)} free")
    return wrong(
        CHECK,
        f"{where}, {_mib(room.free)} free, and {_mib(room.floor)} are to stay free: new uploads get 507",
        "make room, or lower storage.free_space_floor",
    )


def _mib(size: int) -> str:
    return f"{size / (1 << 20):,.0f} MiB"
