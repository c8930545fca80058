"""Walking everything below the root: every file for the sweep, every empty folder to tidy up.

Names come and go while we walk, and that is no error. Symbolic links are neither followed nor told, and
the service's own folder is none of our business. These generators block; the backend runs them in the
disk pool, a batch at a time.
"""

import errno
import os
from collections.abc import Generator

from storage_backends.base import Listed
from storage_backends.refs import SERVICE_FOLDER, is_spelled

from .folder import FOLDER

_CHANGED = frozenset({errno.ENOENT, errno.ELOOP, errno.ENOTDIR})
_IN_USE = frozenset({errno.ENOTEMPTY, errno.EEXIST, errno.EBUSY, errno.ENOENT})


def files(folder: int, prefix: str = "") -> Generator[Listed, None, None]:
    """Every regular file below `folder`, a descriptor that stays the caller's. Raises OSError."""
    for entry in _entries(folder, prefix):
        if entry.is_dir(follow_symlinks=False):
            yield from _files_in(folder, prefix, entry.name)
        elif entry.is_file(follow_symlinks=False):
            size = _size(entry)
            if size is not None:
                yield Listed(ref=prefix + entry.name, size=size)


def _files_in(folder: int, prefix: str, name: str) -> Generator[Listed, None, None]:
    inner = _enter(folder, name)
    if inner is None:
        return
    try:
        yield from files(inner, f"{prefix}{name}/")
    finally:
        os.close(inner)


def remove_empty_folders(folder: int, prefix: str = "") -> Generator[str, None, None]:
    """Remove every folder below `folder` that is empty, inner ones first; tells each one tried.

    The kernel refuses to remove a folder that somebody has just put a file in, so there is no race to lose.
    Raises OSError.
    """
    for entry in _entries(folder, prefix):
        if entry.is_dir(follow_symlinks=False):
            yield from _tidy_in(folder, prefix, entry.name)


def _tidy_in(folder: int, prefix: str, name: str) -> Generator[str, None, None]:
    inner = _enter(folder, name)
    if inner is None:
        return
    try:
        yield from remove_empty_folders(inner, f"{prefix}{name}/")
    finally:
        os.close(inner)
    try:
        os.rmdir(name, dir_fd=folder)
    except OSError as exc:
        if exc.errno not in _IN_USE:
            raise
    yield prefix + name


def _entries(folder: int, prefix: str) -> Generator["os.DirEntry[str]", None, None]:
    with os.scandir(folder) as found:
        for entry in found:
            if is_spelled(entry.name) and (prefix or entry.name != SERVICE_FOLDER):
                yield entry


def _enter(folder: int, name: str) -> int | None:
    try:
        return os.open(name, FOLDER, dir_fd=folder)
    except OSError as exc:
        if exc.errno in _CHANGED:
            return None
        raise


def _size(entry: "os.DirEntry[str]") -> int | None:
    try:
        return entry.stat(follow_symlinks=False).st_size
    except FileNotFoundError:
        return None
