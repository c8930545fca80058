"""Quotas over HTTP, with the real program: what a client hears, and what is counted."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.harness.rows import change
from tests.harness.server import Server
from tests.harness.tus import BYTES, RESUMABLE
from tests.harness.wire import Answer, request

SETTINGS = {
    "quota.bytes": "10MiB",
    "quota.open_uploads": "2",
    "quota.deferred_step": "1MiB",
    "uploads.checkpoint_bytes": "1MiB",
}
MIB = 1 << 20


@pytest.fixture
async def limited(tmp_path: Path) -> AsyncIterator[Server]:
    async with Server(folder=tmp_path, settings=SETTINGS) as server:
        yield server


async def create(server: Server, *headers: tuple[str, str]) -> Answer:
    return await request(server.address, "POST", "/files/", [RESUMABLE, *headers])


async def me(server: Server) -> dict[str, object]:
    told: dict[str, object] = json.loads((await request(server.address, "GET", "/api/v1/me")).body)
    return told


def target(created: Answer) -> str:
    return "/files/" + created.headers["location"].rpartition("/")[2]


async def test_a_client_hears_what_is_left_and_me_says_what_is_used(limited: Server) -> None:
    made = await create(limited, ("Upload-Length", str(6 * MIB)))
    assert made.status == 201
    refused = await create(limited, ("Upload-Length", str(6 * MIB)))
    assert refused.status == 413
    assert refused.body == (
        b"ERR_QUOTA_EXCEEDED: quota exceeded: 6291456 bytes wanted, 4194304 of 10485760 are left\n"
    )
    assert (await me(limited))["usage"] == {"bytes": 6 * MIB, "files": 1, "open_uploads": 1}
    assert (await me(limited))["quota"] == {"bytes": 10 * MIB, "files": None, "open_uploads": 2}
    await create(limited, ("Upload-Length", "1"))
    busy = await create(limited, ("Upload-Length", "1"))
    assert (busy.status, busy.headers["retry-after"]) == (429, "60")
    assert (await request(limited.address, "DELETE", target(made), [RESUMABLE])).status == 204
    assert (await me(limited))["usage"] == {"bytes": 1, "files": 1, "open_uploads": 1}


async def test_whole_uploads_that_are_refused_leave_no_bytes(limited: Server) -> None:
    await create(limited, ("Upload-Length", str(10 * MIB)))
    refused = await request(
        limited.address, "POST", "/files/", [RESUMABLE, BYTES, ("Upload-Length", "3")], b"abc"
    )
    assert refused.status == 413
    assert [path for path in limited.data.rglob("*") if path.is_file() and ".tusd" not in path.parts] == []


async def test_an_upload_of_unknown_length_stops_where_the_quota_does_and_goes_on_later(
    limited: Server,
) -> None:
    other = target(await create(limited, ("Upload-Length", str(6 * MIB))))
    deferred = target(await create(limited, ("Upload-Defer-Length", "1")))
    headers = [RESUMABLE, BYTES, ("Upload-Offset", "0")]
    stopped = await request(limited.address, "PATCH", deferred, headers, bytes(6 * MIB))
    assert (stopped.status, stopped.headers["retry-after"]) == (507, "60")
    assert stopped.body.startswith(b"ERR_QUOTA_EXCEEDED: ")
    offset = stopped.offset or 0
    assert 0 < offset <= 4 * MIB
    assert (await request(limited.address, "HEAD", deferred, [RESUMABLE])).offset == offset
    await request(limited.address, "DELETE", other, [RESUMABLE])
    headers = [RESUMABLE, BYTES, ("Upload-Offset", str(offset)), ("Upload-Length", str(6 * MIB))]
    done = await request(limited.address, "PATCH", deferred, headers, bytes(6 * MIB - offset))
    assert (done.status, done.offset) == (204, 6 * MIB)
    assert (await me(limited))["usage"] == {"bytes": 6 * MIB, "files": 1, "open_uploads": 0}


async def test_small_uploads_of_unknown_length_from_before_stop_where_the_quota_does(server: Server) -> None:
    targets = [target(await create(server, ("Upload-Defer-Length", "1"))) for _ in range(2)]
    await server.stop()
    server.settings = {"quota.bytes": "100"}
    await server.start()
    await create(server, ("Upload-Length", "1"))
    headers = [RESUMABLE, BYTES, ("Upload-Offset", "0"), ("Upload-Length", "60")]
    done, stopped = [await request(server.address, "PATCH", one, headers, bytes(60)) for one in targets]
    assert (done.status, done.offset) == (204, 60)
    assert (stopped.status, stopped.offset) == (507, 0)
    assert stopped.headers["retry-after"] == "60"
    assert stopped.body.startswith(b"ERR_QUOTA_EXCEEDED: ")
    assert (await request(server.address, "HEAD", targets[1], [RESUMABLE])).offset == 0
    assert (await me(server))["usage"] == {"bytes": 61, "files": 3, "open_uploads": 2}
    bytes_of_both = [one for one in server.data.rglob("*") if one.is_file() and ".tusd" not in one.parts]
    assert [one.stat().st_size for one in bytes_of_both] == [60]


async def test_others_may_have_other_quotas(tmp_path: Path) -> None:
    settings = {"quota.overrides": '["anonymous bytes=5 files=0"]'}
    async with Server(folder=tmp_path, settings=settings) as server:
        assert (await create(server, ("Upload-Length", "6"))).status == 413
        assert (await create(server, ("Upload-Length", "5"))).status == 201


async def test_without_quotas_nothing_is_counted(server: Server) -> None:
    await create(server, ("Upload-Length", "5"))
    assert (await me(server))["usage"] is None


async def test_fsck_counts_again(limited: Server) -> None:
    await create(limited, ("Upload-Length", "5"))
    await limited.stop()
    await change(limited, "UPDATE usage SET bytes = 17")
    code, said = await fsck(limited)
    assert code != 0
    assert "usage-wrong" in said
    assert "17 bytes, 1 files and 1 open are charged, 5 bytes, 1 files and 1 open are there" in said
    await fsck(limited, "--repair")
    assert (await fsck(limited))[0] == 0


async def fsck(server: Server, *arguments: str) -> tuple[int, str]:
    """Its exit status and output."""
    command = server.command("fsck", *arguments)
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout
