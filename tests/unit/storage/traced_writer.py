"""A program for strace: receive a little into a fresh folder and say when it is safe.

Its second argument plants a mistake, to prove that the test would notice one.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import patch

from storage_backends.base import Durability, Segment, Writer
from storage_backends.filesystem import FilesystemBackend
from storage_backends.filesystem.folder import Folders, Made, _DurableNames
from tests.contract.books import ABOUT, no_rows

SAFE = "THIS IS SAFE"
MISTAKES = ("told too early", "content not synced", "name not synced", "folders not synced", "half synced")


def ignore(*_: object, **__: object) -> None:
    """Instead of syncing."""


def plant(mistake: str) -> None:
    if mistake == "content not synced":
        patch.object(os, "fdatasync", ignore).start()
    if mistake == "name not synced":
        make = Folders.make_file

        def forget(self: Folders, parts: Sequence[str], flags: int, perms: int) -> Made:
            made = make(self, parts, flags, perms)
            patch.object(os, "fsync", ignore).start()
            return made

        patch.object(Folders, "make_file", forget).start()
    if mistake == "folders not synced":
        patch.object(_DurableNames, "ensure", ignore).start()


def say() -> None:
    os.write(1, SAFE.encode())


async def receive(writer: Writer, mistake: str) -> None:
    await writer.write(b"hello ")
    if mistake == "told too early":
        say()
    await writer.checkpoint()
    if mistake == "half synced":
        await writer.write(b"world")
    say()
    await writer.write(b"again")
    await writer.checkpoint()
    say()
    await writer.close(writer.offset)


async def main(root: Path, mistake: str) -> None:
    plant(mistake)
    with ThreadPoolExecutor() as pool:
        backend = FilesystemBackend(
            root,
            durability=Durability.POWER,
            preallocate=0,
            free_space_floor=0,
            dir_perms=0o750,
            file_perms=0o640,
            executor=pool,
        )
        await backend.open()
        await receive(
            await backend.writer("1", Segment(ref="a/b/c", offset=0, length=0), None, no_rows()), mistake
        )
        await backend.put(ABOUT, "a/d/e", [b"whole"], sealed=True)
        say()
        refs = [f"a/{folder}/{number}" for folder in "hi" for number in range(5)]
        await asyncio.gather(*(backend.put(ABOUT, ref, [b"whole"], sealed=True) for ref in refs))
        say()
        second = Segment(ref="a/b/c~e2", offset=11, length=0)
        await receive(await backend.writer("1", second, None, no_rows()), mistake)
        whole = (Segment(ref="a/b/c", offset=0, length=11), Segment(ref="a/b/c~e2", offset=11, length=11))
        await backend.finish(whole, "f/g", no_rows())
        say()
        await backend.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
