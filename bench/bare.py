"""The disk without a server: what plain system calls reach with the same syncs.

Belongs here: writing from threads of this process. Not here: receiving (floor.py).
"""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .content import slices, small


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What was reached."""

    files: int
    seconds: float
    cpu: float


def small_files(folder: Path, *, length: int, threads: int, seconds: float) -> Written:
    """Create, write, fdatasync, close, and sync the folder, for each file; all in one folder."""
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    began, before = time.perf_counter(), time.process_time()

    def write_until_time_is_up(thread: int) -> int:
        count = 0
        while time.perf_counter() < began + seconds:
            _write_small(folder / f"{thread}-{count}", small(count, length))
            os.fsync(directory)
            count += 1
        return count

    try:
        with ThreadPoolExecutor(threads) as pool:
            files = sum(pool.map(write_until_time_is_up, range(threads)))
    finally:
        os.close(directory)
    return Written(files=files, seconds=time.perf_counter() - began, cpu=time.process_time() - before)


def large_files(folder: Path, *, length: int, threads: int, sync_every: int) -> Written:
    """A file a thread, with an fdatasync every `sync_every` bytes and at the end."""
    began, before = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(threads) as pool:
        list(
            pool.map(lambda body: _write_large(folder / str(body), body, length, sync_every), range(threads))
        )
    return Written(files=threads, seconds=time.perf_counter() - began, cpu=time.process_time() - before)


def _write_small(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o640)
    try:
        os.write(descriptor, content)
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


def _write_large(path: Path, body: int, length: int, sync_every: int) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o640)
    try:
        for start in range(0, length, sync_every):
            stop = min(start + sync_every, length)
            at = start
            for piece in slices(body, start, stop):
                os.pwrite(descriptor, piece, at)
                at += len(piece)
            os.fdatasync(descriptor)
    finally:
        os.close(descriptor)
