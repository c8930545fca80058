"""Open where rows and bytes are kept, and refuse to start where the two do not belong together.

Belongs here: the order, and whose data they are. Not here: making the parts (parts.py), the folders
themselves (folder.py).
"""

import asyncio
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from pathlib import Path

from storage_backends.base import DirectStore, ObjectStore, StorageBackend, StorageError
from storage_backends.refs import parse_ref
from tusd_py.config.settings import Settings
from tusd_py.errors import Refused
from tusd_py.log import get_logger
from tusd_py.metadata.database import Database
from tusd_py.metadata.facts import IDENTITY, FactRows, claim_identity, identity_of
from tusd_py.metadata.housekeeping import Housekeeping
from tusd_py.metadata.workers import WorkerRows
from tusd_py.randomness import random_hex

from .folder import identity_of_data, known_identity_of_data, open_service_folder
from .parts import data_mark, make_backend, make_database, service_folder

log = get_logger("tusd_py")

_RULES_WITHIN = 5.0
"""Seconds for which a start waits to hear what it may do without."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Of this installation, on this host."""

    service: Path
    """For locks and sockets."""
    owner: str | None
    """Whose data they are, by the mark beside them; None where the store says that itself."""


@dataclass(frozen=True, slots=True)
class Stores:
    """Open, and proven to belong together."""

    database: Database
    backend: StorageBackend
    installation: str
    """Names it among others."""


def open_folders(settings: Settings, stack: AsyncExitStack) -> Folders:
    """Make what is not there. Raises Refused."""
    service, mark = _places(settings, stack)
    owner = identity_of_data(mark) if mark is not None else None
    open_service_folder(service)
    return Folders(service, owner)


def _places(settings: Settings, stack: AsyncExitStack) -> tuple[Path, Path | None]:
    if settings.storage.backend == "memory":
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tusd-py-"))) / ".tusd"
        return folder, folder
    return service_folder(settings), None if settings.storage.backend == "s3" else data_mark(settings)


async def open_stores(settings: Settings, owner: str | None, stack: AsyncExitStack) -> Stores:
    """Closed by `stack`, the database last. Raises Refused."""
    database = await _open_database(settings, stack)
    backend = await _open_backend(settings, stack)
    await _refuse_forgetful_database(database, backend)
    if owner is not None:
        await claim_identity(database, owner)
    installation = await identity_of(database, random_hex(16))
    if isinstance(backend, ObjectStore):
        await _refuse_bare_store(database, backend, installation)
        await _claim_store(backend, installation)
        await _warn_of_rules(backend, settings.uploads.max_age or None)
    if settings.s3.s3_direct and isinstance(backend, DirectStore):
        await _refuse_loophole(backend)
    return Stores(database, backend, installation)


async def refuse_strangers(settings: Settings, database: Database, backend: StorageBackend) -> None:
    """For commands beside the server: rows and bytes that it would not serve together. Binds nothing.

    Rows that look at a stranger's bytes find all of theirs lost, and all of those rubbish. Raises Refused,
    StorageError.
    """
    await _refuse_forgetful_database(database, backend)
    rows_of = await FactRows(database).get(IDENTITY)
    if rows_of is None:
        return  # new, and without bytes
    if isinstance(backend, ObjectStore):
        bytes_of, place = await backend.owner(), "s3.s3_bucket and s3.s3_object_prefix"
    else:
        bytes_of, place = known_identity_of_data(data_mark(settings)), "storage.upload_dir"
    if bytes_of != rows_of:
        raise Refused(
            f"the rows belong to the installation {rows_of}, the bytes to {bytes_of or 'none'}",
            hint=f"are database.url and {place} those of the server, and is the right disk mounted?",
        )


async def _open_database(settings: Settings, stack: AsyncExitStack) -> Database:
    database = make_database(settings, migrate=settings.database.migrate)
    await database.open()
    stack.push_async_callback(database.close)
    return database


async def _open_backend(settings: Settings, stack: AsyncExitStack) -> StorageBackend:
    executor = ThreadPoolExecutor(settings.storage.disk_threads, thread_name_prefix="disk")
    stack.callback(executor.shutdown)
    backend = make_backend(settings, executor)
    try:
        await backend.open()
    except StorageError as failed:
        raise Refused(str(failed), hint=f"this process runs as user id {os.getuid()}") from failed
    stack.push_async_callback(backend.close)
    return backend


async def _refuse_forgetful_database(database: Database, backend: StorageBackend) -> None:
    """Bytes without any row would look like rubbish to the sweep: a lost database must not lose them too."""
    if await FactRows(database).get(IDENTITY) is not None:
        return
    async with aclosing(backend.list()) as names:
        async for listed in names:
            if parse_ref(listed.ref) is not None:
                raise Refused(
                    f"the storage holds uploads ({listed.ref}), but the database is new",
                    hint="restore the database, name the right one in database.url, or store somewhere else",
                )


async def _refuse_bare_store(database: Database, store: ObjectStore, identity: str) -> None:
    """Rows whose bytes are elsewhere would be found lost one after the other, for good.

    Who serves has left a mark where the bytes are.
    """
    try:
        if await store.owner() is not None:
            return
    except StorageError as failed:
        raise Refused(str(failed)) from failed
    if not await Housekeeping(database).know_bytes() and not await WorkerRows(database).alive():
        return
    raise Refused(
        "the rows know of uploads, or of others who serve, but the bucket has no object tusd-identity, which "
        f"would say {identity}",
        hint="are s3_bucket and s3_object_prefix the right ones? If the rows are to be served with what is "
        "there, as after a loss, put an object of that name and content there",
    )


async def _claim_store(store: ObjectStore, identity: str) -> None:
    """Of two installations in one place, each would take the other's bytes for rubbish."""
    try:
        owner = await store.claim(identity)
    except StorageError as failed:
        raise Refused(str(failed)) from failed
    if owner != identity:
        raise Refused(
            f"the store belongs to the installation {owner}, this database to {identity}",
            hint="is database.url the right one? Otherwise take another s3_object_prefix",
        )


async def _refuse_loophole(store: DirectStore) -> None:
    """Where URLs for parts can be used for more, a client could read what others stored. Raises Refused."""
    try:
        loophole = await store.loophole()
    except StorageError as failed:
        log.warning("storage.urls_unknown", error=str(failed))
        return
    if loophole is not None:
        raise Refused(
            f"whoever has a URL for a part can {loophole}",
            hint="switch s3.s3_direct off, or take a store that refuses what a signature does not cover",
        )


async def _warn_of_rules(store: ObjectStore, longest: float | None) -> None:
    """Of what the store would do to bytes by itself; whoever may not ask for it is left alone."""
    try:
        async with asyncio.timeout(_RULES_WITHIN):
            doubts = await store.doubts(longest)
    except (StorageError, TimeoutError) as failed:
        log.info("storage.rules_unknown", error=str(failed))
        return
    for doubt in doubts:
        (log.info if doubt.is_advice else log.warning)("storage.doubt", what=doubt.what, fix=doubt.fix)
