"""Finishes that are under way in this worker: at most one for each upload.

The request that completes an upload and the finish job may want the same one, and the request waits for it
only so long. Belongs here: sharing and ending them. Not here: what finishing is (finish.py).
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from protocol.upload import Upload, UploadId


class Finishes:
    """The finishes of one worker."""

    def __init__(self) -> None:
        self._tasks: dict[UploadId, asyncio.Task[Upload]] = {}

    async def join(self, upload_id: UploadId, begin: Callable[[], Coroutine[Any, Any, Upload]]) -> Upload:
        """The result of the one under way, or of a new one. It goes on when its caller does not wait."""
        task = self._tasks.get(upload_id)
        if task is None:
            task = asyncio.create_task(begin(), name=f"finish:{upload_id}")
            self._tasks[upload_id] = task
            task.add_done_callback(lambda done: self._over(upload_id, done))
        await asyncio.wait((task,))
        return task.result()

    async def close(self) -> None:
        """End those that are under way; the finish job, which is a row, does them again elsewhere."""
        while self._tasks:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.wait(self._tasks.values())

    def _over(self, upload_id: UploadId, done: asyncio.Task[Upload]) -> None:
        del self._tasks[upload_id]
        if not done.cancelled():
            # Looked at, in case nobody waits any more: the job will meet the same failure and log it.
            done.exception()
