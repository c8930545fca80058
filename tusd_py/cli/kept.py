"""A store that forgets the files of one command together.

Belongs here: that delay. Without it a command of which one file failed would, given again, send all the
others a second time. Not here: keeping anything (client/store.py).
"""

from contextlib import AbstractContextManager

from tusd_py.client import Remembered, Store


class KeptUntilAllDone:
    """Wraps a store; finished uploads stay in it until all are."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._finished: list[str] = []

    def find(self, key: str) -> Remembered | None:
        return self._store.find(key)

    def keep(self, key: str, remembered: Remembered) -> None:
        self._store.keep(key, remembered)

    def forget(self, *keys: str) -> None:
        self._finished.extend(keys)

    def claimed(self, key: str) -> AbstractContextManager[None]:
        return self._store.claimed(key)

    def forget_finished(self) -> None:
        """Every file of the command is done. Raises StoreFailed."""
        self._store.forget(*self._finished)
