"""What docs/backup.md says: rows first, then bytes; and back without deleting anything."""

import asyncio
import json
import random
import secrets
import shutil
import sqlite3
import subprocess
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from protocol.metadata import format_metadata
from tests.harness.rows import change
from tests.harness.server import DidNotHappen, Server
from tests.harness.wire import request
from tests.services.postgres import PostgresServer
from tests.services.seaweedfs import Bucket, SeaweedServer, client_of

TUS = ("Tus-Resumable", "1.0.0")
NAME = "tusd.db"
MIB = 1 << 20


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


async def found(server: Server, *how: str) -> Counter[str]:
    """What fsck says, counted."""
    ended = await asyncio.to_thread(
        subprocess.run,
        server.command("fsck", "--json", *how),
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
    await pg("pg_restore", "--single-transaction", "--no-owner", f"--dbname={other}", str(kept / "rows"))
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


async def send(server: Server, content: bytes, *, until: int, url: str = "", start: int = 0) -> str:
    """A body from `start` on; where it can be fetched."""
    url = url or await begin(server, len(content))
    assert await append(server, url, start, content[start:until]) == 204
    return url


async def told(server: Server, url: str) -> tuple[int, str | None]:
    """What HEAD says."""
    answer = await request(server.address, "HEAD", url, (TUS,))
    return answer.status, answer.headers.get("upload-offset")


async def is_served(server: Server, url: str, content: bytes) -> bool:
    answer = await request(server.address, "GET", url)
    return answer.status == 200 and answer.body == content


async def restored_from_dump(server: Server, postgres_server: PostgresServer, rows: Path) -> Server:
    """With the rows in a new database, an hour later, and without the sweep."""
    other = postgres_server.create(f"test_{secrets.token_hex(8)}")
    await pg("pg_restore", "--single-transaction", "--no-owner", f"--dbname={other}", str(rows))
    settings = {**server.settings, "storage.sweep_interval": "0"}
    back = replace(server, database_url=other, settings=settings)
    await change(back, "UPDATE workers SET alive_until = 0")
    return back


async def test_rows_older_than_their_bucket_find_what_was_deleted_once_its_markers_are_removed(
    tmp_path: Path, seaweed: SeaweedServer, postgres_server: PostgresServer, postgres_dsn: str, seed: int
) -> None:
    bucket = seaweed.bucket(f"versions-{secrets.token_hex(8)}")
    await keep_versions(bucket)
    early, going, ending = (random.Random(seed + n).randbytes(17 * MIB) for n in range(3))
    small, deleted = early[:1000], early[:2000]
    server = Server(folder=tmp_path, database_url=postgres_dsn, settings=bucket.settings(), workers=2)
    async with server:
        early_url = await send(server, early, until=17 * MIB)
        # In tails, and in parts with a tail.
        small_url = await send(server, small, until=600)
        going_url = await send(server, going, until=9 * MIB)
        ending_url = await send(server, ending, until=9 * MIB)
        deleted_url = await send(server, deleted, until=2000)
        await pg("pg_dump", "--format=custom", f"--file={tmp_path / 'rows'}", postgres_dsn)
        await send(server, small, url=small_url, start=600, until=1000)
        await send(server, going, url=going_url, start=9 * MIB, until=15 * MIB)
        await send(server, ending, url=ending_url, start=9 * MIB, until=17 * MIB)
        assert (await request(server.address, "DELETE", deleted_url, (TUS,))).status == 204
        late_url = await send(server, small, until=1000)
    await remove_markers(bucket)
    back = await restored_from_dump(server, postgres_server, tmp_path / "rows")
    # Of what became whole since, the parts are an object that no row names.
    assert await found(back) == {"bytes-missing": 1}
    async with back:
        assert await is_served(back, early_url, early)
        assert await is_served(back, deleted_url, deleted)
        assert (await told(back, late_url))[0] == 404
        for url, content, offset in ((small_url, small, 600), (going_url, going, 9 * MIB)):
            assert await told(back, url) == (200, str(offset))
            await send(back, content, url=url, start=offset, until=len(content))
            assert await is_served(back, url, content)
        assert await append(back, ending_url, 9 * MIB, ending[9 * MIB :]) == 410
        assert (await told(back, ending_url))[0] == 410
        assert (await found(back)).keys() <= {"no-row"}


async def test_a_copy_of_a_bucket_has_the_files_and_tails_of_older_rows_and_no_parts(
    tmp_path: Path, bucket: Bucket, postgres_server: PostgresServer, postgres_dsn: str, seed: int
) -> None:
    early, going = (random.Random(seed + n).randbytes(17 * MIB) for n in range(2))
    small = early[:1000]
    server = Server(folder=tmp_path, database_url=postgres_dsn, settings=bucket.settings(), workers=2)
    async with server:
        early_url = await send(server, early, until=17 * MIB)
        small_url = await send(server, small, until=600)
        going_url = await send(server, going, until=9 * MIB)
        await pg("pg_dump", "--format=custom", f"--file={tmp_path / 'rows'}", postgres_dsn)
        await send(server, small, url=small_url, start=600, until=700)
        late_url = await send(server, small, until=1000)
        copied = replace(bucket, prefix=f"{bucket.prefix}copy/")
        await copy_objects(bucket, copied)
    back = await restored_from_dump(server, postgres_server, tmp_path / "rows")
    back = replace(back, settings={**back.settings, **copied.settings()})
    # Objects that were sent in parts have another ETag as copies.
    assert await found(back) == {"file-changed": 1, "bytes-missing": 1}
    async with back:
        assert await is_served(back, early_url, early)
        assert await told(back, small_url) == (200, "600")
        await send(back, small, url=small_url, start=600, until=1000)
        assert await is_served(back, small_url, small)
        assert (await told(back, late_url))[0] == 404
        assert await append(back, going_url, 9 * MIB, going[9 * MIB :]) == 410
        assert (await told(back, going_url))[0] == 410


async def test_rows_younger_than_their_bucket_say_what_is_lost(
    tmp_path: Path, bucket: Bucket, postgres_server: PostgresServer, postgres_dsn: str, seed: int
) -> None:
    content = random.Random(seed).randbytes(1000)
    server = Server(folder=tmp_path, database_url=postgres_dsn, settings=bucket.settings())
    copied = replace(bucket, prefix=f"{bucket.prefix}copy/")
    async with server:
        early_url = await send(server, content, until=1000)
        going_url = await send(server, content, until=600)
        await copy_objects(bucket, copied)
        between_url = await send(server, content, until=1000)
        await send(server, content, url=going_url, start=600, until=700)
        await pg("pg_dump", "--format=custom", f"--file={tmp_path / 'rows'}", postgres_dsn)
    back = await restored_from_dump(server, postgres_server, tmp_path / "rows")
    back = replace(back, settings={**back.settings, **copied.settings()})
    async with back:
        assert await is_served(back, early_url, content)
        assert await found(back, "--repair") == {"bytes-missing": 2}
        assert await is_served(back, early_url, content)
        for url in (going_url, between_url):
            assert (await told(back, url))[0] == 410
            assert (await request(back.address, "GET", url)).status == 410


async def keep_versions(bucket: Bucket) -> None:
    async with client_of(bucket) as client:
        kept: dict[str, Any] = {"Status": "Enabled"}
        await client.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration=kept)


async def remove_markers(bucket: Bucket) -> None:
    async with client_of(bucket) as client:
        listed = await client.list_object_versions(Bucket=bucket.name, Prefix=bucket.prefix)
        for marker in listed["DeleteMarkers"]:
            await client.delete_object(Bucket=bucket.name, Key=marker["Key"], VersionId=marker["VersionId"])


async def copy_objects(bucket: Bucket, to: Bucket) -> None:
    """Each in one piece, as tools for copies do."""
    async with client_of(bucket) as client:
        listed = await client.list_objects_v2(Bucket=bucket.name, Prefix=bucket.prefix)
        for key in (one["Key"] for one in listed["Contents"]):
            found = await client.get_object(Bucket=bucket.name, Key=key)
            async with found["Body"] as body:
                content = await body.read()
            name = to.prefix + key.removeprefix(bucket.prefix)
            await client.put_object(Bucket=to.name, Key=name, Body=content, Metadata=found["Metadata"])
