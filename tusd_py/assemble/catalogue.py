"""The commands about files: `ls`, `show` and `rm`. A server may run meanwhile.

Belongs here: opening what a command needs, printing. Not here: pages (metadata/search.py), what deleting does
to rows (metadata/catalogue.py).
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from protocol.errors import UploadNotFound
from protocol.upload import Status, parse_upload_id
from tusd_py.access.may_read import ReadPolicy
from tusd_py.config.settings import Settings
from tusd_py.errors import Mistyped
from tusd_py.masking import escape_controls
from tusd_py.metadata.catalogue import CatalogueRows, Deleted, File
from tusd_py.metadata.search import Search
from tusd_py.metadata.wanted import Served, Wanted
from tusd_py.metadata.words import TooManyWords, asked
from tusd_py.server.file_json import file_json, version_json
from tusd_py.timestamps import rfc3339

from .operator import FAILED, PAGE, author, delete_bytes, opened_database, operator
from .printing import as_line, say
from .scanning import make_read_policy

_HEAD = ("FILE", "STATUS", "BYTES", "CREATED", "OWNER", "PATH", "NAME")
_SCANNED = ("finding", "engine", "scanned_at", "released_by")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    catalogue: CatalogueRows
    search: Search
    policy: ReadPolicy

    def status(self, file: File) -> Status:
        """As somebody sees it who is not its owner."""
        return file.status(is_served=file.verdict in self.policy.served)


def list_files(
    settings: Settings, words: Sequence[str], *, tenant: str, owner: str | None, as_json: bool
) -> int:
    """Print the files of a tenant, the newest first. Raises Refused for words that nobody could find."""
    try:
        wanted = Wanted(tenant=tenant, owner=owner, words=asked(" ".join(words)))
    except TooManyWords as many:
        raise Mistyped(f"ls has {many}") from None
    if words and not wanted.words:
        raise Mistyped(f"ls is asked for {' '.join(words)!r}, wanted a letter or a digit in it")

    async def run() -> int:
        async with _opened(settings) as rows:
            if not as_json:
                say("\t".join(_HEAD))
            async for file in _every(rows, wanted):
                shown = file_json(file, rows.status(file))
                say(json.dumps(shown) if as_json else _line(shown))
        return 0

    return asyncio.run(run())


def show_files(settings: Settings, names: Sequence[str], *, as_json: bool) -> int:
    """Print files with all their versions; 0 when all of them are there."""

    async def run() -> int:
        left = 0
        async with _opened(settings) as rows:
            for name in names:
                file = await _found(rows, name)
                if file is None:
                    left += 1
                    sys.stderr.write(f"{escape_controls(name)}: there is no such file\n")
                    continue
                versions = await rows.catalogue.versions(file.file_id, below=2**62, limit=PAGE)
                shown = file_json(file, rows.status(file))
                shown["versions"] = [version_json(one, rows.status(one)) | _scanned(one) for one in versions]
                say(json.dumps(shown) if as_json else _as_text(shown))
        return FAILED if left else 0

    return asyncio.run(run())


def remove_files(settings: Settings, names: Sequence[str], *, as_json: bool) -> int:
    """Delete files with all their versions; 0 when all that were named are gone by this command."""

    async def run() -> int:
        left = 0
        actor = operator()
        async with _opened(settings) as rows:
            for name in names:
                file = await _found(rows, name)
                deleted = None if file is None else await rows.catalogue.delete(file.file_id, actor=actor)
                is_gone = isinstance(deleted, Deleted)
                if isinstance(deleted, Deleted):
                    await _delete_bytes(settings, deleted)
                left += not is_gone
                said = "deleted" if is_gone else "there is no such file"
                shown = json.dumps({"file_id": name, "deleted": is_gone})
                say(shown if as_json else f"{escape_controls(name)}: {said}")
        return FAILED if left else 0

    return asyncio.run(run())


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[_Rows]:
    async with opened_database(settings) as database:
        yield _Rows(
            catalogue=CatalogueRows(database, author(settings)),
            search=Search(database),
            policy=make_read_policy(settings),
        )


async def _every(rows: _Rows, wanted: Wanted) -> AsyncIterator[File]:
    served = Served(verdicts=rows.policy.served, verdicts_to_owner=frozenset(), reader=("", ""))
    cursor: str | None = None
    while True:
        page = await rows.search.page(wanted, served, cursor=cursor, limit=PAGE)
        for file in page.files:
            yield file
        cursor = page.next
        if cursor is None:
            return


async def _found(rows: _Rows, name: str) -> File | None:
    try:
        return await rows.catalogue.find(parse_upload_id(name))
    except UploadNotFound:
        return None


async def _delete_bytes(settings: Settings, deleted: Deleted) -> None:
    """Those that no purge job of the server knows of."""
    if deleted.refs and (why := await delete_bytes(settings, deleted.refs)):
        sys.stderr.write(f"bytes are left to the sweep: {why}\n")


def _line(shown: dict[str, Any]) -> str:
    cells = (
        *(shown["file_id"], shown["status"], shown["file_size"], shown["created_at"]),
        *(shown["user_id"], shown["path"], shown["filename"]),
    )
    return as_line(None if cell is None else str(cell) for cell in cells)


def _scanned(version: File) -> dict[str, Any]:
    """What only operators are told."""
    return {
        "finding": version.finding,
        "engine": version.engine,
        "scanned_at": None if version.scanned_at is None else rfc3339(version.scanned_at),
        "released_by": version.released_by,
        "upload_id": version.upload_id,
    }


def _as_text(shown: dict[str, Any]) -> str:
    """One line a value, and one a version."""
    lines = [f"{name}: {_plain(value)}" for name, value in shown.items() if name != "versions"]
    lines += [
        f"version {one['version']}: {one['file_size']} bytes, {one['status']}, {one['created_at']}"
        + (", current" if one["is_current"] else "")
        + "".join(
            f", {name.replace('_', ' ')} {_plain(one[name])}" for name in _SCANNED if one[name] is not None
        )
        for one in shown["versions"]
    ]
    return "\n".join(lines)


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_plain, value)) or "-"
    return "-" if value is None else escape_controls(str(value))
