"""Making sure of the root folder at start, or saying in one sentence why it cannot be used.

Belongs here: what an operator can get wrong about the folder. Not here: what is kept in it. All of it blocks.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from storage_backends.base import StorageError

from .oserrors import FULL


def make_root(root: Path, dir_perms: int) -> None:
    """Make the folder and those above it, durably. Raises StorageError."""
    with told_to_the_operator(root):
        missing = [folder for folder in (root, *root.parents) if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir(dir_perms, exist_ok=True)
            _sync(folder.parent)


def probe(root: Path) -> None:
    """Make and remove a file. Raises StorageError.

    A full disk is no reason to refuse: what is stored can be read, and removed to make room.
    """
    # No ref begins with "~", so this is nobody's name.
    trial = root / f"~probe.{os.getpid()}"
    with told_to_the_operator(root):
        try:
            os.close(os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        except OSError as exc:
            if exc.errno in FULL:
                return
            raise
        with suppress(FileNotFoundError):
            trial.unlink()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def told_to_the_operator(root: Path) -> Iterator[None]:
    """What the kernel said about the root, as a StorageError with a sentence to act on."""
    try:
        yield
    except OSError as exc:
        raise StorageError(f"cannot keep uploads in {root}: {_reason(exc)}") from exc


def _reason(exc: OSError) -> str:
    if exc.errno in (errno.EACCES, errno.EPERM):
        return f"user {os.geteuid()} may not make files and folders there"
    if exc.errno == errno.EROFS:
        return "the filesystem is mounted read-only"
    if exc.errno in (errno.ENOTDIR, errno.EEXIST):
        return f"{exc.filename} is a file, wanted a folder"
    return exc.strerror or str(exc)
