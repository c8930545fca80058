"""Bytes from a file to a socket without passing through us: sendfile(2).

What is not in the page cache is read by the call itself, so it runs in the disk pool. A slow reader holds no
thread: the call ends when the socket takes no more, and whoever waits for it to take more waits elsewhere.

Belongs here: that call. Not here: opening the file (backend.py), sockets (tusd_py/server/sending.py).
"""

import os
from functools import partial

from storage_backends.base import StorageError, StorageMissing
from storage_backends.lane import Lane

AT_ONCE = 4 << 20
"""Bytes after which a thread turns to somebody else, however fast the reader is."""


class FileSending:
    """Bytes [start, stop) of an open file, in order."""

    def __init__(self, ref: str, file: int, start: int, stop: int, lane: Lane) -> None:
        """The descriptor stays the caller's, who closes it in the same lane."""
        self._ref = ref
        self._file = file
        self._next = start
        self._stop = stop
        self._lane = lane

    @property
    def left(self) -> int:
        return self._stop - self._next

    async def send(self, target: int) -> int:
        return await self._lane.run(partial(self._send, target))

    def _send(self, target: int) -> int:
        """In a thread. `_next` is moved here: a cancelled call has sent what it has sent."""
        count = 0
        while count < AT_ONCE and self.left:
            try:
                sent = os.sendfile(target, self._file, self._next, min(self.left, AT_ONCE - count))
            except BlockingIOError:
                break
            except ConnectionError:
                raise
            except OSError as failed:
                raise StorageError(f"{self._ref}: {failed.strerror}") from failed
            if sent == 0:
                raise StorageMissing(f"{self._ref} ends at {self._next}, wanted {self._stop}")
            self._next += sent
            count += sent
        return count
