"""Standard input and other files of which nobody knows the end, as a stream for the event loop.

Belongs here: reading them without holding up anything, not even the end of the program. Not here: sending.
"""

import asyncio
import contextlib
import os
import stat
import threading
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import TypeVar

_T = TypeVar("_T")

_PIECE = 1 << 20
STDIN = "-"


def is_stream(name: str) -> bool:
    """Whether FILE is standard input, a pipe or a device, such as a shell makes of `<(command)`."""
    if name == STDIN:
        return True
    try:
        mode = Path(name).stat().st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


async def pieces_of(name: str) -> AsyncGenerator[bytes, None]:
    """What is read until the end. Raises OSError."""
    descriptor = 0 if name == STDIN else await _in_thread(lambda: os.open(name, os.O_RDONLY | os.O_CLOEXEC))
    try:
        while piece := await _in_thread(lambda: os.read(descriptor, _PIECE)):
            yield piece
    finally:
        if name != STDIN:
            os.close(descriptor)


async def _in_thread(call: Callable[[], _T]) -> _T:
    """In a thread that the end of the program does not wait for, as it does for those of `to_thread`."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[_T] = loop.create_future()

    def settle(act: Callable[[], None]) -> None:
        # The loop may be closed, and the future cancelled, by the time a terminal is read.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(lambda: None if done.done() else act())

    def run() -> None:
        try:
            result = call()
        except OSError as failed:
            problem = failed
            settle(lambda: done.set_exception(problem))
        else:
            settle(lambda: done.set_result(result))

    threading.Thread(target=run, daemon=True).start()
    return await done
