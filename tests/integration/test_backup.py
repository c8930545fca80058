"""What docs/backup.md says: rows first, then bytes; and back without deleting anything."""

import asyncio
import json
import secrets
import shutil
import sqlite3
import subprocess
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from protocol.metadata import format_metadata
from tests.harness.rows import change
from tests.harness.server import DidNotHappen, Server
from tests.harness.wire import request
from tests.services.postgres import PostgresServer

TUS = ("Tus-Resumable", "1.0.0")
NAME = "tusd.db"


async def upload(server: Server, content: bytes, name: str) -> str:
    """Where it can be fetched."""
    said = (
        TUS,
        ("Upload-Length", str(len(content))),
        ("Content-Type", "application/offset+octet-stream"),
        ("Upload-Metadata", format_metadata({"filename": name})),
    )
    answer = await request(server.address, "POST", "/files/", said, content)
    assert answer.status == 201
    return answer.headers["location"].removeprefix(server.address.url)


def copy_rows(server: Server, to: Path) -> None:
    with (
        closing(sqlite3.connect(server.data / ".tusd" / NAME)) as source,
        closing(sqlite3.connect(to)) as copy,
    ):
        source.backup(copy)


def copy_bytes(server: Server, to: Path) -> None:
    subprocess.run(["cp", "-a", str(server.data), str(to)], check=True)
    for rows in (to / ".tusd").glob(f"{NAME}*"):
        rows.unlink()


async def found(server: Server) -> Counter[str]:
    """What fsck says, counted."""
    ended = await asyncio.to_thread(
        subprocess.run,
        server.command("fsck", "--json"),
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    return Counter(json.loads(line)["problem"] for line in ended.stdout.splitlines())


def with_content(server: Server, content: bytes) -> list[Path]:
    return [
        path for path in server.data.glob("anonymous/**/*") if path.is_file() and path.read_bytes() == content
    ]


async def append(server: Server, url: str, offset: int, content: bytes) -> int:
    said = (TUS, ("Upload-Offset", str(offset)), ("Content-Type", "application/offset+octet-stream"))
    return (await request(server.address, "PATCH", url, said, content)).status


async def begin(server: Server, length: int) -> str:
    answer = await request(server.address, "POST", "/files/", (TUS, ("Upload-Length", str(length))))
    return answer.headers["location"].removeprefix(server.address.url)


async def pg(*command: str) -> None:
    await asyncio.to_thread(subprocess.run, command, check=True, timeout=60)


async def restored(server: Server, kept: Path, **settings: str) -> Server:
    """The backup in `kept`, an hour later."""
    shutil.move(kept / NAME, kept / "data" / ".tusd" / NAME)
    back = replace(server, upload_dir=kept / "data", settings=settings)
    await change(back, "UPDATE workers SET alive_until = 0")
    return back


async def swept(server: Server, content: bytes) -> None:
    for _ in range(200):
        if not with_content(server, content):
            return
        await asyncio.sleep(0.05)
    raise DidNotHappen("the sweep removed nothing")


async def test_a_backup_of_rows_and_then_bytes_has_the_bytes_of_every_row(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    async with Server(folder=tmp_path) as server:
        early = await upload(server, b"before the rows were copied", "early.txt")
        going, ending = await begin(server, 10), await begin(server, 10)
        for url in (going, ending):
            assert await append(server, url, 0, b"first") == 204
        copy_rows(server, kept / NAME)
        assert await append(server, going, 5, b"mo") == 204
        assert await append(server, ending, 5, b"later") == 204
        copy_bytes(server, kept / "data")
    back = await restored(server, kept)
    assert await found(back) == {"file-changed": 1}
    async with back:
        assert (await request(back.address, "GET", early)).body == b"before the rows were copied"
        for url in (going, ending):
            assert (await request(back.address, "HEAD", url, (TUS,))).headers["upload-offset"] == "5"
        assert await append(back, going, 5, b"LATER") == 204
        assert (await request(back.address, "GET", going)).body == b"firstLATER"
        # It was whole when its bytes were copied, and whole files are sealed.
        assert await append(back, ending, 5, b"LATER") == 503
        for path in with_content(back, b"firstlater"):
            path.chmod(0o640)
        assert await append(back, ending, 5, b"LATER") == 204
        assert (await request(back.address, "GET", ending)).body == b"firstLATER"


async def test_the_same_with_pg_dump(
    tmp_path: Path, postgres_server: PostgresServer, postgres_dsn: str
) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    async with Server(folder=tmp_path, database_url=postgres_dsn) as server:
        early = await upload(server, b"before the rows were copied", "early.txt")
        await pg("pg_dump", "--format=custom", f"--file={kept / 'rows'}", postgres_dsn)
        await upload(server, b"after it", "late.txt")
        copy_bytes(server, kept / "data")
    other = postgres_server.create(f"test_{secrets.token_hex(8)}")
    await pg("pg_restore", "--exit-on-error", "--no-owner", f"--dbname={other}", str(kept / "rows"))
    off = {"storage.sweep_interval": "0"}
    back = replace(server, upload_dir=kept / "data", database_url=other, settings=off)
    await change(back, "UPDATE workers SET alive_until = 0")
    assert await found(back) == {"file-changed": 1}
    async with back:
        assert (await request(back.address, "GET", early)).body == b"before the rows were copied"


async def test_what_came_after_a_backup_is_there_until_the_sweep_is_switched_on(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    async with Server(folder=tmp_path) as server:
        copy_rows(server, kept / NAME)
        await upload(server, b"later", "late.txt")
        copy_bytes(server, kept / "data")
    off, often = {"storage.sweep_interval": "0"}, {"storage.sweep_interval": "100ms"}
    back = await restored(server, kept, **off)
    await change(back, "UPDATE workers SET buried = 1")
    async with back:
        assert await found(back) == {"no-row": 1}
    assert len(with_content(back, b"later")) == 1
    assert "sweep.off" in back.log
    async with replace(back, settings=often):
        await swept(back, b"later")


async def test_a_backup_of_bytes_and_then_rows_lacks_bytes(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    async with Server(folder=tmp_path) as server:
        await upload(server, b"early", "early.txt")
        copy_bytes(server, kept / "data")
        await upload(server, b"between", "between.txt")
        copy_rows(server, kept / NAME)
    assert await found(await restored(server, kept)) == {
        "file-changed": 1,
        "file-missing": 1,
        "bytes-missing": 1,
    }
