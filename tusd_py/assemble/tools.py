"""The commands beside `serve`: migrate and fsck.

Belongs here: opening what a command needs, printing what it found. Not here: the checks (work/fsck.py).
"""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

from storage_backends.base import StorageError
from tusd_py.config.settings import Settings
from tusd_py.errors import Refused
from tusd_py.metadata.files import FileRows
from tusd_py.metadata.housekeeping import Housekeeping
from tusd_py.metadata.migrations import version
from tusd_py.metadata.uploads import UploadRows
from tusd_py.metadata.usage import UsageRows
from tusd_py.metadata.workers import WorkerRows
from tusd_py.work.fsck import Finding, Fsck

from .folder import identity_of_data, open_service_folder
from .operator import author
from .parts import (
    data_mark,
    existing_backend,
    existing_database,
    make_database,
    service_folder,
)
from .printing import say
from .stores import refuse_strangers

FOUND = 1
"""Exit status of fsck when something is wrong and was not repaired."""


def migrate(settings: Settings) -> int:
    """Bring the schema up to date."""
    return asyncio.run(_migrate(settings))


def fsck(settings: Settings, *, repair: bool, as_json: bool) -> int:
    """Compare rows and bytes; 0 when they agree, or agree now."""
    return asyncio.run(_fsck(settings, repair=repair, as_json=as_json))


async def _migrate(settings: Settings) -> int:
    say(f"the schema is at version {await bring_up_to_date(settings, migrate=True)}")
    return 0


async def bring_up_to_date(settings: Settings, *, migrate: bool) -> int:
    """Open and close the database once; the version of its schema. Raises Refused."""
    if settings.storage.backend == "filesystem":
        identity_of_data(data_mark(settings))
    open_service_folder(service_folder(settings))
    database = make_database(settings, migrate=migrate)
    await database.open()
    try:
        return await version(database)
    finally:
        await database.close()


async def _fsck(settings: Settings, *, repair: bool, as_json: bool) -> int:
    if settings.storage.backend == "memory":
        raise Refused("there is nothing to check: storage.backend is memory, which forgets at exit")
    database = existing_database(settings)
    executor = ThreadPoolExecutor(1, thread_name_prefix="fsck")
    backend = existing_backend(settings, executor)
    left = 0
    try:
        await database.open()
        await backend.open()
        await refuse_strangers(settings, database, backend)
        checker = Fsck(
            # Ending an upload needs no lease, it fences whoever writes.
            rows=UploadRows(database, author(settings)),
            files=FileRows(database),
            housekeeping=Housekeeping(database),
            workers=WorkerRows(database),
            usage=UsageRows(database),
            backend=backend,
            repair=repair,
        )
        async for finding in checker.run():
            left += not finding.repaired
            _print(finding, as_json=as_json)
    except StorageError as failed:
        raise Refused(f"fsck stopped: {failed}") from failed
    finally:
        await backend.close()
        await database.close()
        executor.shutdown()
    if not as_json:
        say("rows and bytes agree" if not left else f"{left} disagreements")
    return FOUND if left else 0


def _print(finding: Finding, *, as_json: bool) -> None:
    if as_json:
        say(json.dumps(asdict(finding)))
        return
    repaired = " (repaired)" if finding.repaired else ""
    say(f"{finding.problem}: {finding.subject}: {finding.detail}{repaired}")
