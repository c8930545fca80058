"""The recipes of docs/ietf.md, as somebody types them."""

import asyncio
import re
import shutil
from pathlib import Path

import pytest

from tests.harness.content import Content
from tests.harness.server import ROOT, Server

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")

RECIPES = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "ietf.md").read_text(), re.DOTALL)


async def _typed(commands: str, folder: Path) -> str:
    shell = await asyncio.create_subprocess_exec(
        "sh", "-euc", commands, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await shell.communicate()
    assert shell.returncode == 0, said.decode()
    return said.decode()


def test_there_are_two() -> None:
    assert len(RECIPES) == 2


async def test_an_upload_in_one_request(shared_server: Server, tmp_path: Path, seed: int) -> None:
    content = Content(seed=seed, length=3 << 20)
    content.write_to(tmp_path / "photo.jpg")
    said = await _typed(RECIPES[0].replace("http://127.0.0.1:8080", shared_server.address.url), tmp_path)
    assert "HTTP/1.1 201 Created" in said
    assert "Upload-Complete: ?1" in said


async def test_an_upload_in_pieces_comes_back_beside_what_was_sent(
    shared_server: Server, tmp_path: Path, seed: int
) -> None:
    content = Content(seed=seed, length=1 << 20)
    half = content.length // 2
    content.write_to(tmp_path / "photo.jpg")
    (tmp_path / "first-half").write_bytes(content.read(0, half))
    (tmp_path / "second-half").write_bytes(content.read(half, content.length))
    said = await _typed(RECIPES[1].replace("http://127.0.0.1:8080", shared_server.address.url), tmp_path)
    assert f"Upload-Offset: {half}" in said
    assert content.matches(0, (tmp_path / "copy.jpg").read_bytes())
