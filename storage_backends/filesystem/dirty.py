"""What still has to be synced: the ledger of durability "process".

Belongs here: remembering, and what may be told. Not here: the syncing itself (backend.py).
"""

from collections.abc import Iterable, Sequence
from threading import Lock

from storage_backends.base import Synced


class DirtyLedger:
    """Written and not yet synced bytes, by ref. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._dirty: dict[str, Synced] = {}
        self._told_once: dict[str, Synced] = {}
        self._broken: dict[str, str] = {}
        """Uploads, by ref."""

    def note(self, upload_id: str, ref: str, *, start: int, offset: int) -> None:
        """Bytes [start, offset) of the upload lie in `ref` and may be lost in a power cut.

        Replaces what was noted for `ref` before, also by less: a writer that lets go takes back what was
        never committed.
        """
        with self._lock:
            self._dirty[ref] = Synced(upload_id=upload_id, ref=ref, start=start, offset=offset)
            told = self._told_once.get(ref)
            if told is not None and told.offset > offset:
                del self._told_once[ref]

    def adopt(self, written: Synced) -> None:
        """The same for what another process wrote; what is noted of `ref` already is newer and stays."""
        with self._lock:
            self._dirty.setdefault(written.ref, written)

    def is_broken(self, ref: str) -> bool:
        """A sync of `ref` failed in this process; nothing may be promised about it any more."""
        return ref in self._broken

    def take(self) -> list[Synced]:
        """Everything noted since the last call, to be synced now."""
        with self._lock:
            dirty, self._dirty = self._dirty, {}
        return [one for one in dirty.values() if one.ref not in self._broken]

    def put_back(self, dirty: Iterable[Synced]) -> None:
        """Not told after all; what was noted meanwhile is newer and stays."""
        with self._lock:
            self._dirty = {one.ref: one for one in dirty} | self._dirty

    def give_up(self, failed: Synced) -> None:
        """Its sync failed: never report that ref again."""
        with self._lock:
            self._broken[failed.ref] = failed.upload_id
            self._dirty.pop(failed.ref, None)

    def unsyncable(self) -> list[str]:
        """The uploads that were given up."""
        with self._lock:
            return sorted(set(self._broken.values()))

    def tell(self, synced: Sequence[Synced]) -> list[Synced]:
        """What to report: this round, and the one before once more (see `StorageBackend.sync_dirty`)."""
        with self._lock:
            again, self._told_once = self._told_once, {one.ref: one for one in synced}
        return list((again | self._told_once).values())
