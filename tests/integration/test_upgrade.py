"""What older versions left, and then this one starts on it.

`past/schema-<n>.tar.xz` is what the last version with schema n left at a kill -9: of each database the
folder, the rows (those of Postgres as SQL), and what its clients know. Uploads are in every state that they
rest in. Names of the machine were taken out. Not here: single migrations.
"""

import asyncio
import json
import subprocess
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.harness.content import Content
from tests.harness.rows import change, fetch
from tests.harness.server import Server
from tests.harness.tus import TusClient
from tests.harness.wire import Answer, request
from tusd_py.metadata.migrations import migrations

PAST = Path(__file__).with_name("past")
FAR = 4_102_444_800_000_000
"""The year 2100 in microseconds; the dates of back then have passed."""
GOES_ON = ("created", "receiving", "interrupted", "second")
SERVED = ("created", "receiving", "interrupted", "whole", "stored")


def unpacked(schema: int, database: str, folder: Path) -> Path:
    with tarfile.open(PAST / f"schema-{schema}.tar.xz") as past:
        # As an attribute, which Python before 3.11.4 passes over.
        past.extraction_filter = getattr(tarfile, "data_filter", None)
        past.extractall(folder)
    return folder / database


def restore(rows: Path, dsn: str) -> None:
    subprocess.run(
        ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-f", str(rows), dsn],
        check=True,
        timeout=60,
        stdout=subprocess.DEVNULL,
    )


def left(server: Server, said: dict[str, Any]) -> TusClient:
    """Somebody who remembers what clients were told."""
    client = TusClient(address=server.address)
    for one in said.values():
        if "length" in one:
            tracked = client.ledger.opened(one["path"], Content(seed=one["seed"], length=one["length"]))
            tracked.sent = tracked.acked = one["offset"]
    return client


async def found(server: Server) -> Counter[str]:
    ended = await asyncio.to_thread(
        subprocess.run,
        server.command("fsck", "--json"),
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert not ended.stderr
    return Counter(json.loads(line)["problem"] for line in ended.stdout.splitlines())


async def fetched(server: Server, path: str) -> Answer:
    """Once it is put together."""
    async with asyncio.timeout(30.0):
        while (answer := await request(server.address, "GET", path)).status == 409:
            await asyncio.sleep(0.05)
    return answer


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
@pytest.mark.parametrize("schema", [2, 14])
async def test_what_an_older_version_left_goes_on(
    tmp_path: Path, empty_postgres_dsn: str, schema: int, database: str
) -> None:
    past = unpacked(schema, database, tmp_path)
    said = json.loads((past / "said.json").read_text())
    server = Server(folder=tmp_path, upload_dir=past / "data")
    if database == "postgres":
        server.database_url = empty_postgres_dsn
        restore(past / "rows.sql", empty_postgres_dsn)
    await change(server, f"UPDATE uploads SET expires_at = {FAR} WHERE expires_at IS NOT NULL")
    async with server:
        [row] = await fetch(server, "SELECT max(version) AS version FROM schema_version")
        assert row["version"] == migrations(database)[-1].number
        client = left(server, said)
        tracked = {name: client.ledger.uploads.get(one["path"]) for name, one in said.items()}
        for name in GOES_ON:
            going = tracked[name]
            assert going is not None
            assert await client.offset(going) == going.acked
            await client.finish(going, step=100)
        assert client.ledger.violations == []
        for name in SERVED:
            stored = tracked[name]
            assert stored is not None
            answer = await fetched(server, stored.target)
            assert (answer.status, stored.content.matches(0, answer.body)) == (200, True), name
        first, second = (
            Content(seed=said[name]["seed"], length=said[name]["length"]) for name in ("first", "second")
        )
        whole = b"".join((*first.slices(0, first.length), *second.slices(0, second.length)))
        assert (await fetched(server, said["final"]["path"])).body == whole
        assert (await fetched(server, said["infected"]["path"])).status == 403
        if "link" in said:
            shared = await fetched(server, said["link"]["path"])
            assert shared.body == (await fetched(server, said["stored"]["path"])).body
        # They are copies.
        assert (await found(server)).keys() <= {"file-changed"}
    assert not server.first_traceback
