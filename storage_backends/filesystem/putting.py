"""Whole bodies put as files, several at a time.

They are written all before the first is synced: the kernel begins to write them at once, and the sync of the
first commits the filesystem's journal for all, so what the others wait for is done by then. A folder that
several were put in is synced once.

Belongs here: the order that makes each as durable as one by itself. Not here: who is gathered (gathered.py),
what a file is (whole.py). It blocks.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from storage_backends.base import Block, Durability, StorageError, Stored

from .folder import Made
from .oserrors import write_error
from .whole import WholeFiles, stored, write_all


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """What is to be a file."""

    ref: str
    content: Sequence[Block]
    sealed: bool


@dataclass(slots=True, eq=False)
class _Begun:
    """A file that was made for one of them, and how far it is."""

    put: Put
    made: Made
    failed: Exception | None = None
    stored: Stored | None = None
    is_open: bool = True


class Putting:
    """Puts files below the root of `whole`."""

    def __init__(self, whole: WholeFiles, durability: Durability) -> None:
        self._whole = whole
        self._survives_power = durability is Durability.POWER

    def put(self, puts: Sequence[Put]) -> Sequence[Stored | Exception]:
        """What each is now. A StorageError where it failed, also for a taken name; it left nothing then."""
        outcomes = [self._begin(put) for put in puts]
        begun = [one for one in outcomes if isinstance(one, _Begun)]
        try:
            _each(begun, _write)
            if self._survives_power:
                if len(begun) > 1:
                    _each(begun, _begin_to_write_back)
                _each(begun, _sync)
                _sync_folders(begun)
            _each(begun, _look_at)
            _each(begun, _close)
            return [_outcome(one) if isinstance(one, _Begun) else one for one in outcomes]
        finally:
            for one in begun:
                self._let_go(one)

    def _begin(self, put: Put) -> _Begun | Exception:
        try:
            return _Begun(put, self._whole.make(put.ref, self._whole.perms(sealed=put.sealed)))
        except Exception as exc:  # noqa: BLE001 - it is told to whose it is, and stops none of the others
            return exc

    def _let_go(self, one: _Begun) -> None:
        if one.failed is not None or one.stored is None:
            self._whole.remove_made(one.put.ref, one.made)
        if one.is_open:
            with suppress(OSError):  # it failed already, and the others are to be let go, too
                os.close(one.made.file)
        one.made.folder.let_go()


def _each(begun: Iterable[_Begun], step: Callable[[_Begun], None]) -> None:
    """With all that did not fail before."""
    for one in begun:
        if one.failed is None:
            try:
                step(one)
            except OSError as exc:
                one.failed = write_error(exc, one.put.ref)
                one.failed.__cause__ = exc
            except Exception as exc:  # noqa: BLE001 - likewise told to whose it is
                one.failed = exc


def _write(one: _Begun) -> None:
    write_all(one.made.file, one.put.content)


def _begin_to_write_back(one: _Begun) -> None:
    # It also says that nobody will read it soon, which concerns clean pages, and these are not.
    with suppress(OSError):
        os.posix_fadvise(one.made.file, 0, 0, os.POSIX_FADV_DONTNEED)


def _sync(one: _Begun) -> None:
    # Not fdatasync: the identity contains the change time, and must outlive a power cut too.
    os.fsync(one.made.file)


def _sync_folders(begun: Iterable[_Begun]) -> None:
    failed: dict[int, OSError | None] = {}

    def sync_folder(one: _Begun) -> None:
        folder = one.made.folder.descriptor
        if folder not in failed:
            failed[folder] = None
            try:
                os.fsync(folder)
            except OSError as exc:
                failed[folder] = exc
        problem = failed[folder]
        if problem is not None:
            raise problem

    _each(begun, sync_folder)


def _look_at(one: _Begun) -> None:
    one.stored = stored(one.put.ref, one.made.file)


def _close(one: _Begun) -> None:
    # A quota, or a network, may refuse what was written as late as here.
    one.is_open = False
    os.close(one.made.file)


def _outcome(one: _Begun) -> Stored | Exception:
    return one.failed or one.stored or StorageError(f"{one.put.ref} was not put")
