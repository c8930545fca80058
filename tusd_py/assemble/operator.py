"""What the commands of an operator share, beside a running server or without one.

Belongs here: who runs one, and opening what it needs. Not here: what each command does, and how it prints
(printing.py).
"""

import getpass
import os
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from storage_backends.base import StorageBackend, StorageError
from tusd_py.config.settings import Settings
from tusd_py.errors import Refused
from tusd_py.metadata.database import Database
from tusd_py.metadata.upload_row import Author

from .parts import existing_backend, existing_database, make_lifetime

FAILED = 1
"""Exit status when something that was named could not be done."""
PAGE = 500
"""Rows read at once."""


def operator() -> str:
    """The name under which the events table remembers who runs the command."""
    return f"operator {_user()}"


def author(settings: Settings) -> Author:
    """No worker: an operator's decision needs no lease."""
    return Author(worker="", boot_id="", lifetime=make_lifetime(settings))


@asynccontextmanager
async def opened_database(settings: Settings) -> AsyncIterator[Database]:
    """That of the server. Raises Refused."""
    if settings.storage.backend == "memory":
        raise Refused("there is nothing to look at: storage.backend is memory, which forgets at exit")
    database = existing_database(settings)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def delete_bytes(settings: Settings, refs: Sequence[str]) -> str | None:
    """What no row names any more; why it could not be removed, where the sweep of the server has to."""
    executor = ThreadPoolExecutor(1, thread_name_prefix="delete")
    backend: StorageBackend = existing_backend(settings, executor)
    try:
        await backend.open()
        try:
            await backend.delete(refs)
        finally:
            await backend.close()
    except StorageError as failed:
        return str(failed)
    finally:
        executor.shutdown()
    return None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # Containers run as users that have no name.
        return f"uid {os.getuid()}"
