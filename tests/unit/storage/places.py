"""A filesystem backend on a folder, and a disk pool whose threads can be held."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Condition
from typing import Any

from storage_backends.base import Durability
from storage_backends.filesystem import FilesystemBackend

MIB = 1 << 20


class HeldPool(ThreadPoolExecutor):
    """Operations reach their thread and wait there while the pool is held."""

    def __init__(self) -> None:
        super().__init__(4)
        self._may_go = Condition()
        self._permits: int | None = None
        self._held_now = 0
        self.running = 0
        self.most_at_once = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return super().submit(self._held, fn, *args, **kwargs)

    def _held(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        with self._may_go:
            self.running += 1
            self.most_at_once = max(self.most_at_once, self.running)
            self._held_now += 1
            assert self._may_go.wait_for(lambda: self._permits is None or self._permits > 0, 30)
            self._held_now -= 1
            if self._permits is not None:
                self._permits -= 1
        try:
            return fn(*args, **kwargs)
        finally:
            with self._may_go:
                self.running -= 1

    def hold(self, *, after: int = 0) -> None:
        """From now on operations wait in their thread, except for the first few."""
        self._permit(after)

    def release(self) -> None:
        """Let all of them go on."""
        self._permit(None)

    def _permit(self, permits: int | None) -> None:
        with self._may_go:
            self._permits = permits
            self._may_go.notify_all()

    def _holds_one(self) -> bool:
        with self._may_go:
            return self._held_now == 1

    async def reached(self) -> None:
        """An operation is in its thread, held there."""
        await until(self._holds_one)


@asynccontextmanager
async def filesystem(
    root: Path,
    durability: Durability = Durability.POWER,
    *,
    preallocate: int = 0,
    floor: int = 0,
    file_perms: int = 0o640,
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
            file_perms=file_perms,
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


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what other threads bring about; ten seconds at most."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


def path_of(descriptor: int) -> str:
    """The file or folder that is open."""
    return str(Path(f"/proc/self/fd/{descriptor}").readlink())
