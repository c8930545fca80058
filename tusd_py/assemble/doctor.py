"""`tusd-py doctor`: every check that the settings give reason for, and what they found.

Belongs here: which checks, on what, and printing. Not here: a check (tusd_py/doctor).
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path

from storage_backends.base import StorageError
from tusd_py.config.settings import Settings
from tusd_py.doctor.disk import look_at_folder
from tusd_py.doctor.finding import Finding, Level, wrong
from tusd_py.errors import Refused

from .parts import joins_others, make_database, make_s3, service_folder, sqlite_path
from .scanning import is_configured, make_prover

FOUND = 1
"""Exit status when something is wrong."""
_WORDS = {Level.WELL: "ok", Level.ADVICE: "ADVICE", Level.WRONG: "WRONG", Level.SKIPPED: "skipped"}


def doctor(settings: Settings, *, url: str, headers: Mapping[str, str], as_json: bool) -> int:
    """Look at everything; 0 when nothing is wrong. `url` is where clients create uploads, or empty."""
    return asyncio.run(_doctor(settings, url, headers, _as_json if as_json else _as_text))


async def _doctor(
    settings: Settings, url: str, headers: Mapping[str, str], show: Callable[[Finding], str]
) -> int:
    is_wrong = False
    async for finding in findings(settings, url, headers):
        is_wrong |= finding.level is Level.WRONG
        sys.stdout.write(show(finding) + "\n")
        sys.stdout.flush()
    return FOUND if is_wrong else 0


async def findings(settings: Settings, url: str, headers: Mapping[str, str]) -> AsyncIterator[Finding]:
    for finding in _of_folders(settings):
        yield finding
    async for finding in _of_database(settings):
        yield finding
    if settings.storage.backend == "s3":
        async for finding in _of_bucket(settings):
            yield finding
    if is_configured(settings):
        async for finding in _of_scanner(settings):
            yield finding
    if url:
        async for finding in _of_url(url, headers):
            yield finding


def _of_folders(settings: Settings) -> Sequence[Finding]:
    storage = settings.storage
    survives_power = storage.durability == "power"
    findings: list[Finding] = []
    if storage.backend == "filesystem":
        findings += look_at_folder(
            Path(storage.upload_dir),
            "storage.upload_dir",
            survives_power=survives_power,
            may_be_shared=storage.shared,
            floor=storage.free_space_floor,
        )
    if storage.backend != "memory" and (storage.backend == "s3" or storage.service_dir):
        setting = "storage.service_dir" if storage.service_dir else "storage.upload_dir"
        findings += look_at_folder(
            service_folder(settings),
            setting,
            # On Postgres it holds locks and sockets only.
            survives_power=survives_power and sqlite_path(settings) is not None,
            may_be_shared=False,
            floor=0,
        )
    return findings


async def _of_database(settings: Settings) -> AsyncIterator[Finding]:
    from tusd_py.doctor.database import closed, look_at_database, nothing_yet  # noqa: PLC0415 - heavy

    path = sqlite_path(settings)
    try:
        is_there = path is None or path.exists()
    except OSError as failed:
        yield closed(failed)
        return
    if path is not None and not is_there:
        yield nothing_yet(path)
        return
    try:
        database = make_database(settings, migrate=False)
    except Refused as refused:
        yield wrong("database", refused.message, refused.hint)
        return
    listening = 1 if joins_others(settings) else 0
    connections = settings.server.workers * (settings.database.pool_size + listening)
    migrates = settings.database.migrate
    async for finding in look_at_database(database, migrates=migrates, connections=connections):
        yield finding


async def _of_bucket(settings: Settings) -> AsyncIterator[Finding]:
    try:
        backend = make_s3(settings)
    except Refused as refused:
        yield wrong("bucket", refused.message, refused.hint)
        return
    from tusd_py.doctor.checksum import look_at_checksums  # noqa: PLC0415 - only when configured
    from tusd_py.doctor.clock import look_at_clock  # noqa: PLC0415 - likewise
    from tusd_py.doctor.direct import look_at_direct  # noqa: PLC0415 - likewise
    from tusd_py.doctor.lifecycle import look_at_lifecycle  # noqa: PLC0415 - likewise
    from tusd_py.doctor.parts import look_at_parts  # noqa: PLC0415 - likewise
    from tusd_py.doctor.rights import look_at_rights  # noqa: PLC0415 - likewise

    async with AsyncExitStack() as stack:
        try:
            await backend.connect()
        except StorageError as failed:
            yield wrong("bucket", str(failed), "look at s3_endpoint, s3_region and the credentials")
            return
        stack.push_async_callback(backend.close)
        examination = backend.examination()
        stack.push_async_callback(examination.close)
        async for finding in look_at_clock(examination):
            yield finding
        may = True
        async for finding in look_at_rights(examination):
            may &= finding.level is Level.WELL
            yield finding
        if may:
            for look in (look_at_parts, look_at_checksums):
                async for finding in look(examination):
                    yield finding
            async for finding in look_at_direct(backend, is_used=settings.s3.s3_direct):
                yield finding
        async for finding in look_at_lifecycle(backend, longest=settings.uploads.max_age or None):
            yield finding


async def _of_scanner(settings: Settings) -> AsyncIterator[Finding]:
    from tusd_py.doctor.scanner import look_at_scanner  # noqa: PLC0415 - only when configured

    try:
        prover = make_prover(settings, _Uncounted())
    except Refused as refused:
        yield wrong("scanner", refused.message, refused.hint)
        return
    async for finding in look_at_scanner(prover):
        yield finding


class _Uncounted:
    """Nobody watches a command."""

    def scanner_proven(self, *, is_proven: bool) -> None:
        """Nothing."""


async def _of_url(url: str, headers: Mapping[str, str]) -> AsyncIterator[Finding]:
    from tusd_py.doctor.body_limit import look_for_limit  # noqa: PLC0415 - only when asked for
    from tusd_py.doctor.buffering import LENGTH, look_for_buffering  # noqa: PLC0415 - likewise
    from tusd_py.doctor.location import look_at_location  # noqa: PLC0415 - likewise
    from tusd_py.doctor.reach import reach  # noqa: PLC0415 - likewise
    from tusd_py.doctor.site import Unreachable, site_of  # noqa: PLC0415 - likewise

    site = site_of(url, headers)
    reached = await reach(site)
    yield reached.finding
    if not reached.is_tus:
        return
    try:
        created = await site.create(min(LENGTH, reached.largest or LENGTH))
    except Unreachable as failed:
        yield wrong("Location", str(failed), "let the proxy pass POST")
        return
    yield look_at_location(site, created)
    if created.location is None:
        return
    upload = site.way_to(created.location)
    try:
        yield await look_for_buffering(site, upload)
    finally:
        await site.delete(upload)
    yield await look_for_limit(site, reached.largest)


def _as_json(finding: Finding) -> str:
    return json.dumps(asdict(finding))


def _as_text(finding: Finding) -> str:
    line = f"{_WORDS[finding.level]:8}{finding.check}: {finding.what}"
    return f"{line}\n        -> {finding.fix}" if finding.fix else line
