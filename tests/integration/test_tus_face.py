"""The tus face over real sockets: what the service's own tests cannot see."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.harness.server import Server
from tests.harness.wire import Answer, Connection, head_of

POSTED = (
    ("Host", "localhost"),
    ("Tus-Resumable", "1.0.0"),
    ("Content-Type", "application/offset+octet-stream"),
    ("Upload-Length", "1000"),
)


@pytest.fixture
async def impatient(tmp_path: Path) -> AsyncIterator[Server]:
    """A server that waits half a second for the next byte."""
    async with Server(folder=tmp_path, settings={"timeouts.network": "0.5"}) as server:
        yield server


async def ask(
    server: Server, method: str, target: str, *headers: tuple[str, str], body: bytes = b""
) -> Answer:
    async with await Connection.open(server.address) as connection:
        await connection.send(head_of(method, target, headers), body)
        return await connection.answer(method)


async def test_a_post_whose_body_stalls_tells_where_to_go_on(impatient: Server) -> None:
    created = await ask(impatient, "POST", "/files/", *POSTED, ("Content-Length", "1000"), body=b"x" * 600)
    assert (created.status, created.headers["upload-offset"]) == (201, "600")
    assert created.headers["connection"] == "close"
    target = created.headers["location"].removeprefix(impatient.address.url)
    rest = (("Upload-Offset", "600"), ("Content-Length", "400"), *POSTED[:3])
    assert (await ask(impatient, "PATCH", target, *rest, body=b"y" * 400)).status == 204
    content = await ask(impatient, "GET", target, ("Host", "localhost"), ("Connection", "close"))
    assert content.body == b"x" * 600 + b"y" * 400


async def test_a_patch_whose_body_stalls_keeps_what_came_and_tells_the_offset(impatient: Server) -> None:
    created = await ask(impatient, "POST", "/files/", *POSTED[:2], POSTED[3], ("Content-Length", "0"))
    target = created.headers["location"].removeprefix(impatient.address.url)
    headers = (*POSTED[:3], ("Upload-Offset", "0"), ("Content-Length", "1000"))
    began = time.monotonic()
    stalled = await ask(impatient, "PATCH", target, *headers, body=b"x" * 300)
    assert time.monotonic() - began < 5
    assert (stalled.status, stalled.headers["upload-offset"]) == (503, "300")
    assert "retry-after" in stalled.headers
