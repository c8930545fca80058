"""Hooks by programs: an executable named like the hook, with JSON on its standard input.

Belongs here: running one. Not here: what it is told (payload.py), what becomes of it (called.py).
"""

import asyncio
import json
import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tusd_py.log import get_logger

from .kinds import Asked, HookFailed, HookKind

log = get_logger("tusd_py.hooks")

MOST_COMPLAINTS = 4096
"""Bytes of standard error that are logged."""


class ProgramHook:
    """The programs of one folder."""

    def __init__(self, folder: Path, kinds: Collection[HookKind], *, timeout: float, size_limit: int) -> None:
        """`timeout` in seconds; `size_limit` bounds the bytes of an answer."""
        self._folder = folder
        self._kinds = kinds
        self._timeout = timeout
        self._size_limit = size_limit

    def has(self, kind: HookKind) -> bool:
        """A folder need not have all of them."""
        return kind in self._kinds and (self._folder / kind.value).exists()

    async def call(self, kind: HookKind, payload: Mapping[str, Any], _asked: Asked | None) -> bytes:
        """Raises HookFailed, also when the program's exit status is not 0."""
        upload = payload["Event"]["Upload"]
        environ = {
            **os.environ,
            "TUS_ID": upload["ID"],
            "TUS_OFFSET": str(upload["Offset"]),
            "TUS_SIZE": str(upload["Size"]),
        }
        try:
            process = await asyncio.create_subprocess_exec(
                (self._folder / kind.value).absolute(),
                cwd=self._folder,
                env=environ,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as failed:
            raise HookFailed(f"{kind}: it cannot be run: {failed.strerror}") from failed
        try:
            async with asyncio.timeout(self._timeout):
                said = await self._talk(kind, process, json.dumps(payload).encode())
        except TimeoutError:
            raise HookFailed(f"{kind}: no end within {self._timeout:g} s") from None
        finally:
            await _end(process)
        if process.returncode:
            raise HookFailed(f"{kind}: exit status {process.returncode}")
        return said

    async def _talk(self, kind: HookKind, process: asyncio.subprocess.Process, told: bytes) -> bytes:
        assert process.stdin is not None  # noqa: S101 - all three are pipes
        assert process.stdout is not None  # noqa: S101
        assert process.stderr is not None  # noqa: S101
        complaining = asyncio.create_task(_first_bytes(process.stderr, MOST_COMPLAINTS))
        # It may end without having read anything.
        with suppress(ConnectionError):
            process.stdin.write(told)
            await process.stdin.drain()
            process.stdin.close()
        said = await _first_bytes(process.stdout, self._size_limit + 1)
        complaints = await complaining
        await process.wait()
        if complaints:
            log.info("hook.said", hook=kind.value, text=complaints.decode(errors="replace"))
        if len(said) > self._size_limit:
            raise HookFailed(f"{kind}: said more than {self._size_limit} bytes")
        return said


async def _first_bytes(stream: asyncio.StreamReader, most: int) -> bytes:
    """Read to the end, so that the program is not held up; keep the beginning."""
    kept = b""
    while piece := await stream.read(65536):
        kept += piece[: most - len(kept)]
    return kept


async def _end(process: asyncio.subprocess.Process) -> None:
    """Also what it started."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        await process.wait()
