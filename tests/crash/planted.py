"""Bugs planted into the running server, to prove that the suite would find them.

The product has no hook for this. `Server.environ` puts the folder `planting` on Python's path, whose
`sitecustomize` calls `plant` in every process of the server before the product's code runs.

Belongs here: the bugs. Not here: which case must find which (test_planted.py).
"""

import asyncio
import os
import stat
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from protocol.upload import Transfer, Verdict
from storage_backends.filesystem.writer import FilesystemWriter
from tusd_py.metadata import writing
from tusd_py.metadata.multiparts import MultipartRows
from tusd_py.metadata.upload_row import EXPIRES
from tusd_py.metadata.uploads import UploadRows
from tusd_py.metadata.writing import Advance
from tusd_py.scanning import clamd, replies
from tusd_py.scanning.scanner import Answer
from tusd_py.uploads import download, proof

VARIABLE = "PLANTED_BUG"


def environ(bug: str) -> Mapping[str, str]:
    """For `Server.environ`."""
    here = Path(__file__).parent
    return {VARIABLE: bug, "PYTHONPATH": os.pathsep.join((str(here / "planting"), str(here.parents[1])))}


def plant(bug: str) -> None:
    """Change the product's code in this process. Raises KeyError for a bug that is not known."""
    BUGS[bug]()


def acknowledge_before_commit() -> None:
    """The line is said to have moved; the commit follows a moment later."""
    commit = UploadRows.advance
    late: set[asyncio.Task[Any]] = set()

    async def afterwards(rows: UploadRows, advance: Advance, actor: str) -> None:
        await asyncio.sleep(0.05)
        await commit(rows, advance, actor=actor)

    async def advance_too_early(rows: UploadRows, advance: Advance, *, actor: str) -> Any:
        if not advance.release:
            return await commit(rows, advance, actor=actor)
        task = asyncio.create_task(afterwards(rows, advance, actor))
        late.add(task)
        task.add_done_callback(late.discard)
        return replace(advance.upload, offset=advance.offset, state=Transfer.RECEIVING, holder=None)

    _replace(UploadRows, "advance", advance_too_early)


def no_compare_and_set() -> None:
    """Whoever commits last is right, however old its lease."""
    fence = 'AND epoch = :epoch AND holder = :worker AND "offset" = :old'
    assert fence in writing._ADVANCE
    writing._ADVANCE = writing._ADVANCE.replace(fence, "")


def release_before_the_thread_ends() -> None:
    """Nobody waits for the thread that writes: neither a checkpoint nor the end of the lease."""

    def late(file: int, content: bytes, position: int) -> None:
        time.sleep(0.02)
        os.pwrite(file, content, position)
        os.close(file)

    async def write_unwatched(writer: FilesystemWriter, block: Any) -> None:
        file, content, position = os.dup(writer._usable()), bytes(block), writer._position
        writer._position += len(content)
        loop = asyncio.get_running_loop()
        loop.run_in_executor(writer._lane._executor, late, file, content, position)

    _replace(FilesystemWriter, "write", write_unwatched)


def no_directory_sync() -> None:
    """Bytes are synced, names are not."""
    sync = os.fsync

    def sync_files_only(descriptor: int) -> None:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            sync(descriptor)

    _replace(os, "fsync", sync_files_only)


def no_checksum() -> None:
    """Whatever a checksum says, the body is right."""
    _replace(proof, "matches", lambda digest, wanted: True)


def no_renewal() -> None:
    """What arrives does not let an upload live longer."""
    assert EXPIRES in writing._ADVANCE
    writing._ADVANCE = writing._ADVANCE.replace(EXPIRES, "expires_at")


def unscanned_is_served() -> None:
    """Nobody waits for a verdict."""
    _replace(download, "may_read", lambda version, policy, identity: version.verdict is not Verdict.INFECTED)


def no_answer_is_clean() -> None:
    """What pyclamd makes of a clamd that hung up."""
    pyclamd_would = Answer(verdict=Verdict.CLEAN)
    judge = replies.judge
    _replace(
        clamd,
        "judge",
        lambda reply, *, is_whole: judge(reply, is_whole=is_whole) if reply else pyclamd_would,
    )


def no_part_gets_its_row() -> None:
    """The bytes of a part are stored, and the commit that makes it one never comes."""

    async def wait_for_ever(*_: object) -> None:
        await asyncio.Event().wait()

    _replace(MultipartRows, "put", wait_for_ever)


def list_and_wait() -> None:
    """What is in the store is known, and nothing comes of it."""
    from storage_backends.s3 import S3Backend  # noqa: PLC0415 - only where there is a bucket

    _wait_after(S3Backend, "parts_sent")


def commit_and_wait() -> None:
    """The line moved, and nobody is told."""
    _wait_after(UploadRows, "advance")


def complete_and_wait() -> None:
    """The object is there, and no row says so."""
    from storage_backends.s3.store import Store  # noqa: PLC0415 - only where there is a bucket

    _wait_after(Store, "complete")


def _wait_after(owner: type, name: str) -> None:
    step = getattr(owner, name)

    async def step_and_wait(*args: Any, **named: Any) -> None:
        await step(*args, **named)
        await asyncio.Event().wait()

    _replace(owner, name, step_and_wait)


def _replace(owner: object, name: str, by: Callable[..., Any]) -> None:
    setattr(owner, name, by)


BUGS: Mapping[str, Callable[[], None]] = {
    "acknowledge before commit": acknowledge_before_commit,
    "no compare-and-set": no_compare_and_set,
    "release before the thread ends": release_before_the_thread_ends,
    "no directory sync": no_directory_sync,
    "no checksum": no_checksum,
    "no renewal": no_renewal,
    "unscanned is served": unscanned_is_served,
    "no answer is clean": no_answer_is_clean,
    "no part gets its row": no_part_gets_its_row,
    "list and wait": list_and_wait,
    "commit and wait": commit_and_wait,
    "complete and wait": complete_and_wait,
}
