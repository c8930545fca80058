"""Making the parts that the settings name. Imports what is configured, and nothing else.

Belongs here: settings to constructor arguments. Not here: how parts work together (service.py).
"""

import time
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from protocol.features import Features
from storage_backends.base import Durability, StorageBackend
from tusd_py.config.settings import Settings
from tusd_py.digests import ALGORITHMS
from tusd_py.errors import Refused
from tusd_py.metadata.database import Database
from tusd_py.metadata.local_disk import is_shared_filesystem
from tusd_py.metadata.upload_row import FOREVER, Lifetime
from tusd_py.uploads.context import Rules

from .folder import is_there, usable
from .notices import Notices
from .scanning import make_read_policy

if TYPE_CHECKING:
    from storage_backends.s3 import S3Backend

SERVICE_FOLDER = ".tusd"
REMEMBERED = 24 * 3600
"""Seconds for which an ended upload is remembered, and a used partial kept, where uploads never expire."""


def service_folder(settings: Settings) -> Path:
    """Locks, sockets, and by default the SQLite database."""
    return Path(settings.storage.service_dir) if settings.storage.service_dir else data_mark(settings)


def data_mark(settings: Settings) -> Path:
    """What marks the data as those of one database; always beside them."""
    return Path(settings.storage.upload_dir) / SERVICE_FOLDER


def joins_others(settings: Settings) -> bool:
    """Several hosts, or containers with folders of their own, may serve at a time."""
    return settings.storage.backend not in ("filesystem", "memory") or settings.storage.shared


def spans_hosts(settings: Settings) -> bool:
    """Other hosts can reach the bytes, whether or not they may serve them now."""
    return joins_others(settings) or is_shared_filesystem(Path(settings.storage.upload_dir))


def make_notices(settings: Settings, database: Database, worker: str) -> Notices | None:
    """Not yet open; None where nobody is to be reached."""
    if not joins_others(settings) or sqlite_path(settings) is not None:
        return None
    return Notices(settings, database, worker)


def sqlite_path(settings: Settings) -> Path | None:
    """Where the SQLite file is; None when another database is configured."""
    url = settings.database.url
    if not url:
        return service_folder(settings) / "tusd.db"
    if not url.startswith("sqlite:"):
        return None
    return Path(unquote(urlsplit(url).path))


def make_database(settings: Settings, *, migrate: bool) -> Database:
    """Not yet open."""
    path = sqlite_path(settings)
    survives_power = Durability(settings.storage.durability) is Durability.POWER
    if path is not None:
        from tusd_py.metadata.sqlite import SqliteDatabase  # noqa: PLC0415 - only when configured

        with usable("folder of the database", "database.url", wanted="be in a folder"):
            path.parent.mkdir(parents=True, exist_ok=True)
        return SqliteDatabase(
            path,
            durability_full=survives_power,
            clock=lambda: time.time_ns() // 1000,
            migrate=migrate,
            timeout=settings.database.timeout,
        )
    return _postgres(settings, migrate=migrate, survives_power=survives_power)


def existing_database(settings: Settings, *, migrate: bool = False) -> Database:
    """For commands beside the server, which make nothing where nothing is. Not yet open. Raises Refused."""
    path = sqlite_path(settings)
    if path is not None and not is_there("the database", path, "database.url"):
        raise Refused(
            f"there is no database: {path} does not exist",
            hint="is storage.upload_dir (--upload-dir) that of the server? `tusd-py migrate` makes a new one",
        )
    return make_database(settings, migrate=migrate)


def existing_backend(settings: Settings, executor: Executor) -> StorageBackend:
    """The same for bytes: in another folder, every file would be lost. Not yet open. Raises Refused."""
    storage = settings.storage
    folder = Path(storage.upload_dir)
    if storage.backend == "filesystem" and not (
        is_there("storage.upload_dir", folder, "that setting") and folder.is_dir()
    ):
        raise Refused(
            f"storage.upload_dir {folder} does not exist",
            hint="name the folder of the server with --upload-dir, or in the configuration",
        )
    return make_backend(settings, executor)


def _postgres(settings: Settings, *, migrate: bool, survives_power: bool) -> Database:
    try:
        from tusd_py.metadata.postgres import PostgresDatabase  # noqa: PLC0415 - only when configured
    except ModuleNotFoundError as missing:
        raise Refused(
            f"database.url names Postgres, which needs the package {missing.name}",
            hint="pip install 'tusd-py[postgres]'",
        ) from None
    return PostgresDatabase(
        settings.database.url,
        pool_size=settings.database.pool_size,
        timeout=settings.database.timeout,
        require_power=survives_power,
        migrate=migrate,
    )


