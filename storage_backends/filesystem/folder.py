"""Opening below the root, and never outside it.

Every component of a ref is opened relative to the folder before it and without following symbolic links,
so neither a hostile ref nor a link planted in the tree leads anywhere else. These functions block; they run
in the disk pool. Whoever gets a descriptor closes it.

Belongs here: folders, and opening files in them. Not here: what is in the files.
"""

import errno
import os
import stat
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from storage_backends.base import Durability, StorageError

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A fifo planted under a name of ours must not block the thread; regular files do not care.
_FILE = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK

_ATTEMPTS = 100
"""How often a new folder may be tidied away under us before we give up."""

_REMEMBERED = 256
"""Folders held open because their names are known to be durable."""

_NEAR = 32
"""Folders held open because files were made in them a moment ago."""
NEAR_FOR = 1.0
"""Seconds for which such a folder is used without walking to it again. Whoever moves folders about moves what
was made in them a second before, too."""


class OpenFolder:
    """A folder's descriptor, closed by whoever lets go of it last. Safe to use from any thread."""

    __slots__ = ("_holders", "_lock", "descriptor")

    def __init__(self, descriptor: int) -> None:
        """Held by the caller."""
        self.descriptor = descriptor
        self._holders = 1
        self._lock = Lock()

    def hold(self) -> bool:
        """False when it was closed meanwhile."""
        with self._lock:
            self._holders += bool(self._holders)
            return self._holders > 0

    def let_go(self) -> None:
        with self._lock:
            self._holders -= 1
            if self._holders == 0:
                os.close(self.descriptor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A file just opened for writing, and the folder that holds its name, to be let go of."""

    file: int
    folder: OpenFolder


class Folders:
    """The folders below one root. Safe to use from any thread."""

    def __init__(self, root: Path, *, dir_perms: int, durability: Durability) -> None:
        self._root = root
        self._dir_perms = dir_perms
        self._durable = _DurableNames() if durability is Durability.POWER else None
        self._near = _NearFolders()
        self._lock = Lock()
        self._descriptor: int | None = None

    def open(self) -> None:
        """The root itself may be a symbolic link: it is the operator's. Raises OSError."""
        self._descriptor = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def close(self) -> None:
        """May be called twice."""
        if self._durable is not None:
            self._durable.forget_all()
        self._near.forget_all()
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def root(self) -> int:
        """A descriptor of the root folder, the caller's to close. Raises StorageError when closed."""
        with self._lock:
            if self._descriptor is None:
                raise StorageError(f"{self._root} is not open")
            # Not dup: two walks at once would share one reading position.
            return os.open(".", FOLDER, dir_fd=self._descriptor)

    @contextmanager
    def reached(self, parts: Sequence[str]) -> Iterator[int]:
        """The folder `parts`, as it is now. Raises FileNotFoundError, OSError."""
        folder = self.root()
        try:
            for part in parts:
                inner = os.open(part, FOLDER, dir_fd=folder)
                os.close(folder)
                folder = inner
            yield folder
        finally:
            os.close(folder)

    def open_file(self, parts: Sequence[str], flags: int, *, others_follow: bool = False) -> int:
        """An existing regular file. Raises FileNotFoundError, OSError.

        Its folder is remembered for a moment if `others_follow` in the same one; not with durability "power".
        """
        near = self._near.find(parts[:-1])
        if near is not None:
            try:
                # Not there: it may be a folder that was removed and made anew.
                with suppress(FileNotFoundError):
                    return _regular(os.open(parts[-1], flags | _FILE, dir_fd=near.descriptor))
            finally:
                near.let_go()
        with self.reached(parts[:-1]) as folder:
            # With durability "power" its name may not be durable, whatever the one who made it thought.
            if others_follow and self._durable is None:
                walked_to = OpenFolder(os.dup(folder))
                self._near.add(parts[:-1], walked_to)
                walked_to.let_go()
            return _regular(os.open(parts[-1], flags | _FILE, dir_fd=folder))

    def make_file(self, parts: Sequence[str], flags: int, perms: int) -> Made:
        """A file, made if need be together with its folders. Raises OSError.

        With durability "power" the names of the folders are durable when this returns; the file's own is
        not: sync `Made.folder` for that.
        """
        near = self._near.find(parts[:-1])
        if near is not None:
            # In a folder that was removed, nothing can be made.
            with suppress(FileNotFoundError):
                return _make_in(near, parts[-1], flags, perms)
        for _ in range(_ATTEMPTS):
            # The sweep may remove an empty folder between our making and our using it.
            with suppress(FileNotFoundError):
                return self._try_to_make_file(parts, flags, perms)
        raise OSError(errno.EBUSY, "its folder vanishes as soon as it is made")

    def _try_to_make_file(self, parts: Sequence[str], flags: int, perms: int) -> Made:
        folder = OpenFolder(self._make_folder(parts[:-1]))
        made = _make_in(folder, parts[-1], flags, perms)
        self._near.add(parts[:-1], folder)
        return made

    def _make_folder(self, parts: Sequence[str]) -> int:
        folder = self.root()
        try:
            for depth, part in enumerate(parts, start=1):
                inner = self._enter(folder, part)
                try:
                    if self._durable is not None:
                        self._durable.ensure(tuple(parts[:depth]), outer=folder, inner=inner)
                except BaseException:
                    os.close(inner)
                    raise
                os.close(folder)
                folder = inner
        except BaseException:
            os.close(folder)
            raise
        return folder

    def _enter(self, folder: int, part: str) -> int:
        with suppress(FileNotFoundError):
            return os.open(part, FOLDER, dir_fd=folder)
        with suppress(FileExistsError):
            os.mkdir(part, self._dir_perms, dir_fd=folder)
        return os.open(part, FOLDER, dir_fd=folder)


def _make_in(folder: OpenFolder, name: str, flags: int, perms: int) -> Made:
    """Takes the caller's hold on the folder."""
    try:
        file = os.open(name, flags | os.O_CREAT | _FILE, perms, dir_fd=folder.descriptor)
        # What did not exist before is what we made of it.
        return Made(file=file if flags & os.O_EXCL else _regular(file), folder=folder)
    except BaseException:
        folder.let_go()
        raise


def _regular(file: int) -> int:
    # A device or a fifo would swallow acknowledged bytes.
    if stat.S_ISREG(os.fstat(file).st_mode):
        return file
    os.close(file)
    raise OSError(errno.EINVAL, "is not a regular file")


class _NearFolders:
    """Folders that were walked to a moment ago: each step of a walk costs as much as writing a small file."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._found: OrderedDict[tuple[str, ...], tuple[OpenFolder, float]] = OrderedDict()

    def find(self, parts: Sequence[str]) -> OpenFolder | None:
        """Held by the caller; None when it has to be walked to."""
        found = self._found.get(tuple(parts))
        if found is None or time.monotonic() - found[1] > NEAR_FOR:
            return None
        return found[0] if found[0].hold() else None

    def add(self, parts: Sequence[str], folder: OpenFolder) -> None:
        """Just walked to, and its name is as durable as it has to be."""
        folder.hold()
        with self._lock:
            before = self._found.pop(tuple(parts), None)
            self._found[tuple(parts)] = (folder, time.monotonic())
            surplus = self._found.popitem(last=False)[1] if len(self._found) > _NEAR else None
        for old in (before, surplus):
            if old is not None:
                old[0].let_go()

    def forget_all(self) -> None:
        with self._lock:
            found, self._found = self._found, OrderedDict()
        for folder, _ in found.values():
            folder.let_go()


class _DurableNames:
    """Folders whose names this process has seen synced.

    That a folder exists says nothing: another process may have made it a moment ago and not synced it yet.
    Each one is held open, so that its inode number cannot pass to another folder meanwhile.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._held: OrderedDict[tuple[str, ...], int] = OrderedDict()

    def ensure(self, parts: tuple[str, ...], *, outer: int, inner: int) -> None:
        """Sync `outer`, unless `inner` is known to be durable under that name. Raises OSError."""
        if self._knows(parts, inner):
            return
        os.fsync(outer)
        self._remember(parts, os.dup(inner))

    def _knows(self, parts: tuple[str, ...], inner: int) -> bool:
        with self._lock:
            held = self._held.get(parts)
            if held is None or not os.path.sameopenfile(held, inner):
                return False
            self._held.move_to_end(parts)
            return True

    def _remember(self, parts: tuple[str, ...], descriptor: int) -> None:
        with self._lock:
            before = self._held.pop(parts, None)
            self._held[parts] = descriptor
            surplus = self._held.popitem(last=False)[1] if len(self._held) > _REMEMBERED else None
        for old in (before, surplus):
            if old is not None:
                os.close(old)

    def forget_all(self) -> None:
        with self._lock:
            held, self._held = self._held, OrderedDict()
        for descriptor in held.values():
            os.close(descriptor)
