"""Histories must find bugs. A slice of them runs with the crash suite (tests/crash/test_crash.py)."""

import asyncio
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.crash.planted import environ
from tests.harness.server import Server

from .run import first_divergence


@pytest.mark.parametrize(
    ("bug", "shown"),
    [("no checksum", r"wanted Said\(status=4[06]0"), ("no renewal", "Upload-Expires|max-age")],
)
async def test_histories_show_a_server_with(bug: str, shown: str, tmp_path: Path, seed: int) -> None:
    server = Server(folder=tmp_path, environ=environ(bug))
    try:
        found = await asyncio.to_thread(first_divergence, server, seed, 300, Counter(), shrink_for=0.0)
    finally:
        await server.stop()
    assert "Diverged" in found
    assert re.search(shown, found)
