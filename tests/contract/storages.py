"""The storage backends that the contract suite runs against, and small words for its tests."""

import os
import resource
import subprocess
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from storage_backends.base import Durability, Segment, StorageBackend
from storage_backends.filesystem import FilesystemBackend
from storage_backends.memory import MemoryBackend
from storage_backends.s3 import S3Backend
from tests.services.seaweedfs import Bucket

from .books import UPLOAD, Booked, BookedWriter

MIB = 1 << 20
FILES = ("filesystem/power", "filesystem/process", "memory")
KINDS = (*FILES, "s3")
REF = "alice/2024/01/02/cafe"


@asynccontextmanager
async def opened(kind: str, root: Path, bucket: Bucket | None = None) -> AsyncIterator[Booked]:
    """A backend of that kind, open; one on S3 has the bucket to itself."""
    with ThreadPoolExecutor(4) as pool:
        backend = make(kind, root, pool, bucket)
        await backend.open()
        yield Booked(backend)
        await backend.close()


def make(kind: str, root: Path, pool: ThreadPoolExecutor, bucket: Bucket | None = None) -> StorageBackend:
    if kind == "s3":
        assert bucket is not None
        return S3Backend(bucket.options())
    if kind == "memory":
        return MemoryBackend()
    return FilesystemBackend(
        root,
        durability=Durability(kind.partition("/")[2]),
        preallocate=2 * MIB,
        free_space_floor=0,
        dir_perms=0o750,
        file_perms=0o640,
        executor=pool,
    )


@pytest.fixture(params=KINDS)
async def backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Booked]:
    """Every backend in turn."""
    bucket = request.getfixturevalue("bucket") if request.param == "s3" else None
    async with opened(request.param, tmp_path / "root", bucket) as one:
        yield one


@pytest.fixture(params=FILES)
async def files(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Booked]:
    """Every backend whose uploads are files, which can be sealed and left to frozen writers."""
    async with opened(request.param, tmp_path / "root") as one:
        yield one


def nothing_yet(ref: str = REF, offset: int = 0) -> Segment:
    return Segment(ref=ref, offset=offset, length=0)


async def begin(backend: Booked, ref: str = REF, length: int | None = None) -> BookedWriter:
    """A writer for a new upload."""
    return await backend.writer(UPLOAD, nothing_yet(ref), length)


async def receive(backend: Booked, content: bytes, segment: Segment | None = None) -> Segment:
    """Receive content into a segment, as one undisturbed request does; the segment as committed then."""
    segment = segment or nothing_yet()
    writer = await backend.writer(UPLOAD, segment, None)
    await writer.write(content)
    await writer.checkpoint()
    await writer.close(writer.offset)
    return Segment(ref=segment.ref, offset=segment.offset, length=segment.length + len(content))


async def content_of(backend: Booked, ref: str, start: int = 0, stop: int | None = None) -> bytes:
    """Everything, or bytes [start, stop)."""
    if stop is None:
        stop = (await backend.stat(ref)).length
    async with aclosing(backend.read(ref, start, stop)) as blocks:
        return b"".join([block async for block in blocks])


async def names(backend: Booked) -> dict[str, int]:
    """Every ref and its size."""
    async with aclosing(backend.list()) as listed:
        return {one.ref: one.size async for one in listed}


# What runs full in the tests, and how: a filesystem that can be mounted here, or a limit on one file.
_CAP_SYS_ADMIN = 21


def _may_mount() -> bool:
    status = Path("/proc/self/status")
    if os.geteuid() != 0 or not status.exists():
        return False
    held = next(line for line in status.read_text().splitlines() if line.startswith("CapEff:"))
    return bool(int(held.split()[1], 16) >> _CAP_SYS_ADMIN & 1)


FULL_KINDS = ("memory", "limited files", *(["small disk"] if _may_mount() else []))


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[None]:
    """A tmpfs of `size` bytes; for root."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


@contextmanager
def limited_files(size: int) -> Iterator[None]:
    """No file of this process may become larger than `size` bytes (EFBIG)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@asynccontextmanager
async def with_little_room(kind: str, tmp_path: Path, size: int) -> AsyncIterator[Booked]:
    """A backend with room for about `size` bytes."""
    if kind == "memory":
        yield Booked(MemoryBackend(capacity=size))
    elif kind == "small disk":
        with small_disk(tmp_path / "disk", size):
            async with opened("filesystem/power", tmp_path / "disk") as backend:
                yield backend
    else:
        async with opened("filesystem/power", tmp_path / "root") as backend:
            with limited_files(size):
                yield backend
