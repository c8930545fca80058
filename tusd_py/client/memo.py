"""What one upload notes in the store as it goes.

Belongs here: notes, and going on without when the store fails. Not here: stores (store.py, file_store.py).
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from yarl import URL

from .errors import StoreFailed
from .retry import Notice
from .store import Remembered, Store

_T = TypeVar("_T")


class Memo:
    """The notes of one upload. A store that fails is told about once, and stops nothing."""

    def __init__(self, store: Store, key: str, path: str, notice: Notice) -> None:
        self._store = store
        self._key = key
        self._notice = notice
        self._noted = Remembered(path=path)
        self._has_failed = False

    async def recall(self) -> Remembered:
        """What an earlier call noted."""
        found: Remembered | None = await self._tried(lambda: self._store.find(self._key))
        self._noted = found or self._noted
        return self._noted

    async def keep_part(self, number: int, url: URL) -> None:
        await self._keep(replace(self._noted, parts={**self._noted.parts, number: str(url)}))

    async def drop_part(self, number: int) -> None:
        """The server does not have it any more."""
        others = {known: url for known, url in self._noted.parts.items() if known != number}
        await self._keep(replace(self._noted, parts=others, final=None))

    async def keep_final(self, url: URL) -> None:
        await self._keep(replace(self._noted, final=str(url)))

    async def forget(self) -> None:
        """The upload is finished."""
        await self._tried(lambda: self._store.forget(self._key))

    async def _keep(self, noted: Remembered) -> None:
        # Assigned before anything is waited for: parts are noted side by side.
        self._noted = noted
        await self._tried(lambda: self._store.keep(self._key, self._noted))

    async def _tried(self, call: Callable[[], _T | None]) -> _T | None:
        try:
            return await asyncio.to_thread(call)
        except StoreFailed as failed:
            if not self._has_failed:
                self._notice(f"{failed}; if this upload stops, it will begin again")
            self._has_failed = True
            return None
