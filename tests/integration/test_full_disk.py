"""What docs/operations.md says of a full disk with everything on it."""

from contextlib import suppress
from pathlib import Path

import pytest

from tests.contract.storages import FULL_KINDS, small_disk
from tests.harness.server import DidNotHappen, Server
from tests.harness.wire import Answer, request
from tests.services.seaweedfs import Bucket

TUS = ("Tus-Resumable", "1.0.0")
BYTES = ("Content-Type", "application/offset+octet-stream")
MIB = 1 << 20


def fill(path: Path) -> None:
    with suppress(OSError), path.open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(4096))


async def create(server: Server, length: int, body: bytes = b"") -> Answer:
    return await request(
        server.address,
        "POST",
        "/files/",
        (TUS, ("Upload-Length", str(length)), *([BYTES] if body else [])),
        body,
    )


async def append(server: Server, url: str, offset: int, length: int) -> Answer:
    said = (TUS, BYTES, ("Upload-Offset", str(offset)))
    return await request(server.address, "PATCH", url, said, bytes(length))


@pytest.mark.skipif("small disk" not in FULL_KINDS, reason="mounts a filesystem: needs root")
async def test_a_full_disk_costs_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk, 64 * MIB):
        server = Server(folder=tmp_path, upload_dir=disk / "data")
        async with server:
            stored = (await create(server, 5, b"early")).headers["location"].removeprefix(server.address.url)
            going = (await create(server, 20 * MIB)).headers["location"].removeprefix(server.address.url)
            assert (await append(server, going, 0, 4 * MIB)).status == 204
            fill(disk / "filler")
            assert (await request(server.address, "GET", "/readyz")).status == 200
            assert (await request(server.address, "GET", stored)).body == b"early"
            refused = [
                await append(server, going, 4 * MIB, MIB),
                await create(server, 5),
                await create(server, 5, b"later"),
                await request(server.address, "DELETE", stored, (TUS,)),
            ]
            assert [answer.status for answer in refused] == [503, 503, 507, 503]
            assert all("retry-after" in answer.headers for answer in refused)
            head = await request(server.address, "HEAD", going, (TUS,))
            assert (head.status, head.headers["upload-offset"]) == (200, str(4 * MIB))
            await server.terminate()
            with pytest.raises(DidNotHappen):
                await server.start()
            assert "unexpected failure" not in server.log
            assert "the disk is full: make room on it" in server.log
            (disk / "filler").unlink()
            await server.start()
            assert (await append(server, going, 4 * MIB, 16 * MIB)).status == 204
            assert (await request(server.address, "GET", stored)).body == b"early"


@pytest.mark.skipif("small disk" not in FULL_KINDS, reason="mounts a filesystem: needs root")
@pytest.mark.parametrize(
    ("identity", "problem"),
    [("", "the data folder cannot be used: No space left"), ("0" * 32, "cannot open the SQLite database")],
)
async def test_a_first_start_on_a_full_disk_says_so(tmp_path: Path, identity: str, problem: str) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk, MIB):
        ours = disk / "data" / ".tusd"
        ours.mkdir(parents=True)
        if identity:
            (ours / "identity").write_text(identity)
        fill(disk / "filler")
        with pytest.raises(DidNotHappen) as failed:
            await Server(folder=tmp_path, upload_dir=disk / "data").start()
        assert problem in str(failed.value)
        assert "hint: the disk is full: make room on it" in str(failed.value)


@pytest.mark.skipif("small disk" not in FULL_KINDS, reason="mounts a filesystem: needs root")
async def test_a_disk_without_room_for_large_parts_costs_nothing_that_was_acknowledged(
    tmp_path: Path, bucket: Bucket
) -> None:
    disk = tmp_path / "disk"
    settings = {"database.url": f"sqlite:///{tmp_path}/rows.db", **bucket.settings()}
    with small_disk(disk, 512 * MIB):
        server = Server(folder=tmp_path, upload_dir=disk / "data", settings=settings)
        async with server:
            # So long that its parts are too large for memory.
            made = await create(server, 2 << 40)
            going = made.headers["location"].removeprefix(server.address.url)
            assert (await append(server, going, 0, MIB)).status == 204
            fill(disk / "filler")
            refused = await append(server, going, MIB, 9 * MIB)
            assert (refused.status, "retry-after" in refused.headers) == (507, True)
            head = await request(server.address, "HEAD", going, (TUS,))
            assert (head.status, head.headers["upload-offset"]) == (200, refused.headers["upload-offset"])
            (disk / "filler").unlink()
            offset = int(head.headers["upload-offset"])
            assert MIB <= offset < 10 * MIB
            assert (await append(server, going, offset, 9 * MIB)).status == 204
