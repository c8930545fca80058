"""The commands about scanned files: `quarantine` and `rescan`. A server may run meanwhile.

Belongs here: opening what a command needs, finding the files it names, printing. Not here: what a decision
does to rows (metadata/scans.py).
"""

import asyncio
import getpass
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from protocol.errors import UploadNotFound
from protocol.upload import Verdict, parse_upload_id
from storage_backends.base import StorageBackend, StorageError
from tusd_py.config.settings import Settings
from tusd_py.errors import Refused
from tusd_py.masking import escape_controls
from tusd_py.metadata.files import FileRows, Version
from tusd_py.metadata.scans import ScanRows, Which
from tusd_py.metadata.upload_row import Author

from .parts import make_backend, make_database, make_lifetime
from .scanning import is_configured

PAGE = 500
"""Rows read, or queued by one commit, at once."""
FAILED = 1
"""Exit status when something that was named could not be done."""
_HEAD = ("FILE", "VERDICT", "FINDING", "BYTES", "SCANNED", "RELEASED BY", "OWNER", "NAME")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    files: FileRows
    scans: ScanRows


def list_quarantine(settings: Settings, *, as_json: bool) -> int:
    """Print what is in quarantine, what was released included."""

    async def run() -> int:
        async with _opened(settings) as rows:
            if not as_json:
                _say("\t".join(_HEAD))
            async for version in _quarantined(rows.scans):
                _say(_as_json(version) if as_json else _as_line(version))
        return 0

    return asyncio.run(run())


def decide(settings: Settings, action: str, names: Sequence[str]) -> int:
    """`release` or `delete` the files named; 0 when all of it was done."""
    return asyncio.run(_decide(settings, action, names))


async def _decide(settings: Settings, action: str, names: Sequence[str]) -> int:
    actor = f"operator {_operator()}"

    async def release(version: Version) -> bool:
        return await rows.scans.release(version, actor=actor)

    async def delete(version: Version) -> bool:
        is_gone = await rows.scans.delete(version, actor=actor)
        if is_gone:
            await _delete_bytes(settings, version)
        return is_gone

    does: Callable[[Version], Awaitable[bool]] = release if action == "release" else delete
    left = 0
    async with _opened(settings) as rows:
        for name in names:
            version = await _found(rows, name)
            refusal = _why_not(version, action)
            if version is not None and not refusal and not await does(version):
                refusal = "it is not in quarantine any more"
            left += bool(refusal)
            _say(f"{name}: {refusal or f'{action}d'}")
    return FAILED if left else 0


def _operator() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # Containers run as users that have no name.
        return f"uid {os.getuid()}"


def _why_not(version: Version | None, action: str) -> str:
    if version is None:
        return "there is no such file"
    if version.verdict not in (Verdict.INFECTED, Verdict.UNSCANNABLE):
        return f"it is not in quarantine, its verdict is {version.verdict}"
    if action == "release" and version.released_by is not None:
        return f"it was released by {version.released_by}"
    return ""


def rescan(settings: Settings, names: Sequence[str], *, which: str | None) -> int:
    """Queue files for the scanner; 0 when all that were named are queued. Raises Refused without one."""
    if not is_configured(settings):
        raise Refused("no scanner is configured", hint="set scan.clamd_socket or scan.clamd_host")
    return asyncio.run(_queue_all(settings, Which(which)) if which else _queue(settings, names))


async def _queue_all(settings: Settings, which: Which) -> int:
    count = 0
    after = ("", 0)
    async with _opened(settings) as rows:
        while found := await rows.scans.queue(which, after, PAGE):
            after, queued = found
            count += queued
    _say(f"{count} queued")
    return 0


async def _queue(settings: Settings, names: Sequence[str]) -> int:
    left = 0
    async with _opened(settings) as rows:
        for name in names:
            version = await _found(rows, name)
            if version is None:
                _say(f"{name}: there is no such file")
                left += 1
                continue
            await rows.scans.ask(version)
            _say(f"{name}: queued")
    return FAILED if left else 0


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[_Rows]:
    if settings.storage.backend == "memory":
        raise Refused("there is nothing to look at: storage.backend is memory, which forgets at exit")
    database = make_database(settings, migrate=False)
    await database.open()
    try:
        # No worker: an operator's decision needs no lease.
        author = Author(worker="", boot_id="", lifetime=make_lifetime(settings))
        yield _Rows(files=FileRows(database), scans=ScanRows(database, author))
    finally:
        await database.close()


async def _quarantined(scans: ScanRows) -> AsyncIterator[Version]:
    after = ("", 0)
    while page := await scans.quarantined(after, PAGE):
        for version in page:
            yield version
        after = (page[-1].file_id, page[-1].n)


async def _found(rows: _Rows, name: str) -> Version | None:
    """By "FILE" or "FILE:N"."""
    text, colon, number = name.partition(":")
    try:
        file_id = parse_upload_id(text)
    except UploadNotFound:
        return None
    if not colon:
        return await rows.files.current(file_id)
    return next((one for one in await rows.scans.versions_of(file_id) if str(one.n) == number), None)


async def _delete_bytes(settings: Settings, version: Version) -> None:
    """Nothing names them any more. What cannot be removed now, the sweep of the server finds."""
    executor = ThreadPoolExecutor(1, thread_name_prefix="quarantine")
    backend: StorageBackend = make_backend(settings, executor)
    try:
        await backend.open()
        try:
            await backend.delete([version.ref])
        finally:
            await backend.close()
    except StorageError as failed:
        _say(f"{version.file_id}: its bytes are left to the sweep: {failed}")
    finally:
        executor.shutdown()


def _as_json(version: Version) -> str:
    return json.dumps(
        {
            "file_id": version.file_id,
            "version": version.n,
            "upload_id": version.upload_id,
            "verdict": version.verdict,
            "finding": version.finding,
            "length": version.length,
            "sha256": version.sha256,
            "engine": version.engine,
            "scanned_at": _time(version.scanned_at),
            "released_by": version.released_by,
            "tenant": version.tenant,
            "owner": version.owner,
            "filename": version.filename,
        }
    )


def _as_line(version: Version) -> str:
    cells = (
        f"{version.file_id}:{version.n}",
        version.verdict,
        version.finding,
        str(version.length),
        _time(version.scanned_at),
        version.released_by,
        version.owner,
        version.filename,
    )
    return "\t".join(escape_controls(cell or "-") for cell in cells)


def _time(microseconds: int | None) -> str | None:
    if microseconds is None:
        return None
    return datetime.fromtimestamp(microseconds / 1e6, UTC).isoformat(timespec="seconds")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
