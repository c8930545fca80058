"""The programs in examples/, as a newcomer runs them."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tusclient.client import TusClient

from tests.harness.content import Content
from tests.harness.ports import free_port
from tests.harness.server import ROOT, until
from tests.harness.wire import Address, Connection, request

MIB = 1 << 20


@asynccontextmanager
async def running(example: str, folder: Path, *, first_path: str) -> AsyncIterator[Address]:
    """The example on a free port, until it answers; it has to end well when asked to."""
    address = Address("127.0.0.1", free_port())
    command = [sys.executable, "-W", "error", "-m", f"examples.{example}", "--port", str(address.port)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: ASYNC220 - starting one is quick
            [*command, "--folder", str(folder / "uploads")], cwd=ROOT, stdout=log, stderr=log
        )
    try:
        async with asyncio.timeout(20):
            while not await _answers(address, first_path):
                assert process.poll() is None, (folder / "log").read_text()
                await asyncio.sleep(0.02)
        yield address
        process.send_signal(signal.SIGTERM)
        await until(lambda: process.poll() is not None, f"{example} ends", 15)
        assert process.returncode == 0, (folder / "log").read_text()
    finally:
        process.kill()
        process.wait()


async def _answers(address: Address, path: str) -> bool:
    try:
        return (await request(address, "OPTIONS", path)).status in (200, 405)
    except OSError:
        return False


async def _send(url: str, content: Content, folder: Path, filetype: str = "", token: str = "") -> str:
    """With tuspy, in pieces; the URL of the upload."""
    client = TusClient(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    metadata = {"filename": "photo.jpg", "filetype": filetype}
    with content.write_to(folder / "photo.jpg").open("rb") as file:
        uploader = client.uploader(file_stream=file, chunk_size=MIB, metadata=metadata)
        await asyncio.to_thread(uploader.upload)
    assert uploader.url
    return str(uploader.url)


async def test_the_mounted_example_takes_pictures_of_people_it_knows(tmp_path: Path, seed: int) -> None:
    content = Content(seed=seed, length=3 * MIB)
    async with running("mounted", tmp_path, first_path="/files/") as address:
        url = await _send(f"{address.url}/files/", content, tmp_path, "image/jpeg", "alices-token")
        path = url.removeprefix(address.url)
        got = await request(address, "GET", path, [("Authorization", "Bearer alices-token")])
        assert content.matches(0, got.body)
        assert (await request(address, "GET", path)).status == 401
        assert (await request(address, "GET", path, [("Authorization", "Bearer bobs-token")])).status == 404
        assert b"photo.jpg by alice" in (await request(address, "GET", "/")).body
        assert b"tusd_uploads_finished 1.0" in (await request(address, "GET", "/metrics")).body
        assert (await request(address, "GET", "/ready")).status == 200
        opening = [
            ("Tus-Resumable", "1.0.0"),
            ("Upload-Length", "1"),
            ("Authorization", "Bearer alices-token"),
        ]
        refused = await request(address, "POST", "/files/", opening)
        assert (refused.status, refused.body[:43]) == (400, b"ERR_UPLOAD_REJECTED: only pictures are take")


async def test_the_example_of_two_mounts_keeps_them_apart(tmp_path: Path, seed: int) -> None:
    content = Content(seed=seed, length=2 * MIB)
    async with running("two_mounts", tmp_path, first_path="/pictures/") as address:
        for path, folder in (("/pictures/", "pictures"), ("/team/films/", "films")):
            url = await _send(f"{address.url}{path}", content, tmp_path)
            assert content.matches(0, (await request(address, "GET", url.removeprefix(address.url))).body)
            assert (tmp_path / "uploads" / folder / "anonymous").is_dir()


async def test_the_example_with_our_server_has_its_limits(tmp_path: Path, seed: int) -> None:
    content = Content(seed=seed, length=2 * MIB)
    async with running("own_server", tmp_path, first_path="/files/") as address:
        assert (await request(address, "GET", "/")).body == b"hello\n"
        url = await _send(f"{address.url}/files/", content, tmp_path)
        assert content.matches(0, (await request(address, "GET", url.removeprefix(address.url))).body)
        async with await Connection.open(address) as connection:
            await connection.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 20_000 + b"\r\n\r\n")
            answer = await connection.answer()
            assert (answer.status, answer.body.split(b":")[0]) == (400, b"ERR_INVALID_HEADER")
