"""Files as a whole: make, seal, look at.

A sealed file is durable, cut to its length and has no write bits; nothing opens it for writing again.
Belongs here: the order that makes this so. Not here: receiving (writer.py), copying (assembly.py),
putting (putting.py).
All of it blocks.
"""

import os
from collections.abc import Sequence
from contextlib import ExitStack, suppress

from storage_backends.base import (
    Block,
    Durability,
    StorageChanged,
    StorageError,
    StorageMissing,
    Stored,
)
from storage_backends.refs import components

from .folder import Folders, Made
from .oserrors import told_as_storage_error, told_as_write_error

_WRITE_BITS = 0o222
_MOST_BLOCKS = 1024  # IOV_MAX: buffers that one pwritev takes


class WholeFiles:
    """Files below the root that are handled as a whole."""

    def __init__(self, folders: Folders, *, file_perms: int, durability: Durability) -> None:
        self._folders = folders
        # A file that we cannot write to is a sealed one, so the owner's bit is not the operator's choice.
        self.file_perms = file_perms | 0o200
        self._survives_power = durability is Durability.POWER

    def perms(self, *, sealed: bool) -> int:
        """Of a new file."""
        return self.file_perms & ~_WRITE_BITS if sealed else self.file_perms

    def make(self, ref: str, perms: int | None = None) -> Made:
        """A new file. Raises StorageError, also when the name is taken."""
        parts = components(ref)
        with told_as_storage_error(ref):
            return self._folders.make_file(
                parts, os.O_WRONLY | os.O_EXCL, self.file_perms if perms is None else perms
            )

    def remove_made(self, ref: str, made: Made) -> None:
        """Undo `make`, as well as can be."""
        with suppress(OSError):
            os.unlink(components(ref)[-1], dir_fd=made.folder.descriptor)

    def open_to_sync(self, ref: str) -> int:
        """One of many. Raises StorageMissing."""
        with told_as_storage_error(ref):
            return self._folders.open_file(components(ref), os.O_RDONLY, others_follow=True)

    def open(self, ref: str, *, at_least: int = 0, identity: str | None = None) -> int:
        """For reading. Raises StorageMissing, also when it is shorter than `at_least` bytes.

        With `identity`, raises StorageChanged when that is not what was opened.
        """
        parts = components(ref)
        with told_as_storage_error(ref):
            file = self._folders.open_file(parts, os.O_RDONLY)
        found = stored(ref, file)
        if identity is not None and found.identity != identity:
            os.close(file)
            raise StorageChanged(f"{ref} is {found.identity}, wanted {identity}")
        if found.length < at_least:
            os.close(file)
            raise StorageMissing(f"{ref} has {found.length} bytes, wanted {at_least}")
        return file

    def stat(self, ref: str) -> Stored:
        """Raises StorageMissing."""
        file = self.open(ref)
        try:
            return stored(ref, file)
        finally:
            os.close(file)

    def seal(self, ref: str, length: int) -> Stored:
        """Seal a received file where it is; its bytes below `length` and its name are durable already.

        An empty upload may have no file yet. Raises StorageMissing, StorageError.
        """
        if length == 0:
            self._make_sure_of(ref)
        file = self.open(ref, at_least=length)
        try:
            if not is_sealed(file):
                self._cut(ref, file, length)
                self.take_write_bits(ref, file)
            with told_as_write_error(ref):
                if self._survives_power:
                    # Even when sealed before: whoever did that may have died before its sync.
                    os.fsync(file)
                return _exactly(length, stored(ref, file))
        finally:
            os.close(file)

    def sealed_before(self, ref: str, length: int) -> Stored | None:
        """What an earlier attempt sealed under this name and made durable; None when it got less far."""
        try:
            file = self.open(ref)
        except StorageMissing:
            return None
        try:
            if not is_sealed(file):
                return None
            with told_as_write_error(ref):
                self.sync(ref, file)
                return _exactly(length, stored(ref, file))
        finally:
            os.close(file)

    def seal_assembled(self, ref: str, made: Made) -> Stored:
        """Seal a new file just filled. Durable whatever the durability is: its segments go next."""
        with told_as_write_error(ref):
            # The content first: a sealed file is believed to be complete (`sealed_before`).
            os.fdatasync(made.file)
            self.take_write_bits(ref, made.file)
            self.sync(ref, made.file)
            return stored(ref, made.file)

    def sync(self, ref: str, file: int) -> None:
        """Make the file and every name on the way to it durable. Raises OSError."""
        os.fsync(file)
        self.sync_names(ref, set())

    def sync_names(self, ref: str, synced: set[tuple[str, ...]]) -> None:
        """Sync the folders on the way to `ref`, except those in `synced`, which grows.

        Raises OSError where a sync failed, and StorageError where a folder could not be opened: then nothing
        was told to the kernel, and it may be tried again.
        """
        parts = components(ref)
        for depth in range(len(parts)):
            if parts[:depth] not in synced:
                with ExitStack() as opened:
                    with told_as_storage_error(ref):
                        folder = opened.enter_context(self._folders.reached(parts[:depth]))
                    os.fsync(folder)
                synced.add(parts[:depth])

    def take_write_bits(self, ref: str, file: int) -> None:
        with told_as_storage_error(ref):
            os.fchmod(file, os.fstat(file).st_mode & 0o7777 & ~_WRITE_BITS)

    def _cut(self, ref: str, file: int, length: int) -> None:
        if os.fstat(file).st_size == length:
            return
        parts = components(ref)
        with told_as_storage_error(ref):
            writable = self._folders.open_file(parts, os.O_WRONLY)
            try:
                os.ftruncate(writable, length)
            finally:
                os.close(writable)

    def _make_sure_of(self, ref: str) -> None:
        parts = components(ref)
        with told_as_storage_error(ref):
            with suppress(FileExistsError):
                close_made(self._folders.make_file(parts, os.O_WRONLY | os.O_EXCL, self.file_perms))
            if self._survives_power:
                with self._folders.reached(parts[:-1]) as folder:
                    os.fsync(folder)


def stored(ref: str, file: int) -> Stored:
    """What the open file is now."""
    status = os.fstat(file)
    identity = f"{status.st_dev:x}-{status.st_ino:x}-{status.st_size}-{status.st_ctime_ns}"
    return Stored(ref=ref, length=status.st_size, identity=identity)


def is_sealed(file: int) -> bool:
    """By its mode, which root could write through but never does here."""
    return not os.fstat(file).st_mode & _WRITE_BITS


def close_made(made: Made) -> None:
    os.close(made.file)
    made.folder.let_go()


def _exactly(length: int, found: Stored) -> Stored:
    if found.length != length:
        raise StorageError(f"{found.ref} was sealed with {found.length} bytes, wanted {length}")
    return found


def write_all(file: int, content: Sequence[Block]) -> None:
    """All blocks from the file's beginning on. Raises OSError."""
    blocks = [memoryview(block).cast("B") for block in content]
    position = 0
    while blocks := [block for block in blocks if block]:
        written = os.pwritev(file, blocks[:_MOST_BLOCKS], position)
        position += written
        blocks = _without(blocks, written)


def _without(blocks: list[memoryview], written: int) -> list[memoryview]:
    rest = iter(blocks)
    for block in rest:
        if written < len(block):
            return [block[written:], *rest]
        written -= len(block)
    return []
