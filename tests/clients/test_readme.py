"""The recipe of the README, as somebody types it."""

import asyncio
import re
import shutil
from pathlib import Path

import pytest

from tests.harness.content import Content
from tests.harness.server import ROOT, Server

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")


async def test_an_upload_with_curl_comes_back_beside_what_was_sent(
    shared_server: Server, tmp_path: Path, seed: int
) -> None:
    recipes = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    (recipe,) = (text for text in recipes if "photo.jpg" in text and "curl" in text)
    content = Content(seed=seed, length=1 << 20)
    content.write_to(tmp_path / "photo.jpg")
    typed = recipe.replace("http://127.0.0.1:8080", shared_server.address.url)
    shell = await asyncio.create_subprocess_exec(
        *("sh", "-euc", typed), cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await shell.communicate()
    assert shell.returncode == 0, said.decode()
    assert content.matches(0, (tmp_path / "copy.jpg").read_bytes())
