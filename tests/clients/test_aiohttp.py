"""aiohttp as a tus client, and curl as the README uses it."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.harness.checker import download
from tests.harness.content import Content
from tests.harness.server import Server

from .foreign import MIB

RESUMABLE = {"Tus-Resumable": "1.0.0"}
BYTES = {**RESUMABLE, "Content-Type": "application/offset+octet-stream"}


async def _blocks(content: Content, start: int) -> AsyncIterator[bytes]:
    for piece in content.slices(start, content.length):
        yield bytes(piece)


@pytest.mark.parametrize("length", [0, 1, 5 * MIB, 64 * MIB])
async def test_aiohttp_sends_a_chunked_body(length: int, shared_server: Server, seed: int) -> None:
    content = Content(seed=seed, length=length)
    async with aiohttp.ClientSession() as session:
        opening = {**RESUMABLE, "Upload-Length": str(length)}
        async with session.post(shared_server.files_url, headers=opening) as created:
            assert created.status == 201
            url = created.headers["Location"]
        headers = {**BYTES, "Upload-Offset": "0"}
        async with session.patch(url, headers=headers, data=_blocks(content, 0)) as sent:
            assert (sent.status, sent.headers["Upload-Offset"]) == (204, str(length))

    target = url.removeprefix(shared_server.address.url)
    assert await download(shared_server.address, target) == (200, length, content.sha256())


async def test_one_connection_carries_a_whole_upload(shared_server: Server, seed: int) -> None:
    content = Content(seed=seed, length=3 * MIB)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
        opening = {**RESUMABLE, "Upload-Length": str(content.length)}
        async with session.post(shared_server.files_url, headers=opening) as created:
            url = created.headers["Location"]
        for start in range(0, content.length, MIB):
            headers = {**BYTES, "Upload-Offset": str(start)}
            body = content.read(start, start + MIB)
            async with session.patch(url, headers=headers, data=body) as sent:
                assert sent.headers["Upload-Offset"] == str(start + MIB)
        async with session.get(url) as got:
            assert content.matches(0, await got.read())


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_curl_creates_sends_and_fetches(shared_server: Server, tmp_path: Path, seed: int) -> None:
    content = Content(seed=seed, length=5 * MIB)
    path = content.write_to(tmp_path / "content.bin")
    created = await _curl(
        "-i",
        "-X",
        "POST",
        "-H",
        "Tus-Resumable: 1.0.0",
        "-H",
        f"Upload-Length: {content.length}",
        shared_server.files_url,
    )
    lines = created.decode().splitlines()
    url = next(line.split(": ", 1)[1] for line in lines if line.lower().startswith("location:"))

    await _curl(
        "-X",
        "PATCH",
        "-H",
        "Tus-Resumable: 1.0.0",
        "-H",
        "Upload-Offset: 0",
        "-H",
        "Content-Type: application/offset+octet-stream",
        "--data-binary",
        f"@{path}",
        url,
    )

    assert content.matches(0, await _curl(url))


async def _curl(*arguments: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        "curl", "--silent", "--show-error", "--fail", *arguments, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    return said
