"""tus-js-client against limits of rate: it waits, and never begins a file again."""

from pathlib import Path

import pytest

from tests.harness.content import Content
from tests.harness.server import Server
from tests.harness.tus import RESUMABLE
from tests.harness.wire import request

from .foreign import MIB, ClientFailed, Variant, node_reason, tus_js_client

pytestmark = pytest.mark.skipif(node_reason() is not None, reason=node_reason() or "")

CHUNKS = Variant(name="chunks against a limit", chunk_size=MIB)


ONE = [RESUMABLE, ("Upload-Length", "1")]


async def limited(folder: Path, status: int, in_a_minute: int) -> Server:
    """Whose limit of requests is used up."""
    settings = {"rates.address_requests": str(in_a_minute), "rates.status": str(status)}
    server = await Server(folder=folder, settings=settings).start()
    while (await request(server.address, "POST", "/files/", ONE)).status == 201:
        pass
    return server


async def test_it_repeats_a_503_and_its_patches_wait(tmp_path: Path, seed: int) -> None:
    server = await limited(tmp_path, 503, 120)
    try:
        path = Content(seed=seed, length=6 * MIB).write_to(tmp_path / "content.bin")
        outcome = await tus_js_client(CHUNKS, server.files_url, path, tmp_path / "urls.json")
        assert outcome.statuses["POST 201"] == 1, "the upload was begun again from byte 0"
        assert outcome.statuses["PATCH 204"] == 6
    finally:
        await server.stop()


async def test_it_gives_up_at_a_429_as_it_does_at_any_4xx(tmp_path: Path, seed: int) -> None:
    server = await limited(tmp_path, 429, 1)
    try:
        path = Content(seed=seed, length=MIB).write_to(tmp_path / "content.bin")
        with pytest.raises(ClientFailed, match="429"):
            await tus_js_client(CHUNKS, server.files_url, path, tmp_path / "urls.json")
    finally:
        await server.stop()
