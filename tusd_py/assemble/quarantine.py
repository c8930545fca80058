"""The commands about scanned files: `quarantine` and `rescan`. A server may run meanwhile.

Belongs here: opening what a command needs, finding the files it names, printing. Not here: what a decision
does to rows (metadata/scans.py).
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from protocol.errors import UploadNotFound
from protocol.upload import parse_upload_id
from tusd_py.config.settings import Settings
from tusd_py.errors import Refused
from tusd_py.metadata.files import FileRows, Version
from tusd_py.metadata.scans import ScanRows, Which
from tusd_py.uploads.quarantine import Decision, Quarantine

from .operator import FAILED, PAGE, author, delete_bytes, opened_database, operator
from .printing import as_line, as_moment, say
from .scanning import is_configured

_NUMBER = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
_HEAD = ("FILE", "VERDICT", "FINDING", "BYTES", "SCANNED", "RELEASED BY", "OWNER", "NAME")


def list_quarantine(settings: Settings, *, as_json: bool) -> int:
    """Print what is in quarantine, what was released included."""

    async def run() -> int:
        async with _opened(settings) as quarantine:
            if not as_json:
                say("\t".join(_HEAD))
            async for version in _quarantined(quarantine.scans):
                say(_as_json(version) if as_json else _line(version))
        return 0

    return asyncio.run(run())


def decide(settings: Settings, action: str, names: Sequence[str], *, shown: str | None) -> int:
    """`release` or `delete` the files named, where `shown` is what was found; 0 when all of it was done."""
    return asyncio.run(_decide(settings, action, names, shown))


async def _decide(settings: Settings, action: str, names: Sequence[str], shown: str | None) -> int:
    actor = operator()

    left = 0
    async with _opened(settings) as quarantine:
        for name in names:
            version = await _found(quarantine, name)
            if version is None:
                refusal = "there is no such file"
            else:
                refusal = await quarantine.decide(version, Decision(action), actor=actor, shown=shown)
            left += bool(refusal)
            say(f"{name}: {refusal or f'{action}d'}")
    return FAILED if left else 0


def rescan(settings: Settings, names: Sequence[str], *, which: str | None) -> int:
    """Queue files for the scanner; 0 when all that were named are queued. Raises Refused without one."""
    if not is_configured(settings):
        raise Refused("no scanner is configured", hint="set scan.clamd_socket or scan.clamd_host")
    return asyncio.run(_queue_all(settings, Which(which)) if which else _queue(settings, names))


async def _queue_all(settings: Settings, which: Which) -> int:
    count = 0
    after = ("", 0)
    async with _opened(settings) as quarantine:
        while found := await quarantine.scans.queue(which, after, PAGE):
            after, queued = found
            count += queued
    say(f"{count} queued")
    return 0


async def _queue(settings: Settings, names: Sequence[str]) -> int:
    left = 0
    async with _opened(settings) as quarantine:
        for name in names:
            version = await _found(quarantine, name)
            if version is None:
                say(f"{name}: there is no such file")
                left += 1
                continue
            await quarantine.scans.ask(version)
            say(f"{name}: queued")
    return FAILED if left else 0


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Quarantine]:
    async with opened_database(settings) as database:
        yield Quarantine(
            files=FileRows(database),
            scans=ScanRows(database, author(settings)),
            delete_bytes=partial(_delete_bytes, settings),
        )


async def _quarantined(scans: ScanRows) -> AsyncIterator[Version]:
    after = ("", 0)
    while page := await scans.quarantined(after, PAGE):
        for version in page:
            yield version
        after = (page[-1].file_id, page[-1].n)


async def _found(quarantine: Quarantine, name: str) -> Version | None:
    """By "FILE" or "FILE:N"."""
    text, colon, number = name.partition(":")
    if colon and not _NUMBER.fullmatch(number):
        return None
    try:
        return await quarantine.find(parse_upload_id(text), int(number) if colon else None)
    except UploadNotFound:
        return None


async def _delete_bytes(settings: Settings, version: Version) -> None:
    if why := await delete_bytes(settings, [version.ref]):
        say(f"{version.file_id}: its bytes are left to the sweep: {why}")


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
            "scanned_at": as_moment(version.scanned_at),
            "released_by": version.released_by,
            "tenant": version.tenant,
            "owner": version.owner,
            "filename": version.filename,
        }
    )


def _line(version: Version) -> str:
    cells = (
        f"{version.file_id}:{version.n}",
        version.verdict,
        version.finding,
        str(version.length),
        as_moment(version.scanned_at),
        version.released_by,
        version.owner,
        version.filename,
    )
    return as_line(cells)
