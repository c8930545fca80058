"""tuspy: in chunks, whole, with checksums, and resumed from the URL that it stored."""

import asyncio
from pathlib import Path

import pytest

from tests.harness.checker import download
from tests.harness.content import Content
from tests.harness.server import Server

from .foreign import MIB, Tuspy

# tuspy leaves the files that it opened to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


async def _arrived(url: str, content: Content, server: Server) -> bool:
    found = await download(server.address, url.removeprefix(server.address.url))
    return found == (200, content.length, content.sha256())


@pytest.mark.parametrize("chunk_size", [0, 2 * MIB], ids=["whole", "in chunks"])
@pytest.mark.parametrize("length", [0, 1, 5 * MIB, 64 * MIB])
async def test_tuspy_sends_a_file(
    length: int, chunk_size: int, shared_server: Server, tmp_path: Path, seed: int
) -> None:
    content = Content(seed=seed, length=length)
    path = content.write_to(tmp_path / "content.bin")
    client = Tuspy(
        endpoint=shared_server.files_url, path=path, memory=tmp_path / "urls.json", chunk_size=chunk_size
    )

    url = await asyncio.to_thread(client.upload)

    assert await _arrived(url, content, shared_server)


async def test_tuspy_resumes_from_the_url_that_it_stored(
    shared_server: Server, tmp_path: Path, seed: int
) -> None:
    content = Content(seed=seed, length=20 * MIB)
    path = content.write_to(tmp_path / "content.bin")
    client = Tuspy(
        endpoint=shared_server.files_url,
        path=path,
        memory=tmp_path / "urls.json",
        chunk_size=3 * MIB,
        metadata={"filename": "holiday.jpg"},
    )

    begun = await asyncio.to_thread(client.upload, 7 * MIB)
    ended = await asyncio.to_thread(client.upload)

    assert ended == begun
    assert await _arrived(ended, content, shared_server)


async def test_tuspy_sends_a_checksum_with_every_chunk(
    shared_server: Server, tmp_path: Path, seed: int
) -> None:
    content = Content(seed=seed, length=5 * MIB)
    path = content.write_to(tmp_path / "content.bin")
    client = Tuspy(
        endpoint=shared_server.files_url,
        path=path,
        memory=tmp_path / "urls.json",
        chunk_size=MIB,
        checksum=True,
    )

    url = await asyncio.to_thread(client.upload)

    assert await _arrived(url, content, shared_server)
