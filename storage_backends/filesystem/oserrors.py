"""What the kernel said, in the words of the seam.

Belongs here: the one place where an OSError becomes a StorageError. Not here: deciding what happens next.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from storage_backends.base import StorageBroken, StorageError, StorageFull, StorageMissing

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""No room, or none for this user, or none in one file (EFBIG: RLIMIT_FSIZE, or the filesystem's limit)."""

ASTRAY = frozenset({errno.ELOOP, errno.ENOTDIR})
"""Something else lies where a folder or a file of ours should be; with O_NOFOLLOW, a symbolic link."""


def storage_error(exc: OSError, ref: str) -> StorageError:
    """For anything but a failed write or sync."""
    if exc.errno in FULL:
        return StorageFull(f"no room for {ref}: {exc.strerror}")
    if exc.errno == errno.ENOENT:
        return StorageMissing(f"{ref} is not there")
    if exc.errno in ASTRAY:
        return StorageError(f"{ref}: a symbolic link or a file lies where a folder of ours should be")
    return StorageError(f"{ref}: {exc.strerror}")


def write_error(exc: OSError, ref: str) -> StorageError:
    """For a failed write or sync: unless there was no room, nobody knows what reached the medium."""
    if exc.errno in FULL:
        return StorageFull(f"no room for {ref}: {exc.strerror}")
    return StorageBroken(f"writing {ref} failed, what reached the disk is unknown: {exc.strerror}")


@contextmanager
def told_as_storage_error(ref: str) -> Iterator[None]:
    """Translate what the kernel says about `ref`."""
    try:
        yield
    except OSError as exc:
        raise storage_error(exc, ref) from exc


@contextmanager
def told_as_write_error(ref: str) -> Iterator[None]:
    """Translate what the kernel says about writing or syncing `ref`."""
    try:
        yield
    except OSError as exc:
        raise write_error(exc, ref) from exc
