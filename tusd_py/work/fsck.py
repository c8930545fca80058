"""fsck: do rows and bytes agree?

Reads everything, and may run beside a serving server: what changed meanwhile is looked at again before it
is reported. Belongs here: finding and repairing disagreements. Not here: printing them (assemble/, cli/).
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum

from protocol.upload import GONE, OPEN, Kind, Step, Transfer, Upload
from storage_backends.base import ObjectStore, StorageBackend, StorageMissing
from storage_backends.refs import parse_ref
from tusd_py.metadata.files import FileRows, Version
from tusd_py.metadata.housekeeping import Housekeeping
from tusd_py.metadata.uploads import UploadRows
from tusd_py.metadata.usage import UsageRows
from tusd_py.metadata.workers import WorkerRows
from tusd_py.uploads.ledger import RowLedger

from .sweep import is_given_up

PAGE = 500


class Problem(StrEnum):
    """What can be wrong."""

    BYTES_MISSING = "bytes-missing"
    """Bytes below the line are not there: they were acknowledged, and are lost."""
    FILE_MISSING = "file-missing"
    FILE_CHANGED = "file-changed"
    """A stored file is not the one that was stored; a copy with the same bytes is another one."""
    USAGE_WRONG = "usage-wrong"
    """What an owner is said to use is not what their uploads and files add up to."""
    NO_ROW = "no-row"
    """Bytes that no row names, and none ever will."""
    STRANGE_NAME = "strange-name"
    """A name that is not one of ours; never touched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One disagreement."""

    problem: Problem
    subject: str
    detail: str
    repaired: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fsck:
    """Checks one installation."""

    rows: UploadRows
    files: FileRows
    housekeeping: Housekeeping
    workers: WorkerRows
    usage: UsageRows
    backend: StorageBackend
    repair: bool
    """Mark what is lost as lost, remove bytes without a row, count again."""

    async def run(self) -> AsyncIterator[Finding]:
        """Every disagreement."""
        async for upload in self._uploads():
            finding = await self._check_upload(upload)
            if finding is not None:
                yield finding
        async for version in self._versions():
            finding = await self._check_version(version)
            if finding is not None:
                yield finding
        async for finding in self._check_usage():
            yield finding
        async for listed in self.backend.list():
            finding = await self._check_name(listed.ref)
            if finding is not None:
                yield finding

    async def _uploads(self) -> AsyncIterator[Upload]:
        after = ""
        while page := await self.housekeeping.page(after, PAGE):
            for upload in page:
                yield upload
            after = page[-1].id

    async def _versions(self) -> AsyncIterator[Version]:
        after = ("", 0)
        while page := await self.files.page(after, PAGE):
            for version in page:
                yield version
            after = (page[-1].file_id, page[-1].n)

    async def _check_upload(self, upload: Upload) -> Finding | None:
        """Looks until nothing is missing, or the same again.

        A live writer removes a tail once its row names the part that has its bytes. So what rows that were
        read after the first look still name is missing indeed.
        """
        said = None
        while (detail := await self._missing_bytes(upload)) != said:
            again = None if detail is None else await self.rows.find(upload.id)
            if again is None:
                return None
            said, upload = detail, again.upload
        if detail is None:
            return None
        if self.repair:
            await self.rows.end(upload.id, Step.LOSE, actor="fsck", seen=upload)
        return Finding(problem=Problem.BYTES_MISSING, subject=upload.id, detail=detail, repaired=self.repair)

    async def _missing_bytes(self, upload: Upload) -> str | None:
        """What is missing below the line. Stored uploads are looked at as versions, where they have one."""
        if upload.state in GONE or upload.offset == 0:
            return None
        if upload.kind is Kind.FINAL and upload.state is not Transfer.STORED:
            return None  # its bytes are its partials' until then
        if upload.state not in OPEN | {Transfer.COMPLETING, Transfer.STORED}:
            return None
        if isinstance(self.backend, ObjectStore) and upload.state is not Transfer.STORED:
            ledger = RowLedger(self.rows.kept, upload, _no_names)
            return await self.backend.missing(await self.rows.segments(upload.id), ledger)
        for segment in await self.rows.segments(upload.id):
            size = await self._size(segment.ref)
            if size < segment.length:
                return f"{segment.ref} has {max(size, 0)} bytes, wanted {segment.length}"
        return None

    async def _size(self, ref: str) -> int:
        try:
            return (await self.backend.stat(ref)).length
        except StorageMissing:
            return 0

    async def _is_there(self, ref: str) -> bool:
        try:
            await self.backend.stat(ref)
        except StorageMissing:
            return False
        return True

    async def _check_version(self, version: Version) -> Finding | None:
        if version.is_lost:
            return None
        try:
            stored = await self.backend.stat(version.ref)
        except StorageMissing:
            if await self._is_gone(version):
                return None
            if self.repair:
                await self.files.lose(version, actor="fsck")
            return Finding(
                problem=Problem.FILE_MISSING,
                subject=version.file_id,
                detail=version.ref,
                repaired=self.repair,
            )
        if stored.identity != version.identity:
            detail = f"{version.ref} is {stored.identity}, was stored as {version.identity}"
            return Finding(problem=Problem.FILE_CHANGED, subject=version.file_id, detail=detail)
        return None

    async def _check_usage(self) -> AsyncIterator[Finding]:
        for tenant, owner, used, counted in await self.usage.wrong():
            if self.repair:
                await self.usage.recount(tenant, owner)
            subject = f"{tenant}/{owner}" if tenant else owner
            detail = (
                f"{used.bytes} bytes, {used.files} files and {used.open} open are charged, "
                f"{counted.bytes} bytes, {counted.files} files and {counted.open} open are there"
            )
            yield Finding(problem=Problem.USAGE_WRONG, subject=subject, detail=detail, repaired=self.repair)

    async def _is_gone(self, version: Version) -> bool:
        """Terminated between the page and the look."""
        return await self.files.of_upload(version.upload_id) is None

    async def _check_name(self, ref: str) -> Finding | None:
        name = parse_ref(ref)
        if name is None:
            return Finding(problem=Problem.STRANGE_NAME, subject=ref, detail="not a name of ours")
        if not await is_given_up(ref, name, self.housekeeping, self.workers):
            return None
        # In this order: the job goes when its bytes have gone.
        if await self.housekeeping.is_being_purged(name.key) or not await self._is_there(ref):
            return None
        if self.repair:
            await self.backend.delete([ref])
        return Finding(problem=Problem.NO_ROW, subject=ref, detail="no row names it", repaired=self.repair)


def _no_names(key: str) -> str:
    raise AssertionError(f"fsck makes no objects, wanted one for {key}")
