"""aiotus and resumable-upload: each uploads, goes on after a cut, and ends with the right content."""

import asyncio
import sys
from pathlib import Path

import aiotus
import pytest

from tests.harness.checker import download
from tests.harness.content import Content
from tests.harness.cutting import CuttingProxy
from tests.harness.server import Server
from tests.harness.wire import Address, request

from .foreign import MIB

# aiotus hands whole chunks to aiohttp, which warns its author.
pytestmark = pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")

CUTS = (1 * MIB, 9 * MIB)


async def _arrived(server: Server, url: str, content: Content) -> bool:
    target = url[url.index("/files/") :]
    return await download(server.address, target) == (200, content.length, content.sha256())


async def _send_with_aiotus(address: Address, path: Path) -> str:
    quickly = aiotus.RetryConfiguration(retry_attempts=8, max_retry_period_seconds=0.2)
    metadata = {"filename": b"holiday.jpg", "mime_type": b"image/jpeg", "private": None}
    with path.open("rb") as file:
        url = await aiotus.upload(f"{address.url}/files/", file, metadata, config=quickly)
    assert url is not None, "aiotus gave up"
    return str(url)


@pytest.mark.parametrize("length", [0, 1, 5 * MIB])
async def test_aiotus_sends_a_file(length: int, shared_server: Server, tmp_path: Path, seed: int) -> None:
    content = Content(seed=seed, length=length)
    path = content.write_to(tmp_path / "content.bin")
    url = await _send_with_aiotus(shared_server.address, path)
    assert await _arrived(shared_server, url, content)
    head = await request(
        shared_server.address,
        "HEAD",
        url.removeprefix(shared_server.address.url),
        [("Tus-Resumable", "1.0.0")],
    )
    assert "private" in head.headers["upload-metadata"].split(","), "a key without a value stays one"


async def test_aiotus_goes_on_after_cuts(shared_server: Server, tmp_path: Path, seed: int) -> None:
    content = Content(seed=seed, length=20 * MIB)
    path = content.write_to(tmp_path / "content.bin")
    proxy = CuttingProxy(target=shared_server.address, cuts=CUTS)
    async with proxy.running():
        url = await _send_with_aiotus(proxy.address, path)
    assert proxy.done == len(CUTS)
    assert await _arrived(shared_server, url, content)


WAYS = {
    "one after the other": ("--checksum", "none"),
    "with checksums": ("--checksum", "sha1"),
    "side by side": ("--parallel", "3", "--checksum", "sha256"),
    "POST instead of PATCH": ("--override-patch-method", "--checksum", "none"),
}


async def _send_with_resumable_upload(address: Address, path: Path, *options: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "resumable_upload", "upload", "--url", f"{address.url}/files"),
        *("--chunk-size", str(MIB), "--no-progress", "--retry-delay", "0.05", *options, str(path)),
        cwd=path.parent,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await process.communicate()
    assert process.returncode == 0, complained.decode()
    return next(word for word in said.decode().split() if "/files/" in word)


@pytest.mark.parametrize("way", WAYS)
async def test_resumable_upload_sends_a_file(
    way: str, shared_server: Server, tmp_path: Path, seed: int
) -> None:
    content = Content(seed=seed, length=20 * MIB + 7)
    path = content.write_to(tmp_path / "content.bin")
    url = await _send_with_resumable_upload(shared_server.address, path, *WAYS[way])
    assert await _arrived(shared_server, url, content)


@pytest.mark.parametrize("way", WAYS)
async def test_resumable_upload_goes_on_after_cuts(
    way: str, shared_server: Server, tmp_path: Path, seed: int
) -> None:
    content = Content(seed=seed, length=20 * MIB + 7)
    path = content.write_to(tmp_path / "content.bin")
    proxy = CuttingProxy(target=shared_server.address, cuts=CUTS)
    async with proxy.running():
        url = await _send_with_resumable_upload(proxy.address, path, *WAYS[way])
    assert proxy.done == len(CUTS)
    assert await _arrived(shared_server, url, content)
