"""The recipes of docs/multipart.md, as somebody types them."""

import asyncio
import re
import shutil
from pathlib import Path

import pytest

from tests.harness.content import Content
from tests.harness.multipart import begin
from tests.harness.server import ROOT, Server
from tests.services.seaweedfs import Bucket

pytestmark = pytest.mark.skipif(
    None in [shutil.which(name) for name in ("curl", "openssl")], reason="there is no curl, or no openssl"
)

RECIPES = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "multipart.md").read_text(), re.DOTALL)


async def _typed(commands: str, folder: Path) -> str:
    shell = await asyncio.create_subprocess_exec(
        "sh", "-euc", commands, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await shell.communicate()
    assert shell.returncode == 0, said.decode()
    return said.decode()


async def test_a_file_is_split_and_put_together(shared_server: Server, tmp_path: Path, seed: int) -> None:
    content = Content(seed=seed, length=(3 << 20) + 7)
    content.write_to(tmp_path / "photo.jpg")
    said = await _typed(RECIPES[0].replace("http://127.0.0.1:8080", shared_server.address.url), tmp_path)
    assert content.matches(0, (tmp_path / "copy.jpg").read_bytes())
    assert f'"file_size":{content.length}' in said


async def test_it_is_given_up(shared_server: Server, tmp_path: Path) -> None:
    multipart = await begin(shared_server.address)
    named = f"server={shared_server.address.url}\nid={multipart.id}\n"
    await _typed(named + RECIPES[1], tmp_path)
    assert (await multipart.show()).status == 404


async def test_parts_go_straight_to_the_bucket(tmp_path: Path, bucket: Bucket, seed: int) -> None:
    content = Content(seed=seed, length=(12 << 20) + 7)
    content.write_to(tmp_path / "video.mp4")
    settings = bucket.settings(s3_direct="true", s3_part_size="5MiB")
    async with Server(folder=tmp_path / "server", settings=settings) as server:
        said = await _typed(RECIPES[2].replace("http://127.0.0.1:8080", server.address.url), tmp_path)
    assert content.matches(0, (tmp_path / "copy.mp4").read_bytes())
    assert '"part_count":3' in said


def test_there_are_three() -> None:
    assert len(RECIPES) == 3
