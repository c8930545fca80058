"""A filesystem backend on a folder, and a disk pool whose threads can be held."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Event
from typing import Any

from storage_backends.base import Durability
from storage_backends.filesystem import FilesystemBackend

MIB = 1 << 20


class HeldPool(ThreadPoolExecutor):
    """Operations begin when `gate` is open; `running` counts those that are in a thread."""

    def __init__(self) -> None:
        super().__init__(4)
        self.gate = Event()
        self.gate.set()
        self.in_thread = Event()
        self.running = 0
        self.most_at_once = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return super().submit(self._held, fn, *args, **kwargs)

    def _held(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        self.in_thread.set()
        assert self.gate.wait(30)
        try:
            return fn(*args, **kwargs)
        finally:
            self.running -= 1

    def hold(self) -> None:
        """From now on operations reach their thread and stay there."""
        self.gate.clear()
        self.in_thread.clear()

    async def reached(self) -> None:
        """An operation is in its thread, held there."""
        assert await asyncio.to_thread(self.in_thread.wait, 30)


@asynccontextmanager
async def filesystem(
    root: Path,
    durability: Durability = Durability.POWER,
    *,
    preallocate: int = 0,
    floor: int = 0,
    pool: ThreadPoolExecutor | None = None,
) -> AsyncIterator[FilesystemBackend]:
    """An open backend."""
    with pool or ThreadPoolExecutor(4) as executor:
        backend = FilesystemBackend(
            root,
            durability=durability,
            preallocate=preallocate,
            free_space_floor=floor,
            dir_perms=0o750,
            file_perms=0o640,
            executor=executor,
        )
        await backend.open()
        yield backend
        await backend.close()


async def turns(count: int = 20) -> None:
    """Let every task that can go on do so."""
    for _ in range(count):
        await asyncio.sleep(0)


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