def make_backend(settings: Settings, executor: Executor) -> StorageBackend:
    """Not yet open."""
    storage = settings.storage
    if storage.backend == "memory":
        from storage_backends.memory import MemoryBackend  # noqa: PLC0415 - only when configured

        return MemoryBackend()
    if storage.backend == "s3":
        return make_s3(settings)
    from storage_backends.filesystem import FilesystemBackend  # noqa: PLC0415 - only when configured

    return FilesystemBackend(
        Path(storage.upload_dir),
        durability=Durability(storage.durability),
        preallocate=storage.preallocate,
        free_space_floor=storage.free_space_floor,
        dir_perms=storage.dir_perms,
        file_perms=storage.file_perms,
        executor=executor,
    )


def make_s3(settings: Settings) -> "S3Backend":
    """Not yet open. Raises Refused when its packages are missing."""
    try:
        from storage_backends.s3 import PROFILES, Digest, Options, S3Backend  # noqa: PLC0415 - only when configured
    except ModuleNotFoundError as missing:
        raise Refused(
            f'storage.backend is "s3", which needs the package {missing.name}',
            hint="pip install 'tusd-py[s3]'",
        ) from None
    s3, workers = settings.s3, settings.server.workers
    profile = PROFILES[s3.s3_provider]
    if s3.s3_checksum != "auto":
        profile = replace(profile, digest=Digest(s3.s3_checksum))
    return S3Backend(
        Options(
            bucket=s3.s3_bucket,
            profile=profile,
            prefix=s3.s3_object_prefix,
            endpoint=s3.s3_endpoint,
            region=s3.s3_region,
            access_key_id=s3.s3_access_key_id,
            secret_access_key=s3.s3_secret_access_key,
            part_size=s3.s3_part_size,
            least_part=max(s3.s3_min_part_size, profile.least_part),
            # Both are the host's, so each worker has its share.
            buffer=s3.s3_buffer // workers,
            concurrent_parts=max(1, s3.s3_concurrent_part_uploads // workers),
            parts_of_one=s3.s3_max_buffered_parts,
            tail_after=s3.s3_tail_after,
            sign_bodies=s3.s3_endpoint.startswith("http:") and not s3.s3_disable_content_hashes,
            timeout=s3.s3_timeout,
            retry_within=s3.s3_retry_within,
        ),
        spool=service_folder(settings),
    )


def make_rules(settings: Settings) -> Rules:
    """What the operations look at."""
    uploads, timeouts = settings.uploads, settings.timeouts
    return Rules(
        features=Features(
            max_size=uploads.max_size,
            metadata_limit=uploads.max_metadata,
            termination=not uploads.disable_termination,
            expiration=bool(uploads.expiry or uploads.max_age),
            concatenation=not uploads.disable_concatenation,
            checksums=ALGORITHMS,
        ),
        checkpoint_bytes=_checkpoint_bytes(settings),
        checkpoint_interval=uploads.checkpoint_interval,
        # Of a body that is about to be cut for its slowness, thousands of commits would save a few bytes.
        checkpoint_least=int(timeouts.minimum_rate * uploads.checkpoint_interval),
        inline_limit=uploads.inline_limit,
        key_template=settings.storage.key_template,
        acquire_patience=timeouts.acquire_lock or (10.0 if settings.storage.backend == "s3" else 5.0),
        head_patience=timeouts.head_lock,
        read_policy=make_read_policy(settings),
        # What an object store confirmed is synced, whatever is said of disks.
        survives_power=settings.storage.backend == "s3"
        or Durability(settings.storage.durability) is Durability.POWER,
        sendfile=settings.downloads.sendfile,
        send_patience=timeouts.send,
        link_expiry=int(settings.s3.s3_url_expiry) if _redirects(settings) else None,
    )


def _checkpoint_bytes(settings: Settings) -> int:
    """On an object store the line follows the parts, and what was sent beyond it is sent again."""
    every = settings.uploads.checkpoint_bytes
    return min(every, settings.s3.s3_part_size) if settings.storage.backend == "s3" else every


def _redirects(settings: Settings) -> bool:
    return settings.storage.backend == "s3" and settings.s3.s3_download == "redirect"


def make_lifetime(settings: Settings) -> Lifetime:
    """When rows end."""
    uploads = settings.uploads
    return Lifetime(
        expiry=_microseconds(uploads.expiry) or FOREVER,
        max_age=_microseconds(uploads.max_age) or FOREVER,
        retention=_microseconds(uploads.expiry or REMEMBERED),
    )


def _microseconds(seconds: float) -> int:
    return int(seconds * 1_000_000)
